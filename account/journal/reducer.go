package journal

import (
	"context"
	"sync"
	"sync/atomic"

	"openpayment/account"
	"openpayment/eventstore"
)

// reducer receives the log's events and makes the state from them; nothing else
// changes it.
type reducer struct {
	// state is exchanged as a whole by a replay, with mu held; whoever reads several
	// things of it loads it once.
	state atomic.Pointer[account.State]

	mu   sync.Mutex // held while an event is applied, and while a draft is in use
	tail eventstore.Tail
}

// subscriberName is the reducer's, in logs and errors.
const subscriberName = "accounts"

// newReducer goes on from a state, and where that stands.
func newReducer(state *account.State, tail eventstore.Tail) *reducer {
	r := &reducer{tail: tail}
	r.state.Store(state)
	return r
}

// receive is the reducer's handler. An error is for good: the state can't go on
// without the event.
func (r *reducer) receive(_ context.Context, ev eventstore.Event) error {
	decoded, err := Decode(ev)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.apply(ev, decoded)
}

// apply makes ev part of the state; with mu held.
func (r *reducer) apply(ev eventstore.Event, decoded account.Event) (err error) {
	state := r.state.Load()
	if decoded == nil {
		err = state.Pass(stamp(ev))
	} else {
		err = state.Apply(decoded, stamp(ev))
	}
	if err == nil {
		r.tail = eventstore.Tail{Head: ev.Head(), Time: ev.Time}
	}
	return err
}

func stamp(ev eventstore.Event) account.Stamp {
	return account.Stamp{Seq: int64(ev.Seq), Time: ev.Time, Key: keyOf(ev.Meta)}
}

// draft lets the Writer decide; see [eventstore.Model].
func (r *reducer) draft(use func(*account.Draft, eventstore.Tail)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	use(account.NewDraft(r.state.Load()), r.tail)
}

// hold has the state stand still while do looks at where it stands.
func (r *reducer) hold(do func(*account.State, eventstore.Tail)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(r.state.Load(), r.tail)
}
