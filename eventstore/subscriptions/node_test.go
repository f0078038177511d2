package subscriptions_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
	"openpayment/eventstore/subscriptions"
	"openpayment/internal/pause"
)

// node is a registry on a log in memory that others may use too. It is its own
// [subscriptions.Source].
type node struct {
	*subscriptions.Registry
	t      fataler
	log    *eventstore.Log
	store  *memory.Store
	poller *eventstore.Poller
}

// fataler is what helpers need of a test, of whatever kind.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// tick is how often a node of these tests looks at the store.
const tick = time.Second

func newNode(t fataler, log *memory.Log) *node {
	t.Helper()
	return newNodeOn(t, log, log.Open())
}

func newNodeOn(t fataler, log *memory.Log, store eventstore.SubscriptionStore) *node {
	t.Helper()
	n := &node{t: t, store: log.Open()}
	n.log = eventstore.NewLog(n.store)
	var err error
	if n.poller, err = eventstore.StartPoller(context.Background(), n.log, eventstore.PollerConfig{}); err != nil {
		t.Fatalf("%v", err)
	}
	n.Registry = subscriptions.Start(subscriptions.Config{Store: store, Source: n, Interval: tick})
	t.Cleanup(n.stop)
	return n
}

// stop may be called twice.
func (n *node) stop() {
	n.Registry.Close()
	n.poller.Close()
}

func (n *node) Applied() eventstore.Position { return n.poller.Head().Position }
func (n *node) Newest() eventstore.Position  { return n.poller.Newest() }

func (n *node) CatchUp(ctx context.Context) error {
	head, err := n.log.Head(ctx)
	if err != nil {
		return err
	}
	if known := n.poller.Head(); head.Position < known.Position {
		return head.RegressedFrom(known)
	}
	return n.wait(ctx, head.Position)
}

func (n *node) wait(ctx context.Context, at eventstore.Position) error {
	for n.Applied() < at {
		n.poller.Wake()
		if !pause.For(ctx, 10*time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}

func (n *node) HeadAt(ctx context.Context, at eventstore.Position) (eventstore.Head, error) {
	return n.log.HeadAt(ctx, at)
}

func (n *node) Follow(after eventstore.Position, f subscriptions.Filter) subscriptions.Feed {
	return &feed{n, f, after}
}

// feed reads the log, page by page.
type feed struct {
	n  *node
	f  subscriptions.Filter
	at eventstore.Position
}

func (f *feed) Next(ctx context.Context, take func(eventstore.Event) bool) error {
	if err := f.n.wait(ctx, f.at+1); err != nil {
		return err
	}
	events, err := f.n.log.Page(ctx, f.at, f.n.Applied(), 7)
	if err != nil {
		return err
	}
	for _, ev := range events {
		f.at = ev.Seq
		if matches(f.f, ev) && !take(ev) {
			return nil
		}
	}
	return nil
}

func (f *feed) Position() eventstore.Position { return f.at }
func (f *feed) Close()                        {}

func matches(f subscriptions.Filter, ev eventstore.Event) bool {
	return (f.Type == "" || f.Type == ev.Type) && (f.Subject == "" || f.Subject == ev.Subject)
}

// append adds events of these types; their subjects are the types' too.
func (n *node) append(types ...string) {
	n.t.Helper()
	ctx := context.Background()
	head, err := n.store.Head(ctx)
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	batch := eventstoretest.NewBatch(head, time.Now(), len(types), func(i int, ev *eventstore.Event) {
		ev.Type, ev.Subject = types[i], "of/"+types[i]
	})
	if err := n.store.Append(ctx, head, batch); err != nil {
		n.t.Fatalf("%v", err)
	}
}

// anybody is who asks where there are no tokens.
var anybody = subscriptions.Caller{All: true}

func (n *node) put(name string, d subscriptions.Definition) subscriptions.Status {
	n.t.Helper()
	s, _, err := n.Put(context.Background(), anybody, name, d)
	if err != nil {
		n.t.Fatalf("put %s: %v", name, err)
	}
	return s
}

func (n *node) get(name string) subscriptions.Status {
	n.t.Helper()
	s, err := n.Get(context.Background(), anybody, name)
	if err != nil {
		n.t.Fatalf("get %s: %v", name, err)
	}
	return s
}

func (n *node) ack(name string, seq eventstore.Position) {
	n.t.Helper()
	if got, err := n.Ack(context.Background(), anybody, name, seq); err != nil || got < seq {
		n.t.Fatalf("acknowledge %d of %s: %d, %v", seq, name, got, err)
	}
}

func (n *node) delete(name string) {
	n.t.Helper()
	if err := n.Delete(context.Background(), anybody, name); err != nil {
		n.t.Fatalf("delete %s: %v", name, err)
	}
}

// visit is a reader at work: it gives what comes until it is stopped.
type visit struct {
	*subscriptions.Reader
	t   fataler
	ctx context.Context
}

func (n *node) read(name string, unacked int) *visit {
	n.t.Helper()
	r, err := n.Read(context.Background(), anybody, name, unacked)
	if err != nil {
		n.t.Fatalf("read %s: %v", name, err)
	}
	ctx, stop := r.Bind(context.Background())
	n.t.Cleanup(stop)
	return &visit{r, n.t, ctx}
}

// wants takes exactly these events, in this order, and nothing more for a while.
func (v *visit) wants(seqs ...eventstore.Position) {
	v.t.Helper()
	v.takes(seqs...)
	ctx, cancel := context.WithTimeout(v.ctx, 5*tick)
	defer cancel()
	for ctx.Err() == nil {
		_ = v.Next(ctx, func(ev eventstore.Event) bool {
			v.t.Fatalf("event %d came behind %v", ev.Seq, seqs)
			return false
		})
	}
}

// takes takes these events, in this order, of which none may be missing.
func (v *visit) takes(seqs ...eventstore.Position) {
	v.t.Helper()
	for len(seqs) > 0 {
		err := v.Next(v.ctx, func(ev eventstore.Event) bool {
			if ev.Seq != seqs[0] {
				v.t.Fatalf("event %d came, want %v", ev.Seq, seqs)
			}
			seqs = seqs[1:]
			return len(seqs) > 0
		})
		if err != nil {
			v.t.Fatalf("waiting for %v: %v", seqs, errors.Join(err, context.Cause(v.ctx)))
		}
	}
}

// ended requires that the reader must stop within so much time, and why.
func (v *visit) ended(within time.Duration, want error) {
	v.t.Helper()
	select {
	case <-v.ctx.Done():
	case <-time.After(within):
	}
	if got := context.Cause(v.ctx); !errors.Is(got, want) {
		v.t.Fatalf("the reader has ended with %v, want %v", got, want)
	}
}

// runs requires that the reader goes on.
func (v *visit) runs(within time.Duration) {
	v.t.Helper()
	select {
	case <-v.ctx.Done():
		v.t.Fatalf("the reader has ended: %v", context.Cause(v.ctx))
	case <-time.After(within):
	}
}

func seqs(events []eventstore.Event) string {
	var all []eventstore.Position
	for _, ev := range events {
		all = append(all, ev.Seq)
	}
	return fmt.Sprint(all)
}
