package subscriptions

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// Config is what a [Registry] is made of. Store and Source are required.
type Config struct {
	Store  eventstore.SubscriptionStore
	Source Source
	// Interval is the time between two looks at the store while somebody reads here:
	// whether another reader has come, what was acknowledged elsewhere; and between two
	// writes of how far a reader has come without anything to acknowledge. Default: 1 s.
	Interval time.Duration
}

// Registry is a node's access to the subscriptions of a log. It is safe for concurrent
// use. One goroutine looks after the readers; [Registry.Close] ends it.
type Registry struct {
	cfg    Config
	acks   acks
	taking chan struct{} // holds one while a reader takes its place

	stop    context.CancelFunc
	running context.Context // ends with Close
	done    sync.WaitGroup  // the goroutine that looks after the readers

	mu      sync.Mutex // guards what follows
	closing bool
	readers map[string]*Reader // by name of subscription, the newest of each here
	seen    []eventstore.NamedSubscription
}

// Start makes a registry. The store is the caller's to close, after it.
func Start(cfg Config) *Registry {
	if cfg.Interval <= 0 {
		cfg.Interval = time.Second
	}
	r := &Registry{cfg: cfg, taking: make(chan struct{}, 1), readers: make(map[string]*Reader)}
	r.acks.store = cfg.Store
	r.running, r.stop = context.WithCancel(context.Background())
	r.done.Go(r.watch)
	return r
}

// EndReaders ends all readers with [ErrClosing], and lets none begin any more. They are
// still to be closed by whoever opened them.
func (r *Registry) EndReaders() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = true
	for _, reader := range r.readers {
		reader.end(ErrClosing)
	}
}

// Close ends the readers and the goroutine. It may be called twice.
func (r *Registry) Close() {
	r.EndReaders()
	r.stop()
	r.done.Wait()
}

// Put makes a subscription, or gives the one of the name a filter; created tells which.
// Another filter ends the reader; it counts for what is not acknowledged yet.
//
// Errors: [ErrForbidden], [ErrOutside], [ErrStart], [ErrTooMany], *[BeyondError]; those of the store
// and the source.
func (r *Registry) Put(ctx context.Context, by Caller, name string, d Definition) (s Status, created bool, err error) {
	for {
		now, err := r.load(ctx, by, name)
		if errors.Is(err, ErrNotFound) {
			now, err = r.create(ctx, by, name, d)
			created = err == nil
		} else if err == nil {
			now, err = r.change(ctx, by, now, d)
		}
		if eventstore.KindOf(err) == eventstore.KindConflict {
			continue // somebody was first: look again
		}
		return r.status(now), created, err
	}
}

func (r *Registry) create(ctx context.Context, by Caller, name string, d Definition) (eventstore.NamedSubscription, error) {
	sub := eventstore.NamedSubscription{
		Name: name, ID: newID(), Owner: by.Name, Type: d.Filter.Type, Subject: d.Filter.Subject,
		Start: cmp.Or(d.Start, StartBeginning), Created: time.Now().UTC().Truncate(time.Millisecond),
	}
	if err := by.may(sub); err != nil {
		return sub, err
	}
	all, err := r.cfg.Store.Subscriptions(ctx)
	if err != nil {
		return sub, err
	}
	if len(all) >= MaxSubscriptions {
		return sub, ErrTooMany
	}
	if sub.Passed, err = r.beginning(ctx, sub.Start); err != nil {
		return sub, err
	}
	return sub, r.cfg.Store.SwapSubscription(ctx, eventstore.NamedSubscription{}, sub)
}

// beginning is the head behind which a subscription begins.
func (r *Registry) beginning(ctx context.Context, start string) (eventstore.Head, error) {
	if at, ok := startPosition(start); ok {
		return r.headAt(ctx, at)
	}
	if start != StartEnd {
		return eventstore.Head{}, nil
	}
	if err := r.cfg.Source.CatchUp(ctx); err != nil {
		return eventstore.Head{}, err
	}
	return r.cfg.Source.HeadAt(ctx, r.cfg.Source.Applied())
}

// headAt is the log's head at a position: *[BeyondError] if it has not got there, on any
// node.
func (r *Registry) headAt(ctx context.Context, at eventstore.Position) (eventstore.Head, error) {
	if at > r.cfg.Source.Applied() {
		if err := r.cfg.Source.CatchUp(ctx); err != nil {
			return eventstore.Head{}, err
		}
		if head := r.cfg.Source.Applied(); at > head {
			return eventstore.Head{}, &BeyondError{at, head}
		}
	}
	return r.cfg.Source.HeadAt(ctx, at)
}

