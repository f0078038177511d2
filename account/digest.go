package account

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
)

// Digest sums up a set of accounts and of uses of keys, whatever their order: the
// sum, as a number of 256 bits, of the SHA-256 of each. It finds mistakes, of programs and of
// disks; against somebody who may choose the accounts' contents at will it is
// weaker than a hash (Wagner 2002, A Generalized Birthday Problem), and the hash
// chain of the log is what protects.
type Digest [sha256.Size]byte

// String is the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// digestOf covers every field. What it hashes is a stored format, like the
// events: states of different versions of this program are compared by it.
func digestOf(a *Account) Digest {
	buf := make([]byte, 0, 512)
	text := func(s string) {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(s)))
		buf = append(buf, s...)
	}
	number := func(n int64) { buf = binary.BigEndian.AppendUint64(buf, uint64(n)) }
	list := func(l []string) {
		number(int64(len(l)))
		for _, s := range l {
			text(s)
		}
	}
	text(string(a.Number))
	text(a.SortCode)
	list(a.CustomerURLs)
	list(a.CardURLs)
	text(string(a.Currency))
	number(a.Balance)
	text(string(a.Status))
	number(a.Version)
	number(a.OpenedAt.UnixMilli())
	number(a.UpdatedAt.UnixMilli())
	return sha256.Sum256(buf)
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
