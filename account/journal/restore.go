package journal

import (
	"context"
	"fmt"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
)

// foundation is what a state is built upon: a snapshot, or nothing.
type foundation struct {
	state *account.State
	tail  eventstore.Tail
}

func emptyFoundation() foundation { return foundation{state: account.NewState()} }

// restore gives the newest state that a snapshot holds and that belongs to this
// log, or the empty one. all are the snapshots as listed before the log's head
// was read.
//
// A snapshot that is damaged or of another version of this program is passed over
// for the next older one. One of a history that this log does not have is an error
// of KindRegressed: the log has lost events that were in it.
// Other errors: KindUnavailable.
func restore(ctx context.Context, log *eventstore.Log, head eventstore.Head, all []eventstore.Manifest, cfg SnapshotConfig) (foundation, error) {
	tried := func(m eventstore.Manifest, began time.Time, err error) {
		if cfg.Observer.Tried != nil {
			cfg.Observer.Tried(m, time.Since(began), err)
		}
	}
	for _, m := range all {
		if m.Verify() == nil && m.At.Head.Position > head.Position {
			err := lostEnd(m, head)
			tried(m, time.Now(), err)
			return emptyFoundation(), err
		}
	}
	for _, m := range all {
		began := time.Now()
		state, err := restoreFrom(ctx, log, m, cfg.Store)
		if err != nil && ctx.Err() != nil { // which says nothing about the snapshot
			return emptyFoundation(), eventstore.NewError("restore", eventstore.KindUnavailable, ctx.Err())
		}
		tried(m, began, err)
		switch {
		case err == nil:
			return foundation{state, m.At}, nil
		case eventstore.KindOf(err) == eventstore.KindUnavailable, eventstore.KindOf(err) == eventstore.KindRegressed:
			return emptyFoundation(), err
		}
	}
	return emptyFoundation(), nil
}

func restoreFrom(ctx context.Context, log *eventstore.Log, m eventstore.Manifest, from eventstore.SnapshotStore) (*account.State, error) {
	if err := UsableSnapshot(m); err != nil {
		return nil, err
	}
	if err := belongs(ctx, log, m); err != nil {
		return nil, err
	}
	return load(ctx, from, m)
}

// belongs is nil if the log holds the event that the snapshot was taken at.
func belongs(ctx context.Context, log *eventstore.Log, m eventstore.Manifest) error {
	at, err := log.HeadAt(ctx, m.At.Head.Position)
	if err != nil {
		return err
	}
	if at != m.At.Head {
		return eventstore.NewError("restore", eventstore.KindRegressed, fmt.Errorf(
			"event %d of the log is not the one that snapshot %s was taken at: the log was replaced or rewritten; if that was on purpose, remove the snapshots of the old one (openpayment snapshot delete)",
			m.At.Head.Position, m.ID))
	}
	return nil
}

func lostEnd(m eventstore.Manifest, head eventstore.Head) error {
	return eventstore.NewError("restore", eventstore.KindRegressed, fmt.Errorf(
		"the log ends at event %d, but snapshot %s was taken at event %d: the log has lost its end; restore it, or, if it is an older one on purpose, remove the snapshots beyond its head (openpayment snapshot delete)",
		head.Position, m.ID, m.At.Head.Position))
}
