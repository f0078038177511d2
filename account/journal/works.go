package journal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// The time that other nodes' work is reckoned with.
const (
	// abandoned is after what time an unfinished snapshot is nobody's work any more.
	abandoned = time.Hour
	// workTime is how long another node is given to finish one before this node
	// takes its own.
	workTime = 10 * time.Minute
)

// inTime is nil as long as no other node takes a snapshot for abandoned that was begun
// then. This process, or its machine, may have stood still meanwhile: chunks that were
// cleared away would be missing behind its manifest.
func inTime(begun time.Time) error {
	// By the wall clock, for the other one may stop while a machine sleeps.
	if took := time.Now().Round(0).Sub(begun.Round(0)); took > abandoned/2 {
		return eventstore.NewError("take snapshot", eventstore.KindUnavailable, fmt.Errorf(
			"it took %s: other nodes may have cleared it away", took.Round(time.Second)))
	}
	return nil
}

// work is a snapshot that is not finished.
type work struct {
	id  uuid.UUID
	age time.Duration
}

// works tells for how long snapshots have been unfinished. Their ids say when they
// were begun, but by the clocks of other nodes: what was begun in the future would be
// under way until then. So it ages from when it was first seen here, at the latest.
type works struct {
	mu   sync.Mutex              // guards seen
	seen map[uuid.UUID]time.Time // when each one was first listed
}

// list gives those there are now, in the order of their ids. Errors: those of
// [eventstore.SnapshotStore.Unfinished].
func (w *works) list(ctx context.Context, in eventstore.SnapshotStore) ([]work, error) {
	ids, err := in.Unfinished(ctx)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.seen
	w.seen = make(map[uuid.UUID]time.Time, len(ids))
	all := make([]work, len(ids))
	for i, id := range ids {
		first, known := before[id]
		if !known {
			first = time.Now()
		}
		w.seen[id] = first
		all[i] = work{id, max(time.Since(begunAt(id)), time.Since(first))}
	}
	return all, nil
}

// begunAt is the time in an id of version 7 (RFC 9562).
func begunAt(id uuid.UUID) time.Time {
	seconds, nanos := id.Time().UnixTime()
	return time.Unix(seconds, nanos)
}