func (r *Registry) change(ctx context.Context, by Caller, now eventstore.NamedSubscription, d Definition) (eventstore.NamedSubscription, error) {
	if d.Start != "" && !sameStart(d.Start, now.Start) {
		return now, ErrStart
	}
	if d.Filter == filterOf(now) {
		return now, nil
	}
	next := now
	next.Type, next.Subject, next.Reader = d.Filter.Type, d.Filter.Subject, newID()
	if err := by.may(next); err != nil {
		return now, err
	}
	if err := r.cfg.Store.SwapSubscription(ctx, now, next); err != nil {
		return now, err
	}
	r.endReader(now.Name, ErrSuperseded)
	return next, nil
}

// Get gives one subscription. Errors: [ErrNotFound], [ErrForbidden],
// [ErrOutside]; the store's.
func (r *Registry) Get(ctx context.Context, by Caller, name string) (Status, error) {
	sub, err := r.load(ctx, by, name)
	return r.status(sub), err
}

// List gives those that the caller may use, by name. Errors: the store's.
func (r *Registry) List(ctx context.Context, by Caller) ([]Status, error) {
	all, err := r.cfg.Store.Subscriptions(ctx)
	return r.statuses(slices.DeleteFunc(all, func(sub eventstore.NamedSubscription) bool { return by.may(sub) != nil })), err
}

// Seen gives all subscriptions as this node saw them last, without asking the store: a
// second ago while it has readers, and some ten without, if the store could be asked.
func (r *Registry) Seen() []Status {
	r.mu.Lock()
	seen := r.seen
	r.mu.Unlock()
	return r.statuses(seen)
}

// Delete removes a subscription. Its reader ends with [ErrDeleted]. Errors: as for Get.
func (r *Registry) Delete(ctx context.Context, by Caller, name string) error {
	for {
		sub, err := r.load(ctx, by, name)
		if err != nil {
			return err
		}
		err = r.cfg.Store.SwapSubscription(ctx, sub, eventstore.NamedSubscription{})
		if eventstore.KindOf(err) == eventstore.KindConflict {
			continue
		}
		if err == nil {
			r.endReader(name, ErrDeleted)
		}
		return err
	}
}

// Ack acknowledges all events up to seq and tells how far that is in all: an event that
// was acknowledged before may be so again. What it tells is durable.
//
// Errors: as for Get; *[BeyondError] for an event that the log does not have.
func (r *Registry) Ack(ctx context.Context, by Caller, name string, seq eventstore.Position) (eventstore.Position, error) {
	sub, err := r.load(ctx, by, name)
	if err != nil || seq <= sub.Done().Position {
		return sub.Done().Position, err
	}
	at, err := r.headAt(ctx, seq)
	if err == nil {
		err = r.acks.save(ctx, sub.ID, at)
	}
	if err != nil {
		return 0, err
	}
	if reader := r.reader(name); reader != nil && reader.sub.ID == sub.ID {
		reader.acknowledged(at)
	}
	return seq, nil
}

// load gives a subscription that the caller may use.
func (r *Registry) load(ctx context.Context, by Caller, name string) (eventstore.NamedSubscription, error) {
	if !ValidName(name) {
		return eventstore.NamedSubscription{}, ErrNotFound
	}
	sub, err := r.cfg.Store.Subscription(ctx, name)
	if eventstore.KindOf(err) == eventstore.KindMissing {
		return sub, ErrNotFound
	}
	if err != nil {
		return sub, err
	}
	return sub, by.may(sub)
}

func (r *Registry) status(sub eventstore.NamedSubscription) Status {
	return Status{sub, max(r.cfg.Source.Newest(), sub.Done().Position)}
}

func (r *Registry) statuses(all []eventstore.NamedSubscription) []Status {
	list := make([]Status, len(all))
	for i := range all {
		list[i] = r.status(all[i])
	}
	return list
}

func (r *Registry) reader(name string) *Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readers[name]
}

// endReader ends the reader that a subscription has here, if any.
func (r *Registry) endReader(name string, why error) {
	if reader := r.reader(name); reader != nil {
		reader.end(why)
	}
}

func filterOf(sub eventstore.NamedSubscription) Filter { return Filter{sub.Type, sub.Subject} }

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
