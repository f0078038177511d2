package cassandra

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
)

// session is connections to the nodes of one cluster. This file, columns.go, single.go,
// hooks.go, cells.go and errors.go are all that knows the driver; another driver
// replaces these.
type session struct {
	driver      *gocql.Session
	consistency gocql.Consistency
	serial      gocql.SerialConsistency
	reads       gocql.RetryPolicy
	requests    func(Request) // never nil
}

// driverUUID is a uuid in a form the driver can scan, null as zeroes.
type driverUUID = gocql.UUID

// statement is CQL and what its question marks stand for.
type statement struct {
	cql  string
	args []any
}

// connect makes a session. With an empty keyspace all table names must be
// qualified, and requests have time to change the schema. Errors carry the kind.
func connect(ctx context.Context, cfg Config, keyspace string) (*session, error) {
	attempts := new(connectAttempts)
	cluster, err := clusterConfig(cfg, keyspace, attempts)
	if err != nil {
		return nil, eventstore.NewError("open", eventstore.KindInvalid, err)
	}
	return dial(ctx, cfg, cluster, attempts)
}

// dial makes the session that cluster describes.
func dial(ctx context.Context, cfg Config, cluster *gocql.ClusterConfig, attempts *connectAttempts) (*session, error) {
	type result struct {
		driver *gocql.Session
		err    error
	}
	made := make(chan result)
	// The driver cannot be told to give up. When ctx ends first, this goroutine
	// outlives the call until the driver's own time limits have passed, and then
	// closes what it has made.
	go func() {
		driver, err := cluster.CreateSession()
		select {
		case made <- result{driver, err}:
		case <-ctx.Done():
			if driver != nil {
				driver.Close()
			}
		}
	}()
	select {
	case r := <-made:
		if r.err != nil {
			return nil, connectError(r.err, attempts.last(), cfg)
		}
		return &session{
			driver:      r.driver,
			consistency: cluster.Consistency,
			serial:      cluster.SerialConsistency,
			requests:    cfg.Requests,
			reads:       &gocql.ExponentialBackoffRetryPolicy{NumRetries: 2, Min: 20 * time.Millisecond, Max: 200 * time.Millisecond},
		}, nil
	case <-ctx.Done():
		return nil, eventstore.NewError("open", eventstore.KindUnavailable, errors.Join(ctx.Err(), attempts.last()))
	}
}

// clusterConfig puts cfg into the driver's words.
func clusterConfig(cfg Config, keyspace string, attempts *connectAttempts) (*gocql.ClusterConfig, error) {
	c := gocql.NewCluster(cfg.Hosts...)
	_, port, err := splitHost(cfg.Hosts[0])
	if err != nil {
		return nil, err
	}
	c.Port = port // of the nodes that are learnt from the first
	c.ProtoVersion = 4
	c.Keyspace = keyspace
	c.Timeout = cfg.Timeout
	c.ConnectTimeout = cfg.ConnectTimeout
	if keyspace == "" {
		c.NumConns = 1
		c.Timeout = max(cfg.Timeout, schemaTimeout)
	}
	c.Consistency = gocql.Quorum
	if cfg.Consistency == localQuorum {
		c.Consistency = gocql.LocalQuorum
	}
	c.SerialConsistency = gocql.Serial
	if cfg.SerialConsistency == localSerial {
		c.SerialConsistency = gocql.LocalSerial
	}
	c.RetryPolicy = nil // see compareAndSet; reads get theirs one by one
	fallback := gocql.RoundRobinHostPolicy()
	if cfg.DataCentre != "" {
		fallback = gocql.DCAwareRoundRobinPolicy(cfg.DataCentre)
	}
	if cfg.local() && keyspace != "" {
		// A coordinator elsewhere would decide with the replicas of its own data
		// centre: two of these fork the log. So nobody else is asked, not even when
		// all nodes at home are down.
		c.HostFilter = gocql.DataCentreHostFilter(cfg.DataCentre)
	}
	// No shuffling: all writers of a partition ask the same replica first, which
	// makes them meet in one place instead of outbidding each other.
	c.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(fallback)
	c.ReconnectionPolicy = &gocql.ExponentialReconnectionPolicy{MaxRetries: 5, InitialInterval: 100 * time.Millisecond, MaxInterval: 2 * time.Second}
	c.ReconnectInterval = 5 * time.Second
	c.Authenticator = credentials{cfg.Username, cfg.Password}
	c.ConnectObserver = attempts
	c.StreamObserver = sentObserver{}
	c.QueryObserver = requestObserver(cfg.Requests)
	c.Logger = lineLogger(cfg.Log)
	if cfg.TLS != nil {
		config, err := tlsConfig(*cfg.TLS)
		if err != nil {
			return nil, err
		}
		c.SslOpts = &gocql.SslOptions{Config: config, EnableHostVerification: true}
	}
	return c, nil
}

// schemaTimeout is how long one change of the schema may take: with many nodes
// and tables it is seconds.
const schemaTimeout = time.Minute

// rows is the answer to a query.
type rows struct{ iter *gocql.Iter }

// scan fills dest with the next row, or reports that there is none.
func (r rows) scan(dest ...any) bool { return r.iter.Scan(dest...) }

