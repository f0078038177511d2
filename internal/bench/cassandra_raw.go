package bench

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
)

const (
	cassandraColumns = "log, bucket, seq, id, type, subject, time, meta, data, hash"
	insertRow        = "INSERT INTO events (" + cassandraColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	selectBucket     = "SELECT head, seq, id, type, subject, time, meta, data, hash FROM events WHERE log = ? AND bucket = ?"
	// scannedAtOnce is how many buckets the driver alone reads at the same time.
	scannedAtOnce = 4
)

func (o *onCluster) raw() driver {
	return driver{
		appendsBy:   "single INSERTs into the same table, one for each caller at a time",
		appends:     o.rawAppends,
		conditional: o.rawConditional,
		scansBy:     "SELECTs of whole buckets, four at once",
		scan:        o.rawScan,
		rows:        o.rawRows,
	}
}

// row is a row of the table, in buckets as large as the service's.
func (o *onCluster) row(log string, ev eventstore.Event) []any {
	return []any{
		log, int64(ev.Seq) / o.bucketSize(), int64(ev.Seq), gocql.UUID(ev.ID), ev.Type, ev.Subject, ev.Time, plainMeta, ev.Data, ev.Hash[:],
	}
}

func (o *onCluster) bucketSize() int64 {
	if o.cfg.BucketSize == 0 {
		return cassandra.DefaultBucketSize
	}
	return o.cfg.BucketSize
}

// rawLog names the rows of one case.
func (o *onCluster) rawLog() string { return o.log("raw-" + suffix()) }

func (o *onCluster) rawAppends(_ context.Context, n int) (side, error) {
	log := o.rawLog()
	return callers(n, func(ctx context.Context, _ int, i int64) error {
		return o.session.Query(insertRow, o.row(log, row(i))...).WithContext(ctx).Exec()
	}), nil
}

func (o *onCluster) rawConditional(context.Context) (side, error) {
	log := o.rawLog()
	return callers(1, func(ctx context.Context, _ int, i int64) error {
		_, err := o.session.Query(insertRow+" IF NOT EXISTS", o.row(log, row(i))...).WithContext(ctx).MapScanCAS(make(map[string]any))
		return err
	}), nil
}

// rawScan reads the buckets that so many events are in.
func (o *onCluster) rawScan(ctx context.Context, log string, events int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(scannedAtOnce)
	var n atomic.Int64
	for bucket := range int64(events-1)/o.bucketSize() + 1 {
		group.Go(func() error {
			rows := o.session.Query(selectBucket, o.log(log), bucket).WithContext(ctx).PageSize(5000).Iter()
			return count(rows, &n)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return allThere(int(n.Load()), events)
}

// rawRows reads rows bucket by bucket, all buckets at once. They are of a log that was
// written in batches none of which reaches beyond its bucket.
func (o *onCluster) rawRows(ctx context.Context, log string, at []eventstore.Position) error {
	buckets := make(map[int64][]any)
	for _, p := range at {
		bucket := int64(p-1) / o.bucketSize()
		buckets[bucket] = append(buckets[bucket], int64(p))
	}
	group, ctx := errgroup.WithContext(ctx)
	var n atomic.Int64
	for bucket, seqs := range buckets {
		group.Go(func() error {
			in := " AND seq IN (?" + strings.Repeat(", ?", len(seqs)-1) + ")"
			rows := o.session.Query(selectBucket+in, append([]any{o.log(log), bucket}, seqs...)...).WithContext(ctx).Iter()
			return count(rows, &n)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return allThere(int(n.Load()), len(at))
}

// count reads all columns of all rows.
func count(rows *gocql.Iter, n *atomic.Int64) error {
	var head *int64
	var seq int64
	var id gocql.UUID
	var kind, subject, data string
	var at time.Time
	var meta map[string]string
	var hash []byte
	for rows.Scan(&head, &seq, &id, &kind, &subject, &at, &meta, &data, &hash) {
		n.Add(1)
	}
	return rows.Close()
}
