package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/subscriptions"
	"openpayment/internal/pause"
)

// named is a subscriber with a name, which the store remembers: it reads on one node or
// another, and acknowledges on any.
type named struct {
	from   *process // where it reads; nil while nowhere
	cancel context.CancelFunc
	life   int

	// Guarded by the world's mu.
	last      eventstore.Position // the reader was given, 0 for nothing yet
	asked     eventstore.Position // the highest that was to be acknowledged
	confirmed eventstore.Position // the highest of which it was told that it is
}

const subscription = "payments"

var subscriber = subscriptions.Caller{Name: "somebody"}

var _ eventstore.SubscriptionStore = (*process)(nil)

// Subscriptions implements [eventstore.SubscriptionStore].
func (p *process) Subscriptions(ctx context.Context) ([]eventstore.NamedSubscription, error) {
	v, err := p.ask(ctx, &call{op: opLoad, detail: "subscriptions",
		perform: func() (any, error) { return p.world.store.names.Subscriptions(context.Background()) }})
	if err != nil {
		return nil, err
	}
	return v.([]eventstore.NamedSubscription), nil
}

// Subscription implements [eventstore.SubscriptionStore].
func (p *process) Subscription(ctx context.Context, name string) (eventstore.NamedSubscription, error) {
	v, err := p.ask(ctx, &call{op: opLoad, detail: "subscription",
		perform: func() (any, error) { return p.world.store.names.Subscription(context.Background(), name) }})
	if err != nil {
		return eventstore.NamedSubscription{}, err
	}
	return v.(eventstore.NamedSubscription), nil
}

// SwapSubscription implements [eventstore.SubscriptionStore].
func (p *process) SwapSubscription(ctx context.Context, was, next eventstore.NamedSubscription) error {
	_, err := p.ask(ctx, &call{op: opSave, detail: "subscription",
		perform: func() (any, error) {
			return nil, p.world.store.names.SwapSubscription(context.Background(), was, next)
		}})
	return err
}

// Acknowledge implements [eventstore.SubscriptionStore].
func (p *process) Acknowledge(ctx context.Context, id uuid.UUID, at eventstore.Head) error {
	_, err := p.ask(ctx, &call{op: opSave, detail: fmt.Sprintf("acknowledgement of %d", at.Position),
		perform: func() (any, error) { return nil, p.world.store.names.Acknowledge(context.Background(), id, at) }})
	return err
}

// read makes the subscriber a reader on a node, whatever it reads elsewhere.
func (w *world) read(p *process) {
	n := w.named
	ctx, cancel := context.WithCancel(context.Background())
	w.cancels = append(w.cancels, cancel)
	n.from, n.cancel = p, cancel
	w.mu.Lock()
	n.life++
	life := n.life
	n.last = 0
	least := n.confirmed
	w.mu.Unlock()
	w.tell("the subscriber reads at %s", p.name)
	go func() { // ends with cancel, or when another reads
		w.reading(ctx, p, life, least)
		w.mu.Lock()
		defer w.mu.Unlock()
		if n.life == life {
			w.unread = true
		}
	}()
}

// reading reads and acknowledges until it can't go on. least is what was acknowledged
// for certain before it began.
func (w *world) reading(ctx context.Context, p *process, life int, least eventstore.Position) {
	registry := p.service.Subscriptions()
	if _, _, err := registry.Put(ctx, subscriber, subscription, subscriptions.Definition{}); err != nil {
		return
	}
	r, err := registry.Read(ctx, subscriber, subscription, 3)
	if err != nil {
		return
	}
	defer r.Close()
	bound, stop := r.Bind(ctx)
	defer stop()
	for bound.Err() == nil {
		err := r.Next(bound, func(ev eventstore.Event) bool {
			w.gives(p, life, least, ev.Seq)
			return ev.Seq%2 > 0
		})
		if err != nil && eventstore.KindOf(err) != eventstore.KindUnavailable {
			return
		}
		w.acknowledges(bound, p, registry, life)
	}
}

// gives looks at an event that a reader was given.
func (w *world) gives(p *process, life int, least, seq eventstore.Position) {
	w.mu.Lock()
	n := w.named
	if p.dead || n.life != life { // another reads by now: what this one is given may come twice
		w.mu.Unlock()
		return
	}
	last, asked := n.last, n.asked
	n.last = seq
	w.mu.Unlock()
	switch {
	case last == 0 && seq <= least:
		w.violated("%s: a subscriber who comes is given event %d, and event %d was acknowledged before", p.name, seq, least)
	case last == 0 && seq > asked+1:
		w.violated("%s: a subscriber who comes is given event %d, and acknowledged %d at most", p.name, seq, asked)
	case last != 0 && seq != last+1 && seq > asked+1:
		w.violated("%s: a subscriber is given event %d behind event %d", p.name, seq, last)
	case last != 0 && seq <= last:
		w.violated("%s: a reader is given event %d once more, behind event %d", p.name, seq, last)
	}
}

// acknowledges acknowledges all that this reader was given.
func (w *world) acknowledges(ctx context.Context, p *process, registry *subscriptions.Registry, life int) {
	w.mu.Lock()
	n := w.named
	seq := n.last
	if n.life != life || p.dead || seq <= n.confirmed {
		w.mu.Unlock()
		return
	}
	n.asked = max(n.asked, seq)
	w.mu.Unlock()
	at, err := registry.Ack(ctx, subscriber, subscription, seq)
	for err != nil && ctx.Err() == nil && pause.For(ctx, time.Second) { // it gets no more events until it has
		at, err = registry.Ack(ctx, subscriber, subscription, seq)
	}
	if err != nil {
		return
	}
	w.mu.Lock()
	before := n.confirmed
	n.confirmed = max(n.confirmed, at)
	w.mu.Unlock()
	if at < seq {
		w.violated("%s: event %d was to be acknowledged, and %d is", p.name, seq, at)
	}
	w.tell("%s: the subscriber is told that %d is acknowledged, after %d", p.name, at, before)
}

// subscribe has the subscriber read, if it reads nowhere, and now and then elsewhere.
func (w *world) subscribe(often float64) {
	n := w.named
	up := w.up()
	if n == nil || len(up) == 0 {
		return
	}
	w.mu.Lock()
	if w.unread {
		n.from, w.unread = nil, false
	}
	w.mu.Unlock()
	if n.from == nil && w.dice.Float64() < often || n.from != nil && w.chance(0.005) {
		w.read(choose(w.dice, up...).process)
	}
}

// unsubscribe ends the reading at a node that goes.
func (w *world) unsubscribe(p *process) {
	if n := w.named; n != nil && n.from == p {
		n.from = nil
		n.cancel()
		w.mu.Lock()
		n.life++ // what it is given now counts for nothing
		w.mu.Unlock()
	}
}

// subscribed tells how far the subscriber has come, as the store has it: it may know of
// more than the subscriber was told.
func (w *world) subscribed() eventstore.Position {
	sub, err := w.store.names.Subscription(context.Background(), subscription)
	if err != nil {
		return 0 // there is none yet
	}
	return sub.Acked.Position
}
