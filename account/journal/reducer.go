package journal

import (
	"context"
	"sync"

	"openpayment/account"
	"openpayment/eventstore"
)

// reducer receives the log's events and makes the state from them; nothing else
// changes it.
type reducer struct {
	state *account.State

	mu   sync.Mutex // held while an event is applied, and while a draft is in use
	tail eventstore.Tail
}

// subscriberName is the reducer's, in logs and errors.
const subscriberName = "accounts"

func newReducer() *reducer { return &reducer{state: account.NewState()} }

// receive is the reducer's handler. An error is for good: the state can't go on
// without the event.
func (r *reducer) receive(_ context.Context, ev eventstore.Event) error {
	decoded, err := Decode(ev)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if decoded == nil {
		err = r.state.Pass(int64(ev.Seq))
	} else {
		err = r.state.Apply(decoded, stamp(ev))
	}
	if err == nil {
		r.tail = eventstore.Tail{Head: ev.Head(), Time: ev.Time}
	}
	return err
}

func stamp(ev eventstore.Event) account.Stamp {
	return account.Stamp{Seq: int64(ev.Seq), Time: ev.Time}
}

// draft lets the Writer decide; see [eventstore.Model].
func (r *reducer) draft(use func(*account.Draft, eventstore.Tail)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	use(account.NewDraft(r.state), r.tail)
}