// close gives the error that ended the rows, if one did.
func (r rows) close() error { return r.iter.Close() }

// query reads, at most limit rows, at the configured consistency. A read may be
// sent again by the driver.
func (s *session) query(ctx context.Context, limit int, cql string, args ...any) rows {
	return rows{s.driver.Query(cql, args...).WithContext(ctx).Consistency(s.consistency).
		Idempotent(true).RetryPolicy(s.reads).PageSize(limit + 1).Iter()}
}

// serialRow reads one row through Paxos: it includes, or rules out, every append
// that was under way. It reports whether there was a row.
func (s *session) serialRow(ctx context.Context, cql string, args []any, dest ...any) (bool, error) {
	return s.rowAt(ctx, gocql.Consistency(s.serial), cql, args, dest...)
}

// row is serialRow at the configured consistency: it may miss what is not yet
// decided.
func (s *session) row(ctx context.Context, cql string, args []any, dest ...any) (bool, error) {
	return s.rowAt(ctx, s.consistency, cql, args, dest...)
}

// globalRow is serialRow over all data centres, whatever is configured: see
// writeIfAbsent.
func (s *session) globalRow(ctx context.Context, cql string, args []any, dest ...any) (bool, error) {
	return s.rowAt(ctx, gocql.Consistency(gocql.Serial), cql, args, dest...)
}

func (s *session) rowAt(ctx context.Context, level gocql.Consistency, cql string, args []any, dest ...any) (bool, error) {
	err := s.driver.Query(cql, args...).WithContext(ctx).Consistency(level).
		Idempotent(true).RetryPolicy(s.reads).Scan(dest...)
	if errors.Is(err, gocql.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// write runs an unconditional statement, with timestamp in microseconds if that
// is not 0. It may be sent again by the driver: it must be one that can be.
func (s *session) write(ctx context.Context, timestamp int64, cql string, args ...any) error {
	q := s.driver.Query(cql, args...).WithContext(ctx).Consistency(s.consistency).Idempotent(true).RetryPolicy(s.reads)
	if timestamp != 0 {
		q = q.WithTimestamp(timestamp)
	}
	return q.Exec()
}

// writeIfAbsent runs INSERT … IF NOT EXISTS, at SERIAL whatever is configured: it
// writes the row that says which levels are right, and levels must not be mixed
// on one row. Whether it was this one that inserted is not reported: read what is
// there now with globalRow.
func (s *session) writeIfAbsent(ctx context.Context, cql string, args ...any) error {
	_, err := s.driver.Query(cql, args...).WithContext(ctx).Consistency(s.consistency).
		SerialConsistency(gocql.Serial).MapScanCAS(make(map[string]any))
	return err
}

// verdict is what a conditional batch came to.
type verdict struct {
	applied bool
	exists  bool  // the partition has a head; meant only if not applied
	head    int64 // that head
}

// compareAndSet runs a conditional batch on events, once: see conditional.
func (s *session) compareAndSet(ctx context.Context, batch []statement) (v verdict, sent bool, err error) {
	head := new(int64)
	answer := map[string]any{"head": &head} // **int64: keeps null apart from zero
	v.applied, sent, err = s.conditional(ctx, batch, answer)
	if err != nil {
		return verdict{}, sent, err
	}
	// An absent partition gives no column head, so the pointer stays; one without
	// a head makes it nil.
	if now, ok := answer["head"].(*int64); ok && now != nil {
		v.exists, v.head = true, *now
	}
	return v, true, nil
}

// conditional runs statements of which some have a condition as one batch, once. The
// driver must not send it again by itself: the second sending would be refused because
// of the first, and a batch that was stored would be reported as not stored. sent tells
// whether anything may have left this process. If it was not applied, answer gets what
// is there.
func (s *session) conditional(ctx context.Context, batch []statement, answer map[string]any) (applied, sent bool, err error) {
	ctx, mark := withSentMark(ctx)
	b := s.driver.NewBatch(gocql.LoggedBatch).WithContext(ctx).SerialConsistency(s.serial).RetryPolicy(nil).DefaultTimestamp(false)
	b.SetConsistency(s.consistency)
	for _, st := range batch {
		b.Query(st.cql, st.args...)
	}
	start := time.Now()
	applied, err = s.executeCAS(b, answer)
	s.requests(Request{Statement: nameOf(batch[0].cql), Outcome: outcomeOf(err), Took: time.Since(start)})
	if err != nil {
		return false, mark.sent.Load(), err
	}
	return applied, true, nil
}

// executeCAS keeps the driver from panicking on an answer it cannot read.
func (s *session) executeCAS(b *gocql.Batch, answer map[string]any) (applied bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unreadable answer to a conditional batch: %v", r)
		}
	}()
	applied, iter, err := s.driver.MapExecuteBatchCAS(b, answer)
	if err != nil {
		return false, err
	}
	return applied, iter.Close()
}

// agree waits until all nodes know the same schema.
func (s *session) agree(ctx context.Context) error { return s.driver.AwaitSchemaAgreement(ctx) }

func (s *session) close() { s.driver.Close() }
