package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/internal/pause"
)

// Errors of a target that does not fit what is to be loaded into it.
var (
	// ErrAnotherHistory: the target holds other events than the source.
	ErrAnotherHistory = errors.New("the target holds another history")
	// ErrTargetAhead: the target holds more than the source.
	ErrTargetAhead = errors.New("the target holds more events than the source")
	// ErrTargetBusy: somebody else appends to the target.
	ErrTargetBusy = errors.New("somebody else writes to the target")
)

// Verified passes on events that stand behind head, and ends with an error at the
// first that can't be there: one that is out of order, does not match its hash, is
// earlier than the one before, or could not be stored on every backend.
func Verified(events iter.Seq2[eventstore.Event, error], head eventstore.Head) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		at, last := head, time.Time{}
		for ev, err := range events {
			if err == nil {
				err = fits(ev, at, last)
			}
			if err != nil {
				yield(eventstore.Event{}, err)
				return
			}
			at, last = ev.Head(), ev.Time
			if !yield(ev, nil) {
				return
			}
		}
	}
}

func fits(ev eventstore.Event, head eventstore.Head, last time.Time) error {
	if err := ev.Follows(head); err != nil {
		return err
	}
	p := eventstore.Proposal{Type: ev.Type, Subject: ev.Subject, Meta: ev.Meta, Data: ev.Data}
	if err := p.Validate(); err != nil {
		return fmt.Errorf("event %d: %w", ev.Seq, err)
	}
	switch {
	case ev.ID == uuid.UUID{}:
		return damaged(ev, "has no id")
	case ev.Time.IsZero() || !ev.Time.Equal(ev.Time.Truncate(time.Millisecond)):
		return damaged(ev, "has a time that is none, or not in whole milliseconds")
	case ev.Time.Before(last):
		return damaged(ev, "is earlier than the one before it")
	}
	return nil
}

func damaged(ev eventstore.Event, what string) error {
	return eventstore.NewError("verify", eventstore.KindDamaged, fmt.Errorf("event %d %s", ev.Seq, what))
}

// After passes on the events behind known, where events begin with the first of
// the log, and makes sure that known is among them: ErrAnotherHistory and
// ErrTargetAhead otherwise, before anything was passed on.
func After(events iter.Seq2[eventstore.Event, error], known eventstore.Head) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		var at eventstore.Position
		for ev, err := range events {
			if err == nil && ev.Seq == known.Position && ev.Hash != known.Hash {
				err = fmt.Errorf("%w: at event %d its hash is %s, the source's %s", ErrAnotherHistory, ev.Seq, known.Hash, ev.Hash)
			}
			if err != nil {
				yield(eventstore.Event{}, err)
				return
			}
			if at = ev.Seq; at > known.Position && !yield(ev, nil) {
				return
			}
		}
		if at < known.Position {
			yield(eventstore.Event{}, fmt.Errorf("%w: it ends at event %d, the source at event %d", ErrTargetAhead, known.Position, at))
		}
	}
}

// Load appends events, which follow head, in batches, and gives the head it came
// to, also with an error: everything up to there is in the log. Progress, which
// may be nil, is told after each batch. The events are verified already.
func Load(ctx context.Context, to eventstore.Backend, head eventstore.Head, events iter.Seq2[eventstore.Event, error], progress func(eventstore.Head)) (eventstore.Head, error) {
	var batch []eventstore.Event
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := appendSurely(ctx, to, head, batch); err != nil {
			return err
		}
		head = batch[len(batch)-1].Head()
		batch, size = nil, 0 // a new array: the store may keep the old one
		if progress != nil {
			progress(head)
		}
		return nil
	}
	for ev, err := range events {
		if err != nil {
			return head, err
		}
		if len(batch) == eventstore.MaxBatchEvents || size+ev.Size() > eventstore.MaxBatchBytes {
			if err := flush(); err != nil {
				return head, err
			}
		}
		batch, size = append(batch, ev), size+ev.Size()
	}
	return head, flush()
}

// The waits while a store cannot be asked, or its answers get lost.
const (
	attempts   = 7
	firstPause = 100 * time.Millisecond
)

// appendSurely repeats the identical batch until it is certain that it is in the
// log, for some seconds.
func appendSurely(ctx context.Context, to eventstore.Backend, head eventstore.Head, batch []eventstore.Event) error {
	doubted := false
	for attempt := 1; ; attempt++ {
		err := to.Append(ctx, head, batch)
		switch eventstore.KindOf(err) {
		case eventstore.KindConflict:
			if doubted {
				// An attempt whose answer got lost may have been what was in the way.
				if now, headErr := to.Head(ctx); headErr == nil && now == batch[len(batch)-1].Head() {
					return nil
				}
			}
			return fmt.Errorf("%w: %w", ErrTargetBusy, err)
		case eventstore.KindUnknown:
			doubted = true
		case eventstore.KindUnavailable:
		default:
			return err // nil among others
		}
		if attempt == attempts || !pause.For(ctx, firstPause<<(attempt-1)) {
			return err
		}
	}
}
