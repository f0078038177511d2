package journal

import (
	"context"
	"errors"

	"openpayment/eventstore"
)

// UsableSnapshot is nil if this program can start from a snapshot with this
// manifest, as far as that tells: it is what was written, and of a format and a
// reducer that are known here.
func UsableSnapshot(m eventstore.Manifest) error {
	return errors.Join(m.Verify(), usable(m))
}

// VerifySnapshot looks for everything that is wrong with a snapshot: its manifest,
// the event of the log that it was taken at, every chunk's checksum, and, if this
// program can read them, the form of all records and the digest made anew of them.
// Each fault names the snapshot, or the chunk in it. err means that it could not be
// done: KindUnavailable.
func VerifySnapshot(ctx context.Context, log *eventstore.Log, from eventstore.SnapshotStore, m eventstore.Manifest) (faults []error, err error) {
	if err := m.Verify(); err != nil {
		return []error{err}, nil // nothing it says can be relied on
	}
	head, err := log.Head(ctx)
	if err != nil {
		return nil, err
	}
	note := func(fault error) (stop bool) {
		if fault == nil {
			return false
		}
		if eventstore.KindOf(fault) == eventstore.KindUnavailable || ctx.Err() != nil {
			err = fault
			return true
		}
		faults = append(faults, fault)
		return false
	}
	if m.At.Head.Position > head.Position {
		_ = note(lostEnd(m, head)) // which is no failure to ask
	} else if note(belongs(ctx, log, m)) {
		return faults, err
	}
	whole := true
	for number := range m.Chunks {
		_, fault := m.Chunk(ctx, from, number)
		if note(fault) {
			return faults, err
		}
		whole = whole && fault == nil
	}
	if whole && usable(m) == nil {
		_, fault := load(ctx, from, m)
		note(fault)
	}
	return faults, err
}
