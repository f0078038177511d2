package cassandra

import (
	"context"
	"sync"
	"sync/atomic"

	"openpayment/eventstore"
)

// Store is one log in Cassandra, and the cursors, snapshots and subscriptions beside
// it. It is safe for concurrent use.
type Store struct {
	link       *link
	log        string
	bucketSize int64
	tail       atomic.Int64 // the latest bucket this handle has seen, or nothingSeen
	clock      writeClock
	swapping   chan struct{} // holds one while a subscription is being swapped

	// life ends with Close. Every call under way holds users; Close ends their
	// contexts and waits for them, so that nothing uses the session after it.
	life   context.Context
	end    context.CancelFunc
	mu     sync.Mutex // protects closed against users growing from zero after Close
	closed bool
	users  sync.WaitGroup
}

var _ eventstore.Store = (*Store)(nil)

// Open connects to the cluster, sees to the schema and to the log's row in table
// logs, and gives a handle on the log. The bucket size stored with the log
// replaces the configured one.
//
// Errors: KindUnavailable if the cluster cannot be reached or asked, which may
// pass: call again. KindInvalid if the configuration, the credentials or the
// schema are wrong, which will not; the text says what to do about it.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, eventstore.NewError("open", eventstore.KindInvalid, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, eventstore.NewError("open", eventstore.KindUnavailable, err)
	}
	if err := prepareSchema(ctx, cfg); err != nil {
		return nil, err
	}
	session, err := connect(ctx, cfg, cfg.Keyspace)
	if err != nil {
		return nil, err
	}
	st, err := agreeOnSettings(ctx, session, cfg)
	if err != nil {
		session.close()
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	s := &Store{
		link:       newLink(cfg, session),
		log:        cfg.LogName,
		bucketSize: st.bucketSize,
		swapping:   make(chan struct{}, 1),
		life:       life,
		end:        end,
	}
	s.tail.Store(nothingSeen)
	return s, nil
}

// nothingSeen stands for the latest bucket as long as none was seen.
const nothingSeen = -1

// BucketSize is the number of events that go into one partition of this log.
func (s *Store) BucketSize() int64 { return s.bucketSize }

// Close ends calls under way, waits for them, and closes all connections. It may
// be called twice. Calls after it give KindUnavailable.
func (s *Store) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.users.Wait()
	if first {
		s.link.close()
	}
	return nil
}

// begin admits one call: done must be called when it is over. The context it
// gives ends with the caller's or with the store. An error is that of a call of
// which nothing was sent.
func (s *Store) begin(op string, ctx context.Context) (_ context.Context, done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ended(op, ctx, s.closed); err != nil {
		return nil, nil, err
	}
	s.users.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() {
		stop()
		cancel()
		s.users.Done()
	}, nil
}

// saw remembers that a bucket exists.
func (s *Store) saw(bucket int64) {
	for {
		known := s.tail.Load()
		if bucket <= known || s.tail.CompareAndSwap(known, bucket) {
			return
		}
	}
}

// bucketAfter is the bucket of a batch that is appended after position p.
func (s *Store) bucketAfter(p eventstore.Position) int64 { return int64(p) / s.bucketSize }
