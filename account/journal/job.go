package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/eventstore"
)

// job is a replay as others see it.
type job struct {
	id      uuid.UUID
	options ReplayOptions
	cancel  context.CancelFunc
	done    chan struct{} // closed when it has ended

	mu    sync.Mutex // guards all below
	now   Replay
	first eventstore.Position // where it began
}

func newJob(id uuid.UUID, o ReplayOptions) *job {
	return &job{
		id: id, options: o, done: make(chan struct{}),
		now: Replay{ID: id, State: ReplayRunning, Options: o, Started: time.Now()}, first: -1,
	}
}

// run carries it out; its owner is [Service.StartReplay].
func (j *job) run(ctx context.Context, r *replay) {
	defer close(j.done)
	defer j.cancel()
	err := r.run(ctx)
	j.change(func(now *Replay) {
		now.Ended, now.Remaining = time.Now(), 0
		switch {
		case err == nil:
			now.State = ReplayDone
		case errors.Is(err, context.Canceled):
			now.State = ReplayCancelled
		default:
			now.State, now.Err = ReplayFailed, err
		}
	})
	if r.service.replays.ended != nil {
		r.service.replays.ended(j.report())
	}
}

func (j *job) change(f func(now *Replay)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(&j.now)
}

// report is the picture of the moment.
func (j *job) report() Replay {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.now
	r.Differences, r.SnapshotFaults = slices.Clone(r.Differences), slices.Clone(r.SnapshotFaults)
	r.SubjectDifferences = slices.Clone(r.SubjectDifferences)
	until := r.Ended
	if until.IsZero() {
		until = time.Now()
	}
	if passed := until.Sub(r.Started).Seconds(); passed > 0 && j.first >= 0 {
		r.Rate = float64(r.Position-j.first) / passed
	}
	if r.State == ReplayRunning && r.Rate > 0 {
		r.Remaining = time.Duration(float64(r.Head-r.Position) / r.Rate * float64(time.Second))
	}
	return r
}

// moved notes how far the replay has come, and how far the live state has.
func (j *job) moved(position, live eventstore.Position) {
	j.change(func(now *Replay) {
		if j.first < 0 {
			j.first = position
		}
		now.Position, now.Head = position, max(live, position)
	})
}

// passed notes what was found of a snapshot that was taken at an event just read.
func (j *job) passed(m eventstore.Manifest, fault error) {
	j.change(func(now *Replay) {
		if fault == nil {
			now.SnapshotsVerified++
			return
		}
		now.SnapshotFaults = append(now.SnapshotFaults, fmt.Sprintf("snapshot %s at event %d: %v", m.ID, m.At.Head.Position, fault))
	})
}

// compared notes the digests and how many keys differ, before the accounts are
// looked at. All events up to there have been read.
func (j *job) compared(live, shadow *account.Frozen) {
	liveSum, sum := live.Sum(), shadow.Sum()
	keys := account.CompareKeys(live, shadow)
	j.change(func(now *Replay) {
		now.ComparedAt, now.ChainVerified = eventstore.Position(live.Position()), true
		now.Digest, now.LiveDigest, now.DifferingKeys = sum, liveSum, keys
	})
}

func (j *job) differs(d account.Difference) {
	j.change(func(now *Replay) {
		if now.Differing++; len(now.Differences) < MaxDifferences {
			now.Differences = append(now.Differences, d)
		}
	})
}

func (j *job) differsIn(d account.SubjectDifference) {
	j.change(func(now *Replay) {
		if now.DifferingSubjects++; len(now.SubjectDifferences) < MaxDifferences {
			now.SubjectDifferences = append(now.SubjectDifferences, d)
		}
	})
}

// looked notes that every account and every subject was compared.
func (j *job) looked() { j.change(func(now *Replay) { now.Compared = true }) }

func (j *job) swapped() { j.change(func(now *Replay) { now.Swapped = true }) }
