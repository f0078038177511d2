package simulation

import (
	"context"
	"errors"

	"openpayment/eventstore"
)

// relay is a durable subscriber in a process of its own.
type relay struct {
	poller       *eventstore.Poller
	subscription *eventstore.Subscription
}

// errLater is why the relay's handler wants an event again.
var errLater = errors.New("not now")

func (p *process) startRelay() {
	w := p.world
	poller, err := eventstore.StartPoller(context.Background(), eventstore.NewLog(p), eventstore.PollerConfig{WindowEvents: w.profile.windowEvents})
	var s *eventstore.Subscription
	if err == nil {
		s, err = poller.Subscribe(context.Background(), eventstore.SubscriptionConfig{Name: "relay", Cursors: p, Handle: p.relays})
		if err != nil {
			poller.Close()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.failed = err; err == nil {
		p.relay = &relay{poller, s}
	}
}

// relays is the handler. Every event must have come before the one behind it, though
// after a crash some come again. Each fifth is not taken at first.
func (p *process) relays(_ context.Context, ev eventstore.Event) error {
	w := p.world
	w.mu.Lock()
	last, mine := w.relayed, p.received
	refuse := p.dead || ev.Seq%5 == 0 && p.refused != ev.Seq
	if refuse {
		p.refused = ev.Seq
	} else {
		w.relayed, p.received = max(last, ev.Seq), ev.Seq
	}
	dead := p.dead
	w.mu.Unlock()
	switch {
	case dead:
	case ev.Seq > last+1:
		w.violated("%s: the subscriber is given event %d, and never was event %d", p.name, ev.Seq, last+1)
	case mine != 0 && ev.Seq != mine+1:
		w.violated("%s: the subscriber is given event %d where event %d is due", p.name, ev.Seq, mine+1)
	}
	if refuse {
		return errLater
	}
	return nil
}
