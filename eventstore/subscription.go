package eventstore

import (
	"context"
	"fmt"
	"time"

	"openpayment/internal/mutant"
	"openpayment/internal/pause"
)

// Handler receives one event. Returning nil acknowledges it. ctx ends when the
// subscription is closed.
type Handler func(ctx context.Context, ev Event) error

// SubscriptionConfig says what a subscriber wants. Name and Handle are required.
type SubscriptionConfig struct {
	// Name stands in logs, and is the key of a durable cursor.
	Name   string
	Handle Handler
	// After is where to begin: the first event delivered is the one behind it.
	After Head
	// Cursors makes the cursor durable: it is saved about once a second while
	// events are acknowledged, and when the subscription is closed. What was
	// acknowledged since the last save is delivered again after a crash. A saved
	// cursor takes the place of After.
	Cursors CursorStore
	// HaltOnError ends the subscription at the first error of Handle, for
	// subscribers to which a repetition is no use. Otherwise the event is
	// delivered again, after a wait that grows from RetryMin to RetryMax
	// (defaults: 100 ms and 30 s), until it is acknowledged.
	HaltOnError        bool
	RetryMin, RetryMax time.Duration
}

// saveInterval is how often a durable cursor is written while events flow.
const saveInterval = time.Second

// Subscription delivers events to one handler: each in order, the next only when
// the one before is acknowledged. It runs in a goroutine of its own with its own
// cursor, so that a slow or failing handler holds up nobody else.
type Subscription struct {
	cfg    SubscriptionConfig
	poller *Poller
	acked  progress
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended

	// The run goroutine's own: what Cursors holds, and when it was last written.
	saved   Head
	savedAt time.Time
}

// Subscribe starts a subscription; ctx bounds only the finding of its cursor.
// Errors: those of [CursorStore.LoadCursor] and [Log.HeadAt]; KindRegressed when
// the log does not hold the event the cursor stands on.
func (p *Poller) Subscribe(ctx context.Context, cfg SubscriptionConfig) (*Subscription, error) {
	cfg.RetryMin = orDefault(cfg.RetryMin, 100*time.Millisecond)
	cfg.RetryMax = max(orDefault(cfg.RetryMax, 30*time.Second), cfg.RetryMin)
	cursor := cfg.After
	if cfg.Cursors != nil {
		saved, err := cfg.Cursors.LoadCursor(ctx, cfg.Name)
		if err != nil {
			return nil, err
		}
		if saved != (Head{}) {
			cursor = saved
		}
	}
	if err := p.holds(ctx, cursor); err != nil {
		return nil, fmt.Errorf("subscriber %q: %w", cfg.Name, err)
	}
	run, cancel := context.WithCancel(p.running)
	s := &Subscription{
		cfg: cfg, poller: p, saved: cursor,
		acked: progress{head: cursor}, cancel: cancel, done: make(chan struct{}),
	}
	p.done.Go(func() {
		defer close(s.done)
		s.run(run)
	})
	return s, nil
}

// holds checks that cursor is a head this log has had.
func (p *Poller) holds(ctx context.Context, cursor Head) error {
	head := p.Head()
	if cursor.Position > head.Position { // saved by a process that has seen more
		var err error
		if head, err = p.log.Head(ctx); err != nil {
			return err
		}
	}
	if cursor.Position >= head.Position {
		return head.RegressedFrom(cursor)
	}
	found, err := p.log.HeadAt(ctx, cursor.Position)
	if err != nil {
		return err
	}
	return found.RegressedFrom(cursor)
}

// Position is the last acknowledged event.
func (s *Subscription) Position() Position { return s.acked.get().Position }

// Head is the last acknowledged event's.
func (s *Subscription) Head() Head { return s.acked.get() }

// Wait returns nil when the event at pos, and so all before it, are
// acknowledged. Errors: ctx's own, or why the subscription has halted.
func (s *Subscription) Wait(ctx context.Context, pos Position) error { return s.acked.wait(ctx, pos) }

// Err is why the subscription halted, nil while it runs or when it was closed.
func (s *Subscription) Err() error { return s.acked.failure() }

// Health is nil while events can be delivered; otherwise why the subscription has
// halted, or what keeps it from reading on at present.
func (s *Subscription) Health() error { return s.acked.health() }

