package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/eventstore/subscriptions"
)

// Config bounds the parts of a [Service]. Zero fields take their defaults.
type Config struct {
	Writer eventstore.WriterConfig
	Poller eventstore.PollerConfig
	// Observer is told what Writer, Poller and reducer do.
	Observer eventstore.Observer
	// MaxLag is how many events the state may be behind the newest one that this
	// process has heard of before [Service.Ready] says so. 0: any number.
	MaxLag int64
	// MaxClockSkew is how far this process's clock may be behind the newest event's
	// time, or away from the store's clock, before no more commands are taken. 0: any
	// time.
	MaxClockSkew time.Duration
	// Snapshots says where snapshots of the state are kept, and when they are taken.
	Snapshots SnapshotConfig
	// Subscriptions keeps the named subscriptions to the log. nil: there are none.
	Subscriptions eventstore.SubscriptionStore
	// Replayed is told of each replay when it has ended, by its goroutine; may be nil.
	Replayed func(Replay)
	// MaxKeys is how many idempotency keys may be remembered: while there are as many,
	// commands with new ones are refused. Each takes some 250 bytes of memory, and more
	// if it is long. Default: 1,000,000.
	MaxKeys int
	// Progress is told, every few seconds, how far the first reading of the log
	// has come, and once when it is done; may be nil.
	Progress func(at, head eventstore.Position, done bool)
}

// Service keeps accounts on one log. It is safe for concurrent use.
type Service struct {
	log      *eventstore.Log
	poller   *eventstore.Poller
	reducer  *reducer
	received *eventstore.Subscription
	writer   *eventstore.Writer[*account.Draft]
	clocks   *eventstore.Clocks
	now      func() time.Time // this process's clock, as the Writer has it
	maxLag   eventstore.Position

	snapshots     *snapshotter            // nil without a store for them
	subscriptions *subscriptions.Registry // likewise
	replays       replays
	history       *history
	feeds         atomic.Int64                      // that are open
	behind        atomic.Int64                      // of these, those that look for news, knowing that there are some
	parties       eventstore.Memo[[]account.Number] // the accounts of transfers that feeds had to look at
	maxKeys       int

	target   eventstore.Head // the log's at the start
	caughtUp atomic.Bool     // the state has been as new as that
	started  time.Time
	cancel   context.CancelFunc
	watching sync.WaitGroup // the goroutines that watch the start and take snapshots
}

// Start restores the newest snapshot that is good, and begins to read backend's log
// from there. ctx bounds the first contact and the restoring. Until everything that
// was in the log is applied, [Service.Ready] says so, and nothing else should be
// asked of it. The backend is the caller's to close, after the Service.
func Start(ctx context.Context, backend eventstore.Backend, cfg Config) (*Service, error) {
	log := eventstore.NewLog(backend)
	cfg.Poller.Observer, cfg.Writer.Observer = cfg.Observer, cfg.Observer
	if cfg.Writer.Now == nil {
		cfg.Writer.Now = time.Now
	}
	var manifests []eventstore.Manifest
	if cfg.Snapshots.Store != nil { // before the head is read, so that none is beyond it
		var err error
		if manifests, err = cfg.Snapshots.Store.Manifests(ctx); err != nil {
			return nil, err
		}
	}
	poller, err := eventstore.StartPoller(ctx, log, cfg.Poller)
	if err != nil {
		return nil, err
	}
	base, err := restore(ctx, log, poller.Head(), manifests, cfg.Snapshots)
	lost := err
	if eventstore.KindOf(err) != eventstore.KindRegressed && err != nil {
		poller.Close()
		return nil, err
	}
	s := &Service{
		log: log, poller: poller, reducer: newReducer(base.state, base.tail), history: newHistory(log),
		target: poller.Head(), started: time.Now(), maxLag: eventstore.Position(cfg.MaxLag),
		maxKeys: cmp.Or(cfg.MaxKeys, defaultMaxKeys), now: cfg.Writer.Now,
	}
	s.received, err = poller.Subscribe(ctx, eventstore.SubscriptionConfig{
		Name: subscriberName, Handle: s.reducer.receive, HaltOnError: true, After: base.tail.Head,
	})
	if err != nil {
		poller.Close()
		return nil, err
	}
	s.clocks = eventstore.WatchClocks(ctx, backend, cfg.MaxClockSkew, cfg.Observer)
	cfg.Writer.Clocks = s.clocks
	s.writer = eventstore.StartWriter(log, poller, model{s}, cfg.Writer)
	s.begin(ctx, cfg, lost, base.tail.Head.Position, manifests)
	if cfg.Subscriptions != nil {
		s.subscriptions = subscriptions.Start(subscriptions.Config{Store: cfg.Subscriptions, Source: source{s}})
	}
	return s, nil
}

