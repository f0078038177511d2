package account

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"sync"
)

// Digest sums up a set of accounts, of uses of keys and of subjects' versions, whatever
// their order: the sum, as a number of 256 bits, of the SHA-256 of each. It finds mistakes, of programs and of
// disks; against somebody who may choose the accounts' contents at will it is
// weaker than a hash (Wagner 2002, A Generalized Birthday Problem), and the hash
// chain of the log is what protects.
type Digest [sha256.Size]byte

// String is the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// digestOf covers every field. What it hashes is a stored format, like the
// events: states of different versions of this program are compared by it.
func digestOf(a *Account) Digest {
	h := newHashed()
	list := func(l []string) {
		h.number(int64(len(l)))
		for _, s := range l {
			h.text(s)
		}
	}
	h.text(string(a.Number))
	h.text(a.SortCode)
	list(a.CustomerURLs)
	list(a.CardURLs)
	h.text(string(a.Currency))
	h.number(a.Balance)
	h.text(string(a.Status))
	h.number(a.Version)
	h.number(a.OpenedAt.UnixMilli())
	h.number(a.UpdatedAt.UnixMilli())
	return h.sum()
}

// hashed gathers what a digest covers, each text behind its length. It is of no more
// use after sum: its memory is another's then.
type hashed struct{ buf []byte }

var hasheds = sync.Pool{New: func() any { return &hashed{make([]byte, 0, 512)} }}

func newHashed() *hashed { return hasheds.Get().(*hashed) }

func (h *hashed) text(s string) {
	h.buf = binary.BigEndian.AppendUint32(h.buf, uint32(len(s)))
	h.buf = append(h.buf, s...)
}

func (h *hashed) number(n int64) { h.buf = binary.BigEndian.AppendUint64(h.buf, uint64(n)) }

func (h *hashed) sum() Digest {
	sum := sha256.Sum256(h.buf)
	h.buf = h.buf[:0]
	hasheds.Put(h)
	return sum
}

func (d *Digest) add(e Digest) {
	d.combine(e, bits.Add64)
}

func (d *Digest) subtract(e Digest) {
	d.combine(e, bits.Sub64)
}

// combine works on 64 bits at a time, least significant first, and drops the
// last carry: arithmetic modulo 2²⁵⁶.
func (d *Digest) combine(e Digest, step func(x, y, carry uint64) (uint64, uint64)) {
	var carry, word uint64
	for i := 0; i < len(d); i += 8 {
		word, carry = step(binary.LittleEndian.Uint64(d[i:]), binary.LittleEndian.Uint64(e[i:]), carry)
		binary.LittleEndian.PutUint64(d[i:], word)
	}
}
