package eventstore

import "sync/atomic"

// memoEvents is how many events a [Memo] can know something of: as many as the
// window of a [Poller] has room for.
const memoEvents = 16_384

// Memo remembers something that was made of each of the newest events, so that what
// many need of one event is made about once. It is safe for concurrent use; two that
// make the same thing at the same time don't disturb each other. The zero Memo is
// empty.
type Memo[T any] struct {
	places [memoEvents]atomic.Pointer[remembered[T]] // an event's is its position, modulo their number
}

type remembered[T any] struct {
	of    Hash // the event's
	value T
}

// Get gives what was put for ev, unless another event has taken its place.
func (m *Memo[T]) Get(ev *Event) (value T, ok bool) {
	r := m.places[ev.Seq%memoEvents].Load()
	if r == nil || r.of != ev.Hash {
		return value, false
	}
	return r.value, true
}

// Put remembers value for ev.
func (m *Memo[T]) Put(ev *Event, value T) {
	m.places[ev.Seq%memoEvents].Store(&remembered[T]{ev.Hash, value})
}
