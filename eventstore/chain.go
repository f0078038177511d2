package eventstore

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"
)

// Hash is a SHA-256 value.
type Hash [sha256.Size]byte

// String is the hash in lower-case hexadecimal, 64 digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads what [Hash.String] writes.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != hex.EncodedLen(len(h)) {
		return Hash{}, fmt.Errorf("a hash has %d hexadecimal digits, not %d", hex.EncodedLen(len(h)), len(s))
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err
}

// ChainHash is the hash e must carry when it follows an event with hash prev:
// SHA-256 over prev and every other field, each preceded by its length in
// 8 bytes (big endian), numbers as 8 bytes, Time in milliseconds since 1970,
// Meta as its number of entries and then keys and values in the order of the
// keys. The log's name and the partition are left out, so that a copied log
// keeps its hashes.
//
// This is a stored format: it must never change. A test pins it.
func (e Event) ChainHash(prev Hash) Hash {
	room := chained.Get().(*[]byte)
	buf := (*room)[:0]
	number := func(n int64) { buf = binary.BigEndian.AppendUint64(buf, uint64(n)) }
	text := func(s string) {
		number(int64(len(s)))
		buf = append(buf, s...)
	}
	number(int64(len(prev)))
	buf = append(buf, prev[:]...)
	number(8)
	number(int64(e.Seq))
	number(int64(len(e.ID)))
	buf = append(buf, e.ID[:]...)
	text(e.Type)
	text(e.Subject)
	number(8)
	number(e.Time.UnixMilli())
	number(int64(len(e.Meta)))
	for i := range e.Meta {
		text(e.Meta[i].Name)
		text(e.Meta[i].Value)
	}
	text(e.Data)
	hash := sha256.Sum256(buf)
	*room = buf
	chained.Put(room)
	return hash
}

// chained is memory to lay out in what is hashed: for every event that is read and
// written, which is too often to make it each time.
var chained = sync.Pool{New: func() any { return new(make([]byte, 0, 1024)) }}

// Follows reports as [KindDamaged] why e cannot be the event after head, or nil
// if it is: the next position, and a hash that continues the chain.
func (e Event) Follows(head Head) error {
	if e.Seq != head.Position+1 {
		return newError("verify", KindDamaged, fmt.Errorf("event %d stands where event %d belongs", e.Seq, head.Position+1))
	}
	if e.ChainHash(head.Hash) != e.Hash {
		return newError("verify", KindDamaged, fmt.Errorf("event %d does not match its hash, or the event before it was changed", e.Seq))
	}
	return nil
}
