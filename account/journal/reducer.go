package journal

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
)

// reducer receives the log's events and makes the state from them; nothing else
// changes it.
type reducer struct {
	// state is exchanged as a whole by a replay, with mu held; whoever reads several
	// things of it loads it once.
	state atomic.Pointer[account.State]

	// mu is held while the events of one command are applied, and while a draft is in
	// use: what is seen with it held is never in the middle of a command.
	mu    sync.Mutex
	tail  eventstore.Tail
	group group // received behind tail, and not applied yet; mu guards it
}

// subscriberName is the reducer's, in logs and errors.
const subscriberName = "accounts"

// newReducer goes on from a state, and where that stands. There may be much to receive
// before anybody wants to know the state's digest: whoever has come to the end settles it.
func newReducer(state *account.State, tail eventstore.Tail) *reducer {
	state.PostponeDigest()
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
	place, err := partOf(ev, decoded)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ev.Seq == r.tail.Head.Position+1 {
		r.group.clear() // the log is read again from where the state stands
	}
	whole, err := r.group.add(member{ev, decoded}, place)
	if err != nil || !whole {
		return err
	}
	defer r.group.clear()
	return r.apply(r.group)
}

// apply makes all events of a command part of the state, or none; with mu held.
func (r *reducer) apply(g group) error {
	state := r.state.Load()
	if err := g.check(state); err != nil {
		return err
	}
	for _, m := range g.members {
		var err error
		if m.decoded == nil {
			err = state.Pass(m.ev.Subject, stamp(m.ev))
		} else {
			err = state.Apply(m.decoded, stamp(m.ev))
		}
		if err != nil {
			return err
		}
		r.tail = eventstore.Tail{Head: m.ev.Head(), Time: m.ev.Time}
	}
	return nil
}

// gathering is the position of the last event of the command that has been received
// in part, 0 if there is none.
func (r *reducer) gathering() eventstore.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.group.end()
}

// missing is why the command that has been received in part does not get whole, nil
// if it may.
func (r *reducer) missing() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.group.missing()
}

// time is that of the newest event applied.
func (r *reducer) time() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tail.Time
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