// begin starts what goes on in the background, until Close. lost is what the
// snapshots say the log has lost: then nothing of it may be shown.
func (s *Service) begin(ctx context.Context, cfg Config, lost error, from eventstore.Position, manifests []eventstore.Manifest) {
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.replays.service, s.replays.ended = s, cfg.Replayed
	if lost != nil {
		s.writer.Halt(lost)
		if cfg.Observer.Halted != nil {
			cfg.Observer.Halted(subscriberName, lost)
		}
		return
	}
	if cfg.Snapshots.Observer.Rebuilding != nil {
		cfg.Snapshots.Observer.Rebuilding(from)
	}
	if cfg.Snapshots.Store != nil {
		s.snapshots = newSnapshotter(cfg.Snapshots, s.reducer, s.regressed, manifests)
	}
	s.watching.Go(func() {
		s.watch(ctx, cfg.Progress)
	})
	if s.snapshots != nil {
		s.watching.Go(func() {
			if s.wait(ctx, s.target.Position) == nil {
				s.snapshots.run(ctx, s.wait)
			}
		})
	}
}

// model is the Service as the Writer sees it.
type model struct{ s *Service }

var _ eventstore.Model[*account.Draft] = model{}

func (m model) Draft(use func(*account.Draft, eventstore.Tail)) { m.s.reducer.draft(use) }

func (m model) Wait(ctx context.Context, pos eventstore.Position) error {
	return m.s.wait(ctx, pos)
}

// progressInterval is how often Config.Progress hears of a long start.
const progressInterval = 5 * time.Second

// watch follows the start. If the reducer halts, then or later, the Writer must
// not decide on a state that has stopped.
func (s *Service) watch(ctx context.Context, progress func(at, head eventstore.Position, done bool)) {
	if progress == nil {
		progress = func(eventstore.Position, eventstore.Position, bool) {}
	}
	for !s.caughtUp.Load() {
		step, cancel := context.WithTimeout(ctx, progressInterval)
		err := s.wait(step, s.target.Position)
		cancel()
		switch at := s.received.Head(); {
		case err == nil && at.Position == s.target.Position && at != s.target:
			s.writer.Halt(s.target.RegressedFrom(at)) // the head is not that of the last event
			return
		case err == nil:
			s.reducer.state.Load().SettleDigest()
			s.caughtUp.Store(true)
			progress(at.Position, s.target.Position, true)
		case ctx.Err() != nil:
			return
		case s.received.Err() != nil:
			s.writer.Halt(s.received.Err())
			return
		default:
			progress(at.Position, s.target.Position, false)
		}
	}
	// The position after the last one never comes: this waits for a halt.
	if err := s.received.Wait(ctx, 1<<62); ctx.Err() == nil {
		s.writer.Halt(err)
	}
}

// Close finishes the commands that wait, takes a last snapshot, and ends
// everything. If ctx ends first, what is in doubt is answered so, and ctx's error
// returned; a snapshot that could not be taken is no error.
func (s *Service) Close(ctx context.Context) error {
	err := s.writer.Close(ctx)
	if s.snapshots != nil { // what is left of a snapshot can wait for another node to clear it away
		defer context.AfterFunc(ctx, s.snapshots.giveUp)()
	}
	s.replays.close()
	s.cancel()
	s.watching.Wait()
	if s.snapshots != nil && s.snapshots.cfg.AtClose && s.Serving() == nil && s.caughtUp.Load() {
		if err := s.snapshots.last(ctx); err != nil {
			s.snapshots.failed(0, err)
		}
	}
	if s.subscriptions != nil {
		s.subscriptions.Close()
	}
	s.clocks.Close()
	s.poller.Close()
	return err
}

// Why a Service is not ready: it reads its log for the first time, or more of the
// log than Config.MaxLag is not part of its state.
var (
	ErrStarting = errors.New("the log is being read")
	ErrLagging  = errors.New("the state lags behind the log")
)

// Ready is nil when the service can answer reads and commands; otherwise why not.
func (s *Service) Ready() error {
	if err := s.received.Health(); err != nil {
		return err
	}
	if err := s.writer.Err(); err != nil {
		return err
	}
	if err := s.poller.Health(); err != nil {
		return err
	}
	if err := s.writer.Health(); err != nil {
		return err
	}
	if err := s.reducer.missing(); err != nil {
		return err
	}
	if !s.caughtUp.Load() {
		return s.starting()
	}
	if err := s.clocks.Check(s.now(), s.reducer.time()); err != nil {
		return err
	}
	if at, newest := s.Applied(), s.poller.Newest(); s.maxLag > 0 && newest-at > s.maxLag {
		return fmt.Errorf("%w: event %d of %d", ErrLagging, at, newest)
	}
	return nil
}

