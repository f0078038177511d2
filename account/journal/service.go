package journal

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
)

// Config bounds the parts of a [Service]. Zero fields take their defaults.
type Config struct {
	Writer eventstore.WriterConfig
	Poller eventstore.PollerConfig
	// Observer is told what Writer, Poller and reducer do.
	Observer eventstore.Observer
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

	target   eventstore.Head // the log's at the start
	caughtUp atomic.Bool     // the state has been as new as that
	started  time.Time
	cancel   context.CancelFunc
	watching chan struct{} // closed when the goroutine watching the start has ended
}

// Start begins to build the state from backend's log; ctx bounds only the first
// contact. Until everything that was in the log is applied, [Service.Ready] says
// so, and nothing else should be asked of it. The backend is the caller's to
// close, after the Service.
func Start(ctx context.Context, backend eventstore.Backend, cfg Config) (*Service, error) {
	log := eventstore.NewLog(backend)
	cfg.Poller.Observer, cfg.Writer.Observer = cfg.Observer, cfg.Observer
	poller, err := eventstore.StartPoller(ctx, log, cfg.Poller)
	if err != nil {
		return nil, err
	}
	s := &Service{
		log: log, poller: poller, reducer: newReducer(),
		target: poller.Head(), started: time.Now(), watching: make(chan struct{}),
	}
	s.received, err = poller.Subscribe(ctx, eventstore.SubscriptionConfig{
		Name: subscriberName, Handle: s.reducer.receive, HaltOnError: true,
	})
	if err != nil {
		poller.Close()
		return nil, err
	}
	s.writer = eventstore.StartWriter(log, poller, model{s}, cfg.Writer)
	watch, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	go s.watch(watch, cfg.Progress) // ends with the first catching up, or Close
	return s, nil
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
	defer close(s.watching)
	if progress == nil {
		progress = func(eventstore.Position, eventstore.Position, bool) {}
	}
	for !s.caughtUp.Load() {
		step, cancel := context.WithTimeout(ctx, progressInterval)
		err := s.received.Wait(step, s.target.Position)
		cancel()
		switch at := s.received.Head(); {
		case err == nil && at.Position == s.target.Position && at != s.target:
			s.writer.Halt(s.target.RegressedFrom(at)) // the head is not that of the last event
			return
		case err == nil:
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

// Close finishes the commands that wait and ends everything. If ctx ends first,
// what is in doubt is answered so, and ctx's error returned.
func (s *Service) Close(ctx context.Context) error {
	err := s.writer.Close(ctx)
	s.cancel()
	<-s.watching
	s.poller.Close()
	return err
}

// ErrStarting is why a Service is not ready while it reads its log for the first
// time.
var ErrStarting = errors.New("the log is being read")

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
	if !s.caughtUp.Load() {
		return s.starting()
	}
	return nil
}

func (s *Service) starting() error {
	return fmt.Errorf("%w: event %d of %d", ErrStarting, s.received.Position(), s.target.Position)
}

// Serving is nil while the state may be shown to clients: it has once been as new
// as the log was at the start, and the log has not gone back behind it since.
// Otherwise it says why not. Unlike [Service.Ready] it stays nil when the store
// can't be reached: what is known is still true.
func (s *Service) Serving() error {
	for _, err := range []error{s.poller.Health(), s.writer.Err()} {
		if eventstore.IsKind(err, eventstore.KindRegressed) {
			return err
		}
	}
	if s.caughtUp.Load() {
		return nil
	}
	if err := s.obstacle(); err != nil {
		return err
	}
	return s.starting()
}

// obstacle is what keeps events that are in the log from this node's state: a
// damaged or missing row, a log gone backwards, an event that halted the reducer.
func (s *Service) obstacle() error {
	for _, err := range []error{s.received.Health(), s.poller.Health()} {
		switch eventstore.KindOf(err) {
		case eventstore.KindDamaged, eventstore.KindMissing, eventstore.KindRegressed, eventstore.KindClosed:
			return err
		}
	}
	return nil
}

// Status is a picture of the service for operators.
type Status struct {
	Head     eventstore.Position // as far as this node has seen the log
	Applied  eventstore.Position
	Accounts int // open ones
	Digest   account.Digest
	DigestAt eventstore.Position
	Queue    int // commands waiting
	Uptime   time.Duration
	Problem  error // what Ready says
}

// Status takes the picture.
func (s *Service) Status() Status {
	at, digest := s.reducer.state.Digest()
	applied := s.Applied()
	return Status{
		Head: max(s.poller.Head().Position, applied), Applied: applied,
		Accounts: s.reducer.state.Open(), Digest: digest, DigestAt: eventstore.Position(at),
		Queue: s.writer.Queue(), Uptime: time.Since(s.started), Problem: s.Ready(),
	}
}
