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

// ReplayFrom is where a replay begins.
type ReplayFrom string

// A replay begins with the first event, or behind the newest snapshot that is good.
const (
	ReplayFromStart    ReplayFrom = "start"
	ReplayFromSnapshot ReplayFrom = "snapshot"
)

// ReplayOptions say what a replay does.
type ReplayOptions struct {
	From ReplayFrom
	Swap bool // put the state it makes in the place of the live one
}

// ReplayState is how a replay stands.
type ReplayState string

// A replay runs until it is done, has failed, or was cancelled.
const (
	ReplayRunning   ReplayState = "running"
	ReplayDone      ReplayState = "done"
	ReplayFailed    ReplayState = "failed"
	ReplayCancelled ReplayState = "cancelled"
)

// MaxDifferences is how many differing accounts a replay lists, and how many subjects;
// it counts all.
const MaxDifferences = 1000

// Replay is a picture of one replay.
type Replay struct {
	ID      uuid.UUID
	State   ReplayState
	Options ReplayOptions
	// Position is how far it has come, Head how far the live state has.
	Position, Head eventstore.Position
	Started, Ended time.Time     // Ended is zero while it runs
	Rate           float64       // events per second
	Remaining      time.Duration // at this rate

	// Compared tells that both states were looked at, at the position ComparedAt:
	// Digest is that of the replayed accounts, keys and subjects, LiveDigest that of the
	// live ones.
	Compared           bool
	ComparedAt         eventstore.Position
	Digest, LiveDigest account.Digest
	Differences        []account.Difference // Left is the live account; the first [MaxDifferences]
	Differing          int                  // how many there are
	DifferingKeys      int                  // uses of idempotency keys that are not the same in both
	// SubjectDifferences are subjects of other services' events, as Differences are
	// accounts.
	SubjectDifferences []account.SubjectDifference
	DifferingSubjects  int

	// ChainVerified tells that all events from where it began were read and match
	// their hashes.
	ChainVerified     bool
	SnapshotsVerified int      // passed on the way, and right
	SnapshotFaults    []string // what is wrong with the others
	Swapped           bool
	Err               error // why it failed
}

// Match tells that no account, no key and no subject differs.
func (r *Replay) Match() bool {
	return r.Compared && r.Differing == 0 && r.DifferingKeys == 0 && r.DifferingSubjects == 0 && r.Digest == r.LiveDigest
}

// ReplayRunningError is why a replay can't be started: another one runs.
type ReplayRunningError struct{ ID uuid.UUID }

// Error names it.
func (e *ReplayRunningError) Error() string { return fmt.Sprintf("replay %s is running", e.ID) }

// ErrNoReplay is of an id that no replay has, or none that is still known.
var ErrNoReplay = errors.New("there is no such replay")

// replaysKept is how many replays that have ended are remembered.
const replaysKept = 20

// replays runs replays, one at a time, and remembers the last ones.
type replays struct {
	service *Service
	ended   func(Replay) // told of each at its end; may be nil

	mu     sync.Mutex // guards all below
	jobs   []*job     // oldest first
	closed bool
}

// StartReplay begins to build the state anew from the log, beside the live one,
// which goes on as ever. Errors: *[ReplayRunningError]; KindClosed.
func (s *Service) StartReplay(o ReplayOptions) (Replay, error) {
	r := &s.replays
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return Replay{}, eventstore.NewError("start replay", eventstore.KindClosed, errors.New("the service is shutting down"))
	}
	if n := len(r.jobs); n > 0 && r.jobs[n-1].report().State == ReplayRunning {
		return Replay{}, &ReplayRunningError{r.jobs[n-1].id}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Replay{}, err
	}
	j := newJob(id, o)
	r.jobs = append(r.jobs, j)
	r.jobs = r.jobs[max(0, len(r.jobs)-replaysKept):]
	ctx, cancel := context.WithCancel(context.Background())
	j.cancel = cancel
	go j.run(ctx, &replay{service: s, job: j}) // ends by itself, or with cancel
	return j.report(), nil
}

// Replay gives a picture of a replay: ErrNoReplay if there is none.
func (s *Service) Replay(id uuid.UUID) (Replay, error) {
	j, err := s.replays.find(id)
	if err != nil {
		return Replay{}, err
	}
	return j.report(), nil
}

// LastReplay gives a picture of the newest replay; ok is false if there was none.
func (s *Service) LastReplay() (_ Replay, ok bool) {
	s.replays.mu.Lock()
	jobs := s.replays.jobs
	s.replays.mu.Unlock()
	if len(jobs) == 0 {
		return Replay{}, false
	}
	return jobs[len(jobs)-1].report(), true
}

// CancelReplay ends a replay and returns when it has ended. One that has ended
// before stays as it is. Errors: ErrNoReplay, ctx's.
func (s *Service) CancelReplay(ctx context.Context, id uuid.UUID) error {
	j, err := s.replays.find(id)
	if err != nil {
		return err
	}
	j.cancel()
	select {
	case <-j.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *replays) find(id uuid.UUID) (*job, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.jobs, func(j *job) bool { return j.id == id })
	if i < 0 {
		return nil, ErrNoReplay
	}
	return r.jobs[i], nil
}

// close ends the one that runs, and waits for it.
func (r *replays) close() {
	r.mu.Lock()
	r.closed = true
	jobs := slices.Clone(r.jobs)
	r.mu.Unlock()
	for _, j := range jobs {
		j.cancel()
		<-j.done
	}
}