func (s *Service) starting() error {
	return fmt.Errorf("%w: event %d of %d", ErrStarting, s.Applied(), s.target.Position)
}

// Serving is nil while the state may be shown to clients: it has once been as new
// as the log was at the start, and the log has not gone back behind it since.
// Otherwise it says why not. Unlike [Service.Ready] it stays nil when the store
// can't be reached: what is known is still true.
func (s *Service) Serving() error {
	if err := s.regressed(); err != nil {
		return err
	}
	if s.caughtUp.Load() {
		return nil
	}
	if err := s.obstacle(); err != nil {
		return err
	}
	return s.starting()
}

// regressed is an error if the log has gone back behind the state, as far as that
// is known.
func (s *Service) regressed() error {
	for _, err := range []error{s.poller.Health(), s.writer.Err()} {
		if eventstore.IsKind(err, eventstore.KindRegressed) {
			return err
		}
	}
	return nil
}

// obstacle is what keeps events that are in the log from this node's state: a
// damaged or missing row, a log gone backwards, an event that halted the reducer.
func (s *Service) obstacle() error {
	for _, err := range []error{s.received.Health(), s.poller.Health(), s.reducer.missing()} {
		switch eventstore.KindOf(err) {
		case eventstore.KindDamaged, eventstore.KindMissing, eventstore.KindRegressed, eventstore.KindClosed:
			return err
		}
	}
	return nil
}

// TakeSnapshot takes a snapshot of the state as it stands; one at a time, so that it
// may have to wait. Errors: those of [eventstore.SnapshotStore]; KindUnavailable
// when ctx ends or there is no store for snapshots; KindRegressed among the causes
// when the log does not hold what the state is made of any more.
func (s *Service) TakeSnapshot(ctx context.Context) (eventstore.Manifest, error) {
	if s.snapshots == nil {
		return eventstore.Manifest{}, errNoSnapshots
	}
	return s.snapshots.take(ctx, false)
}

// Snapshots lists all snapshots, as [eventstore.SnapshotStore.Manifests] does.
func (s *Service) Snapshots(ctx context.Context) ([]eventstore.Manifest, error) {
	if s.snapshots == nil {
		return nil, errNoSnapshots
	}
	return s.snapshots.list(ctx)
}

var errNoSnapshots = eventstore.NewError("snapshot", eventstore.KindUnavailable, errors.New("there is no store for snapshots, or the log has lost events that are in them"))

// Status is a picture of the service for operators.
type Status struct {
	Head     eventstore.Position // as far as this node has seen the log
	Applied  eventstore.Position
	Accounts int // open ones
	Keys     int // idempotency keys that are remembered
	MaxKeys  int // as many can be
	Digest   account.Digest
	DigestAt eventstore.Position
	Foreign  int64               // events of other services among the applied ones
	Subjects int                 // that those are about
	Snapshot eventstore.Manifest // the newest known that is of use; zero: none
	Queue    int                 // commands waiting
	MaxQueue int                 // as many can
	Halted   bool                // no more commands are taken, for good; Problem says why
	// ClockAhead is by how much the store's clock was ahead of this process's when it
	// was last asked; nil: the store has none, it could not be asked, or is not.
	ClockAhead *time.Duration
	Uptime     time.Duration
	Problem    error // what Ready says
}

// Status takes the picture.
func (s *Service) Status() Status {
	state := s.reducer.state.Load()
	at, digest := state.Digest()
	applied := eventstore.Position(state.Position())
	status := Status{
		Head: max(s.poller.Newest(), applied), Applied: applied,
		Accounts: state.Open(), Keys: state.Keys(), Digest: digest, DigestAt: eventstore.Position(at), Foreign: state.Passed(), Subjects: state.ForeignSubjects(),
		MaxKeys: s.maxKeys, Queue: s.writer.Queue(), MaxQueue: s.writer.QueueLimit(), Halted: s.writer.Err() != nil, Uptime: time.Since(s.started), Problem: s.Ready(),
	}
	if ahead, known := s.clocks.Ahead(); known {
		status.ClockAhead = &ahead
	}
	if s.snapshots != nil {
		if m := s.snapshots.newest.Load(); m != nil {
			status.Snapshot = *m
		}
	}
	return status
}
