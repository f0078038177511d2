package cassandra_test

import (
	"context"
	"testing"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/eventstore/eventstoretest"
)

func TestCassandraIsABackend(t *testing.T) {
	eventstoretest.Run(t, newStorage)
}

func newStorage(t testing.TB, bucketSize int) eventstoretest.Storage {
	return storage{cfg: config(t, bucketSize)}
}

// storage is one log for one case.
type storage struct{ cfg cassandra.Config }

func (s storage) Open(ctx context.Context) (eventstore.Store, error) {
	return cassandra.Open(ctx, s.cfg)
}

// Plain writes lose against those of Paxos when the timestamps say so; these do
// not: a far later timestamp each time.
const tamper = ` USING TIMESTAMP ? `

func (s storage) Replace(t testing.TB, ev eventstore.Event) {
	cql(t, `UPDATE events`+tamper+`SET id = ?, type = ?, subject = ?, time = ?, meta = ?, data = ?, hash = ? WHERE log = ? AND bucket = ? AND seq = ?`,
		later(), gocql.UUID(ev.ID), ev.Type, ev.Subject, ev.Time, ev.Meta.Map(), ev.Data, ev.Hash[:], s.cfg.LogName, s.bucketOf(t, ev.Seq), int64(ev.Seq))
}

func (s storage) Remove(t testing.TB, seq eventstore.Position) {
	cql(t, `DELETE FROM events`+tamper+`WHERE log = ? AND bucket = ? AND seq = ?`, later(), s.cfg.LogName, s.bucketOf(t, seq), int64(seq))
}

func (s storage) Garble(t testing.TB, seq eventstore.Position) {
	cql(t, `UPDATE events`+tamper+`SET hash = ? WHERE log = ? AND bucket = ? AND seq = ?`,
		later(), []byte{1, 2, 3}, s.cfg.LogName, s.bucketOf(t, seq), int64(seq))
}

// Snapshots are written without Paxos: the timestamps of a shell will do.

func (s storage) GarbleChunk(t testing.TB, snapshot uuid.UUID, number int) {
	var data []byte
	if err := shared.shell.Query(`SELECT data FROM snapshot_chunks WHERE log = ? AND snapshot = ? AND chunk = ?`, s.cfg.LogName, gocql.UUID(snapshot), number).Scan(&data); err != nil {
		t.Fatal(err)
	}
	data[0] ^= 1
	cql(t, `UPDATE snapshot_chunks SET data = ? WHERE log = ? AND snapshot = ? AND chunk = ?`, data, s.cfg.LogName, gocql.UUID(snapshot), number)
}

func (s storage) RemoveChunk(t testing.TB, snapshot uuid.UUID, number int) {
	cql(t, `DELETE FROM snapshot_chunks WHERE log = ? AND snapshot = ? AND chunk = ?`, s.cfg.LogName, gocql.UUID(snapshot), number)
}

func (s storage) GarbleManifest(t testing.TB, snapshot uuid.UUID) {
	cql(t, `UPDATE snapshots SET digest = ? WHERE log = ? AND snapshot = ?`, []byte{1, 2, 3}, s.cfg.LogName, gocql.UUID(snapshot))
}

// bucketOf looks where the row is, as the layout allows: in the bucket of the
// event before it, or in the overshoot of the one before that.
func (s storage) bucketOf(t testing.TB, seq eventstore.Position) int64 {
	t.Helper()
	size := s.cfg.BucketSize
	if size == 0 {
		size = cassandra.DefaultBucketSize
	}
	for bucket := int64(seq-1) / size; bucket >= 0; bucket-- {
		var found int64
		if shared.shell.Query(`SELECT seq FROM events WHERE log = ? AND bucket = ? AND seq = ?`, s.cfg.LogName, bucket, int64(seq)).Scan(&found) == nil {
			return bucket
		}
	}
	t.Fatalf("row %d is not there", seq)
	return 0
}
