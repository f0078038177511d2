package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/internal/pause"
)

// replay builds a second state beside the live one, compares the two, and may put
// it in the live one's place. One goroutine does the work.
type replay struct {
	service *Service
	job     *job
	shadow  *reducer
	passing map[eventstore.Position][]eventstore.Manifest // snapshots still to be passed
	// proven is where the live state stood at the beginning: up to there everything
	// is read from the log, and nothing taken from memory.
	proven eventstore.Position
	pacer  pacer
}

// run does it all. An error is that of a replay that failed: the live state is as
// it was.
func (r *replay) run(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	if err := r.compare(ctx); err != nil {
		return err
	}
	if !r.job.options.Swap {
		return nil
	}
	return r.swap(ctx)
}

// begin finds where to begin, and which snapshots will be passed.
func (r *replay) begin(ctx context.Context) error {
	var all []eventstore.Manifest
	cfg := SnapshotConfig{}
	if s := r.service.snapshots; s != nil {
		var err error
		if all, err = s.list(ctx); err != nil {
			return err
		}
		cfg.Store = s.cfg.Store
	}
	base := emptyFoundation()
	if r.job.options.From == ReplayFromSnapshot {
		head, err := r.service.log.Head(ctx) // another node may have taken one of events this node has not seen
		if err != nil {
			return err
		}
		if base, err = restore(ctx, r.service.log, head, all, cfg); err != nil {
			return err
		}
		if err := r.service.Wait(ctx, base.tail.Head.Position); err != nil {
			return err
		}
	}
	r.shadow = newReducer(base.state, base.tail)
	r.passing = make(map[eventstore.Position][]eventstore.Manifest)
	for _, m := range all {
		if m.Verify() == nil && m.At.Head.Position > base.tail.Head.Position {
			r.passing[m.At.Head.Position] = append(r.passing[m.At.Head.Position], m)
		}
	}
	r.pacer = pacer{began: time.Now()}
	r.proven = r.service.Applied()
	r.job.moved(base.tail.Head.Position, r.proven)
	return nil
}

// near is how many events may be applied while the live state stands still.
const near = 1000

// approach reads the log until the shadow is just behind the live state.
func (r *replay) approach(ctx context.Context) error {
	failures := 0
	for {
		at := r.shadow.tail.Head
		if behind := r.service.Applied() - at.Position; behind <= near && at.Position >= r.proven {
			if _, held := r.service.poller.Recent(at.Position); held || behind == 0 {
				return ctx.Err()
			}
		}
		err := r.read(ctx, at)
		if r.shadow.tail.Head != at {
			failures = 0
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
		case eventstore.KindOf(err) != eventstore.KindUnavailable && eventstore.KindOf(err) != eventstore.KindMissing, failures == readAttempts:
			return err
		default:
			failures++
			pause.For(ctx, time.Duration(failures)*readPause)
		}
	}
}

// How often, and after what waits, a log is read again that can't be read.
const (
	readAttempts = 20
	readPause    = 100 * time.Millisecond
)

// read applies what the log holds behind at, as far as the live state goes.
func (r *replay) read(ctx context.Context, at eventstore.Head) error {
	until := r.service.Applied()
	if until == at.Position {
		return nil
	}
	for ev, err := range r.service.log.ReadFrom(ctx, at) {
		if err != nil {
			return r.haltedAt("", err)
		}
		if err := r.receive(ctx, ev); err != nil {
			return err
		}
		if ev.Seq >= until {
			if until = r.service.Applied(); ev.Seq >= until {
				return nil
			}
			r.pacer.caughtUp(until - ev.Seq)
		}
		if ev.Seq%64 == 0 {
			live := r.service.Applied()
			r.job.moved(ev.Seq, live)
			r.pacer.breathe(ctx, live)
		}
	}
	if r.shadow.tail.Head == at {
		return eventstore.NewError("replay", eventstore.KindMissing, fmt.Errorf("event %d cannot be read", at.Position+1))
	}
	return nil
}