// Close ends the subscription after the event in hand and saves its cursor. It
// may be called twice; not from the handler.
func (s *Subscription) Close() {
	s.cancel()
	<-s.done
}

// run delivers until ctx ends. While the cursor lies behind the poller's window
// it reads the log itself.
func (s *Subscription) run(ctx context.Context) {
	defer s.saveLast(ctx)
	retry := backoff{min: s.cfg.RetryMin, max: s.cfg.RetryMax}
	joined := false // the last event came from the window: the next one there continues its chain
	for ctx.Err() == nil {
		cursor := s.acked.get()
		events, held, moved := s.poller.window.after(cursor.Position)
		var err error
		switch {
		case !held:
			joined = false
			err = s.deliverFromLog(ctx, cursor)
		case len(events) == 0:
			s.acked.hold(nil)
			s.saveWhenDue(ctx)
			s.await(ctx, moved)
			continue
		default:
			if !joined {
				err = events[0].Follows(cursor)
			}
			joined = err == nil
			for i := 0; i < len(events) && err == nil; i++ {
				err = s.deliver(ctx, events[i])
			}
		}
		if s.Err() != nil {
			return
		}
		if err == nil || ctx.Err() != nil {
			retry.reset()
			continue
		}
		wait := retry.next()
		s.acked.hold(err)
		s.poller.cfg.Observer.readFailed(s.cfg.Name, wait, err)
		pause.For(ctx, wait)
	}
}

// await waits for news, no longer than a cursor may stay unsaved.
func (s *Subscription) await(ctx context.Context, moved <-chan struct{}) {
	var due <-chan time.Time
	if s.cfg.Cursors != nil && s.saved != s.acked.get() {
		timer := time.NewTimer(saveInterval)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-moved:
	case <-due:
	}
}

// deliverFromLog reads from cursor to the newest event that the poller knows, and not
// beyond: the poller could not tell if the log lost what it has never seen. Reading
// nothing is an error: the rows are missing.
func (s *Subscription) deliverFromLog(ctx context.Context, cursor Head) error {
	last := s.poller.Head().Position
	for ev, err := range s.poller.log.ReadFrom(ctx, cursor) {
		if err != nil {
			return err
		}
		if ev.Seq > last {
			if last = s.poller.Head().Position; ev.Seq > last {
				return nil
			}
		}
		if err := s.deliver(ctx, ev); err != nil {
			return err
		}
	}
	if ctx.Err() == nil && s.acked.get() == cursor {
		return missing(cursor.Position + 1)
	}
	return nil
}

// deliver brings ev to the handler until it is acknowledged. An error means that
// the subscription ends.
func (s *Subscription) deliver(ctx context.Context, ev Event) error {
	observe := &s.poller.cfg.Observer
	if mutant.On(mutant.SavesCursorEarly) && s.cfg.Cursors != nil {
		_ = s.cfg.Cursors.SaveCursor(ctx, s.cfg.Name, ev.Head())
	}
	notify(observe.Received, s.cfg.Name, ev)
	if err := s.handle(ctx, ev); err != nil {
		return err
	}
	notify(observe.Processed, s.cfg.Name, ev)
	s.acked.advance(ev.Head())
	notify(observe.Acknowledged, s.cfg.Name, ev)
	s.saveWhenDue(ctx)
	return ctx.Err()
}

func (s *Subscription) handle(ctx context.Context, ev Event) error {
	observe := &s.poller.cfg.Observer
	retry := backoff{min: s.cfg.RetryMin, max: s.cfg.RetryMax}
	for attempt := 1; ; attempt++ {
		err := s.cfg.Handle(ctx, ev)
		if err == nil {
			return nil
		}
		if s.cfg.HaltOnError && ctx.Err() == nil {
			err = newError("handle", KindClosed, &HaltedAt{Who: s.cfg.Name, Seq: ev.Seq, Type: ev.Type, Err: err})
			s.acked.fail(err)
			observe.halted(s.cfg.Name, err)
			return err
		}
		wait := retry.next()
		observe.handlerFailed(s.cfg.Name, ev, attempt, wait, err)
		if !pause.For(ctx, wait) {
			return ctx.Err()
		}
	}
}
