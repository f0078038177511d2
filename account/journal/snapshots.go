package journal

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/internal/both"
	"openpayment/internal/mutant"
	"openpayment/internal/pause"
)

// SnapshotConfig says where snapshots of the state are kept, and when they are
// taken. Zero fields take their defaults.
type SnapshotConfig struct {
	// Store keeps them; without one there are none.
	Store eventstore.SnapshotStore
	// Events is after how many events a snapshot is taken, Interval after how much
	// time, if there was an event. 0: not for that reason.
	Events   int64
	Interval time.Duration
	// AtClose has a last one taken by [Service.Close].
	AtClose bool
	// Keep is how many of the newest are kept. Default: 3.
	Keep int

	Observer SnapshotObserver
}

// SnapshotObserver is told what becomes of snapshots. Every field may be nil; the
// functions must be quick.
type SnapshotObserver struct {
	// Tried: at the start, a snapshot was loaded (err is nil) or passed over.
	Tried func(m eventstore.Manifest, took time.Duration, err error)
	// Rebuilding: at the start, how the state begins: behind which event the log is
	// read, 0 if from its first event.
	Rebuilding func(from eventstore.Position)
	// Taken: a snapshot is complete. stall is how long events had to wait for it.
	Taken func(m eventstore.Manifest, took, stall time.Duration)
	// Failed: one could not be taken; it is tried again after retryIn, 0: not.
	Failed func(retryIn time.Duration, err error)
	// Dropped: one was removed, and why.
	Dropped func(id uuid.UUID, why string)
}

// And gives an observer that tells o, then other.
func (o SnapshotObserver) And(other SnapshotObserver) SnapshotObserver {
	return SnapshotObserver{
		Tried:      both.Func3(o.Tried, other.Tried),
		Rebuilding: both.Func1(o.Rebuilding, other.Rebuilding),
		Taken:      both.Func3(o.Taken, other.Taken),
		Failed:     both.Func2(o.Failed, other.Failed),
		Dropped:    both.Func2(o.Dropped, other.Dropped),
	}
}

// snapshotter takes snapshots of a reducer's state, one at a time.
type snapshotter struct {
	cfg     SnapshotConfig
	reducer *reducer
	lost    func() error  // an error if the log has lost what the state is made of
	turn    chan struct{} // one slot: held while one is taken
	works   works

	// cleaning outlasts whoever wanted a snapshot, for what is left of it is to be
	// removed all the same. giveUp ends it.
	cleaning context.Context
	giveUp   context.CancelFunc

	newest atomic.Pointer[eventstore.Manifest] // that is known and of use; nil: none
}

// newSnapshotter knows the snapshots there are.
func newSnapshotter(cfg SnapshotConfig, r *reducer, lost func() error, all []eventstore.Manifest) *snapshotter {
	if cfg.Keep < 1 {
		cfg.Keep = 3
	}
	s := &snapshotter{cfg: cfg, reducer: r, lost: lost, turn: make(chan struct{}, 1)}
	s.cleaning, s.giveUp = context.WithCancel(context.Background()) // #nosec G118 -- close calls it
	s.know(all)
	return s
}

// list gives all snapshots, and remembers the newest.
func (s *snapshotter) list(ctx context.Context) ([]eventstore.Manifest, error) {
	all, err := s.cfg.Store.Manifests(ctx)
	if err == nil {
		s.know(all)
	}
	return all, err
}

func (s *snapshotter) know(all []eventstore.Manifest) {
	var newest *eventstore.Manifest
	if i := slices.IndexFunc(all, func(m eventstore.Manifest) bool { return UsableSnapshot(m) == nil }); i >= 0 {
		newest = &all[i]
	}
	s.newest.Store(newest) // at once: others look meanwhile
}

// reached is the position of the newest snapshot known.
func (s *snapshotter) reached() eventstore.Position {
	if m := s.newest.Load(); m != nil {
		return m.At.Head.Position
	}
	return 0
}

// errTaken is why no snapshot was taken: another node is at it, or has just been.
var errTaken = errors.New("another node takes the snapshot")

// take takes a snapshot of the state as it stands, and removes those that are too
// old. polite leaves it to another node that has begun one: errTaken.
func (s *snapshotter) take(ctx context.Context, polite bool) (eventstore.Manifest, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return eventstore.Manifest{}, eventstore.NewError("take snapshot", eventstore.KindUnavailable, ctx.Err())
	}
	// A snapshot of what the log has lost would keep every node from starting.
	if err := s.lost(); err != nil {
		return eventstore.Manifest{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return eventstore.Manifest{}, err
	}
	if mutant.On(mutant.MixesChunks) {
		id = uuid.UUID{6: 0x70, 8: 0x80}
	}
	began := time.Now()
	frozen, tail, stall, err := s.freeze(ctx)
	if err != nil {
		return eventstore.Manifest{}, eventstore.NewError("take snapshot", eventstore.KindUnavailable, err)
	}
	m, err := s.store(ctx, id, frozen, tail, polite)
	frozen.Thaw()
	if err != nil {
		s.drop(s.cleaning, id, "it could not be finished")
		return eventstore.Manifest{}, err
	}
	if s.cfg.Observer.Taken != nil {
		s.cfg.Observer.Taken(m, time.Since(began), stall)
	}
	s.tidy(ctx)
	return m, nil
}

// freeze freezes the state between two events. The error is ctx's.
func (s *snapshotter) freeze(ctx context.Context) (f *account.Frozen, tail eventstore.Tail, stall time.Duration, err error) {
	for {
		state := s.reducer.state.Load()
		exchanged := false
		f, err = state.Freeze(ctx, func(mark func()) {
			began := time.Now()
			s.reducer.hold(func(now *account.State, at eventstore.Tail) {
				mark()
				tail, exchanged = at, now != state
			})
			stall = time.Since(began)
		})
		if err != nil || !exchanged {
			return f, tail, stall, err
		}
		f.Thaw() // a replay has put another in its place
	}
}