// receive applies one event, and looks at the snapshots that were taken there.
func (r *replay) receive(ctx context.Context, ev eventstore.Event) error {
	if err := r.shadow.receive(ctx, ev); err != nil {
		return r.haltedAt(ev.Type, err)
	}
	for _, m := range r.passing[ev.Seq] {
		r.job.passed(m, r.fault(m, ev))
	}
	delete(r.passing, ev.Seq)
	return nil
}

// haltedAt names the event that the replay could not get past.
func (r *replay) haltedAt(typ string, err error) error {
	return &eventstore.HaltedAt{Who: "replay", Seq: r.shadow.tail.Head.Position + 1, Type: typ, Err: err}
}

// fault is what is wrong with a snapshot taken at ev, nil for nothing.
func (r *replay) fault(m eventstore.Manifest, ev eventstore.Event) error {
	_, digest := r.shadow.state.Load().Digest()
	switch {
	case m.At.Head.Hash != ev.Hash:
		return errors.New("it was taken of a log with another event there")
	case m.Reducer != reducerVersion:
		return nil // its digest means something else
	case m.Digest != eventstore.Hash(digest):
		return fmt.Errorf("its digest is %s, that of the log up to there %s", m.Digest, digest)
	}
	return nil
}

// level applies what the live state is ahead, out of memory; with the live state
// held still. It tells whether both are at one position now.
func (r *replay) level(ctx context.Context, live eventstore.Head) (bool, error) {
	at := r.shadow.tail.Head
	if live.Position-at.Position > 2*near || live.Position < at.Position {
		return false, nil
	}
	events, held := r.service.poller.Recent(at.Position)
	for i := 0; held && i < len(events) && events[i].Seq <= live.Position; i++ {
		if err := events[i].Follows(at); err != nil {
			return false, r.haltedAt(events[i].Type, err)
		}
		if err := r.receive(ctx, events[i]); err != nil {
			return false, err
		}
		at = events[i].Head()
	}
	r.job.moved(at.Position, live.Position)
	if err := at.RegressedFrom(live); at.Position == live.Position && err != nil {
		return false, r.haltedAt("", err) // two histories: they will never meet
	}
	return at == live, nil
}

// compare brings the shadow to the very position of the live state, and looks at
// every account, every key and every subject of both.
func (r *replay) compare(ctx context.Context) error {
	live, err := r.freeze(ctx)
	if err != nil {
		return err
	}
	defer live.Thaw()
	shadow, err := r.shadow.state.Load().Freeze(ctx, func(mark func()) { mark() })
	if err != nil {
		return err
	}
	defer shadow.Thaw()
	r.job.compared(live, shadow)
	n := 0
	for d := range account.Compare(live, shadow) {
		if n++; ctx.Err() != nil {
			return ctx.Err()
		}
		r.job.differs(d)
	}
	for d := range account.CompareSubjects(live, shadow) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.job.differsIn(d)
	}
	r.job.looked()
	return ctx.Err()
}

// freeze freezes the live state at the shadow's position.
func (r *replay) freeze(ctx context.Context) (*account.Frozen, error) {
	for {
		if err := r.approach(ctx); err != nil {
			return nil, err
		}
		r.shadow.state.Load().SettleDigest() // while the live state goes on
		level := false
		var err error
		state := r.service.reducer.state.Load()
		f, frozen := state.Freeze(ctx, func(mark func()) {
			r.service.reducer.hold(func(_ *account.State, tail eventstore.Tail) {
				level, err = r.level(ctx, tail.Head)
				mark()
			})
		})
		if frozen != nil {
			return nil, frozen
		}
		if err == nil && level {
			return f, nil
		}
		f.Thaw()
		if err != nil {
			return nil, err
		}
	}
}

// swap puts the shadow in the live state's place, between two events.
func (r *replay) swap(ctx context.Context) error {
	for {
		if err := r.approach(ctx); err != nil {
			return err
		}
		swapped := false
		var err error
		r.service.reducer.hold(func(_ *account.State, tail eventstore.Tail) {
			var level bool
			if level, err = r.level(ctx, tail.Head); level && err == nil && ctx.Err() == nil {
				r.service.reducer.state.Store(r.shadow.state.Load())
				swapped = true
			}
		})
		switch {
		case swapped: // even if it is cancelled just now
			r.job.swapped()
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}
