package account

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// KeyLife is for how long a key is remembered, by the times of the log.
const KeyLife = 24 * time.Hour

// MaxKeyChars is how long the text of a key may be.
const MaxKeyChars = 255

// Key is what a caller names a command by, so that it can be asked for again
// without being carried out again. The zero Key is none.
type Key struct {
	Text        string // 1 to MaxKeyChars printable ASCII characters
	Fingerprint Fingerprint
}

// Fingerprint tells the request that a key came with from all others.
type Fingerprint [sha256.Size]byte

// ValidKey tells whether s can be the text of a key.
func ValidKey(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= MaxKeyChars
}

// Given tells whether there is a key.
func (k Key) Given() bool { return k.Text != "" }

// KeyUse is a key, and the command it was used for. Values never change.
type KeyUse struct {
	Key
	First, Last int64 // positions of the command's first event and of its last
	// Time is that of the last event, and never before that of the use before, even
	// if the log's times should go back.
	Time time.Time
}

// Judge is nil if k comes with the request that the key was used for; otherwise
// it is a *[Refusal].
func (u KeyUse) Judge(k Key) error {
	if k == u.Key {
		return nil
	}
	return &Refusal{Code: CodeKeyReused, Detail: fmt.Sprintf(
		"this idempotency key was used for another request, which became event %d: use a new key for each command, and repeat one with the same method, path, query, If-Match and body", u.Last)}
}

// continues tells whether the event at the given stamp belongs to the command as
// well: it comes directly behind, with the same key.
func (u *KeyUse) continues(at Stamp) bool {
	return u != nil && u.Key == at.Key && u.Last+1 == at.Seq
}

// expired tells whether the key is forgotten with an event of the given time.
func (u *KeyUse) expired(at time.Time) bool { return u.Time.Before(at.Add(-KeyLife)) }

func (u KeyUse) same(v KeyUse) bool {
	return u.Key == v.Key && u.First == v.First && u.Last == v.Last && u.Time.Equal(v.Time)
}

// nextUse is what becomes of the newest use, which may be nil, with an event that
// has a key: the same command goes on, or another one begins.
func nextUse(newest *KeyUse, at Stamp) *KeyUse {
	next := KeyUse{Key: at.Key, First: at.Seq, Last: at.Seq, Time: at.Time}
	if newest == nil {
		return &next
	}
	if newest.continues(at) {
		next.First = newest.First
	}
	if next.Time.Before(newest.Time) {
		next.Time = newest.Time
	}
	return &next
}

// digest is the use's part of a state's [Digest]. What it hashes is a stored
// format. It begins with words that are longer than the number that an account's
// begins with: no use has the digest of an account.
func (u *KeyUse) digest() Digest {
	h := newHashed()
	h.text("idempotency key")
	h.text(u.Text)
	h.buf = append(h.buf, u.Fingerprint[:]...)
	h.number(u.First)
	h.number(u.Last)
	h.number(u.Time.UnixMilli())
	return h.sum()
}
