package account

import (
	"iter"
	"slices"
	"sync"
	"time"

	"openpayment/internal/mutant"
)

// KeyView gives the idempotency keys that are remembered at some position.
type KeyView interface {
	// KeyUse tells what the key with this text was used for; ok is false when it is
	// not remembered.
	KeyUse(text string) (use KeyUse, ok bool)
	// KeysAt is how many keys will be remembered behind an event of the given time,
	// which is not before that of any other.
	KeysAt(at time.Time) int
}

// keys are the idempotency keys of the events of the last [KeyLife]: a queue in
// the order of the log. They come and go with events only, so that they are the
// same wherever these were applied. It is safe for concurrent use, with one
// goroutine at a time that applies events.
type keys struct {
	mu sync.RWMutex // guards all below; held for one look-up or one event
	// queue has the oldest first. A frozen state may hold parts of the array: what
	// is not the newest stays as it is.
	queue  []*KeyUse
	byText map[string]*KeyUse // nil while there are none
	left   int                // uses that have left the front of the queue, but not its array yet
	sum    Digest             // of all in the queue
}

func (k *keys) use(text string) (KeyUse, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if u, ok := k.byText[text]; ok {
		return *u, true
	}
	return KeyUse{}, false
}

func (k *keys) at(t time.Time) int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	gone, _ := slices.BinarySearchFunc(k.queue, t, func(u *KeyUse, t time.Time) int {
		if u.expired(t) {
			return -1
		}
		return 1
	})
	return len(k.queue) - gone
}

func (k *keys) len() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.queue)
}

// apply takes up the key of an event, if it has one, and forgets those that are
// too old by then. It gives the difference for the digest.
func (k *keys) apply(at Stamp) (change Digest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := at.Time
	if mutant.On(mutant.ForgetsKeysByOwnClock) {
		now = time.Now()
	}
	if newest := k.newest(); newest != nil && newest.expired(now) {
		change.subtract(k.sum) // all at once: after a quiet day there may be a million
		k.queue, k.byText, k.left, k.sum = nil, nil, 0, Digest{}
	}
	for len(k.queue) > 0 && k.queue[0].expired(now) {
		change.subtract(k.forget())
	}
	if at.Key.Given() {
		k.take(at, &change)
	}
	return change
}

// take takes up the key of an event; with mu held.
func (k *keys) take(at Stamp, change *Digest) {
	newest, added := k.newest(), nextUse(k.newest(), at)
	switch {
	case newest.continues(at):
		digest := newest.digest()
		k.sum.subtract(digest)
		change.subtract(digest)
		k.queue = k.queue[:len(k.queue)-1]
	case k.byText[at.Key.Text] != nil:
		return // the first one counts
	}
	change.add(k.append(added))
}

// append makes u the newest, and gives its digest; with mu held.
func (k *keys) append(u *KeyUse) Digest {
	if k.byText == nil {
		k.byText = make(map[string]*KeyUse)
	}
	k.queue, k.byText[u.Text] = append(k.queue, u), u
	digest := u.digest()
	k.sum.add(digest)
	return digest
}

func (k *keys) newest() *KeyUse {
	if len(k.queue) == 0 {
		return nil
	}
	return k.queue[len(k.queue)-1]
}

// forget drops the oldest, and gives its digest; with mu held.
func (k *keys) forget() Digest {
	oldest := k.queue[0]
	delete(k.byText, oldest.Text)
	if k.queue, k.left = k.queue[1:], k.left+1; k.left > len(k.queue) {
		k.queue, k.left = slices.Clone(k.queue), 0
	}
	digest := oldest.digest()
	k.sum.subtract(digest)
	return digest
}

// frozenKeys are keys as they were at one moment.
type frozenKeys struct {
	older  []*KeyUse
	newest *KeyUse // apart: another one takes its place when its command goes on
}

func (k *keys) freeze() frozenKeys {
	k.mu.RLock()
	defer k.mu.RUnlock()
	older := k.queue[:max(0, len(k.queue)-1)]
	return frozenKeys{slices.Clip(older), k.newest()}
}

// Keys yields the uses of all keys that are remembered, in the order of the log.
func (f *Frozen) Keys() iter.Seq[KeyUse] {
	return func(yield func(KeyUse) bool) {
		for _, u := range f.keys.older {
			if !yield(*u) {
				return
			}
		}
		if f.keys.newest != nil {
			yield(*f.keys.newest)
		}
	}
}

// CompareKeys counts the uses of keys that are in only one of two frozen states,
// or not the same in both.
func CompareKeys(left, right *Frozen) (differing int) {
	next, stop := iter.Pull(right.Keys())
	defer stop()
	r, more := next()
	for l := range left.Keys() {
		for ; more && r.First < l.First; r, more = next() {
			differing++
		}
		if !more || r.First != l.First || !r.same(l) {
			differing++
		}
		if more && r.First == l.First {
			r, more = next()
		}
	}
	for ; more; r, more = next() {
		differing++
	}
	return differing
}