// store writes chunks and manifest.
func (s *snapshotter) store(ctx context.Context, id uuid.UUID, f *account.Frozen, tail eventstore.Tail, polite bool) (eventstore.Manifest, error) {
	begun := func(ctx context.Context) error {
		if !polite {
			return nil
		}
		// Two nodes that begin at once both see it here; the later id gives way.
		return s.othersWork(ctx, func(other uuid.UUID) bool { return other.String() < id.String() })
	}
	since := time.Now()
	chunks, err := saveChunks(ctx, s.cfg.Store, id, f, begun)
	if err == nil {
		err = inTime(since)
	}
	if err != nil {
		return eventstore.Manifest{}, err
	}
	m := eventstore.Manifest{
		ID: id, At: tail, Taken: time.Now().UTC().Truncate(time.Millisecond), Digest: eventstore.Hash(f.Digest()),
		Format: snapshotFormat, Reducer: reducerVersion,
		Records: chunks.accounts, Bytes: chunks.bytes, Chunks: chunks.hashes,
	}.Sealed()
	err = s.cfg.Store.SaveManifest(ctx, m)
	if mutant.On(mutant.ManifestFirst) {
		for _, save := range chunks.late {
			err = errors.Join(err, save(ctx))
		}
	}
	return m, errors.Join(err, inTime(since))
}

// othersWork is errTaken while a node that counts is at work on a snapshot.
func (s *snapshotter) othersWork(ctx context.Context, counts func(uuid.UUID) bool) error {
	unfinished, err := s.works.list(ctx, s.cfg.Store)
	if err != nil {
		return err
	}
	for _, other := range unfinished {
		if counts(other.id) && other.age < workTime {
			return errTaken
		}
	}
	return nil
}

// tidy removes what is too old, and what was never finished.
func (s *snapshotter) tidy(ctx context.Context) {
	all, err := s.list(ctx)
	if err != nil {
		s.failed(0, err)
		return
	}
	good := 0
	for _, m := range all {
		if UsableSnapshot(m) == nil {
			good++
		}
		if good > s.cfg.Keep {
			s.drop(ctx, m.ID, "newer ones are enough")
		}
	}
	unfinished, err := s.works.list(ctx, s.cfg.Store)
	if err != nil {
		s.failed(0, err)
		return
	}
	for _, w := range unfinished {
		if w.age > abandoned {
			s.drop(ctx, w.id, "it was never finished")
		}
	}
}

func (s *snapshotter) drop(ctx context.Context, id uuid.UUID, why string) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.cfg.Store.DropSnapshot(ctx, id); err != nil {
		s.failed(0, err)
		return
	}
	if s.cfg.Observer.Dropped != nil {
		s.cfg.Observer.Dropped(id, why)
	}
}

func (s *snapshotter) failed(retryIn time.Duration, err error) {
	if s.cfg.Observer.Failed != nil {
		s.cfg.Observer.Failed(retryIn, err)
	}
}

// The waits of run.
const (
	lookAgain  = 5 * time.Second  // at what another node is doing
	retryFirst = 10 * time.Second // after a failure
	retryLast  = 5 * time.Minute
	headStart  = 2 * time.Second // at most, which one of several nodes gets by chance
)

// run takes snapshots when they are due, until ctx ends. wait returns nil when the
// state has reached a position.
func (s *snapshotter) run(ctx context.Context, wait func(context.Context, eventstore.Position) error) {
	retry := retryFirst
	for s.due(ctx, wait) {
		pause.For(ctx, pause.Random(headStart))
		err := s.byPolicy(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errTaken):
			pause.For(ctx, lookAgain)
		case eventstore.IsKind(err, eventstore.KindRegressed): // for good
			s.failed(0, err)
			return
		case err != nil:
			s.failed(retry, err)
			pause.For(ctx, retry)
			retry = min(2*retry, retryLast)
		default:
			retry = retryFirst
		}
	}
}

// due waits until there is reason for another snapshot; false when ctx has ended.
func (s *snapshotter) due(ctx context.Context, wait func(context.Context, eventstore.Position) error) bool {
	for {
		step, cancel := ctx, context.CancelFunc(func() {})
		if s.cfg.Interval > 0 {
			step, cancel = context.WithTimeout(ctx, s.cfg.Interval)
		}
		until := eventstore.Position(1 << 62) // which never comes
		if events := eventstore.Position(s.cfg.Events); events > 0 && events < until-s.reached() {
			until = s.reached() + events
		}
		err := wait(step, until)
		timeOver := step.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil, err != nil && !timeOver: // the reducer has halted
			return false
		case err == nil, s.position() > s.reached():
			return true
		}
	}
}

func (s *snapshotter) position() eventstore.Position {
	return eventstore.Position(s.reducer.state.Load().Position())
}

// byPolicy takes a snapshot, unless another node has taken one since, or does now.
func (s *snapshotter) byPolicy(ctx context.Context) error {
	known := s.reached()
	if _, err := s.list(ctx); err != nil || s.reached() > known {
		return err
	}
	if err := s.othersWork(ctx, func(uuid.UUID) bool { return true }); err != nil {
		return err
	}
	_, err := s.take(ctx, true)
	return err
}

// last takes the snapshot of a clean shutdown, if there is news.
func (s *snapshotter) last(ctx context.Context) error {
	if _, err := s.list(ctx); err != nil || s.reached() >= s.position() {
		return err
	}
	_, err := s.take(ctx, true)
	if errors.Is(err, errTaken) {
		return nil
	}
	return err
}
