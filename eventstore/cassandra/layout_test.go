package cassandra_test

import (
	"slices"
	"testing"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
)

// bucketRows gives the positions in a partition, read behind the backend's back.
func bucketRows(t testing.TB, cfg cassandra.Config, bucket int64) []int64 {
	t.Helper()
	var rows []int64
	iter := shared.shell.Query(`SELECT seq FROM events WHERE log = ? AND bucket = ?`, cfg.LogName, bucket).Iter()
	for seq := int64(0); iter.Scan(&seq); {
		if seq != 0 { // a partition with nothing but a head gives one row of nulls
			rows = append(rows, seq)
		}
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func wantRows(t testing.TB, cfg cassandra.Config, bucket, first, last int64) {
	t.Helper()
	var want []int64
	for seq := first; seq <= last; seq++ {
		want = append(want, seq)
	}
	if got := bucketRows(t, cfg, bucket); !slices.Equal(got, want) {
		t.Fatalf("bucket %d holds %v, want %v", bucket, got, want)
	}
}

// The example in the package comment.
func TestABatchGoesWholeIntoTheBucketOfThePositionBeforeIt(t *testing.T) {
	cfg := config(t, 10)
	head, _ := write(t, open(t, cfg), 4, 4, 4, 4, 4)
	wantRows(t, cfg, 0, 1, 12)
	wantRows(t, cfg, 1, 13, 20)
	wantRows(t, cfg, 2, 1, 0)
	wantLog(t, open(t, cfg), head)
}

// A writer that is behind by part of an overshoot would have the condition "the
// next bucket has no head" on its side.
func TestAWriterBehindByPartOfAnOvershootCannotForkTheLog(t *testing.T) {
	cfg := config(t, 10)
	a, b := open(t, cfg), open(t, cfg)
	head, heads := write(t, a, 4, 4, 4)
	for at := eventstore.Position(8); at < 12; at++ {
		for n := 1; n <= 10; n++ {
			wantKind(t, b.Append(t.Context(), heads[at], batchAfter(heads[at], n)), eventstore.KindConflict)
		}
	}
	wantRows(t, cfg, 0, 1, 12)
	wantRows(t, cfg, 1, 1, 0)
	wantLog(t, b, head)
	head, _ = write(t, b, 3)
	wantRows(t, cfg, 1, 13, 15)
	wantLog(t, a, head)
}

// A hash that is wrong in the bucket before must not open the next one.
func TestABucketIsNotOpenedAfterAnotherHistory(t *testing.T) {
	cfg := config(t, 10)
	s := open(t, cfg)
	head, _ := write(t, s, 10)
	other := head
	other.Hash[0] ^= 1
	wantKind(t, s.Append(t.Context(), other, batchAfter(other, 1)), eventstore.KindConflict)
	wantRows(t, cfg, 1, 1, 0)
}

func TestAHandleLeftBehindByManyBucketsFindsTheHeadAndConflictsBehindIt(t *testing.T) {
	cfg := config(t, 4)
	behind, ahead := open(t, cfg), open(t, cfg)
	_, heads := write(t, behind, 3)
	head, _ := write(t, ahead, 3, 4, 1, 2, 4, 4, 3, 2, 1, 4)
	wantKind(t, behind.Append(t.Context(), heads[3], batchAfter(heads[3], 2)), eventstore.KindConflict)
	wantLog(t, behind, head)
	wantLog(t, open(t, cfg), head)
	head, _ = write(t, behind, 4)
	wantLog(t, ahead, head)
}

func TestABatchLargerThanABucketIsInvalid(t *testing.T) {
	s := open(t, config(t, 5))
	wantKind(t, s.Append(t.Context(), eventstore.Head{}, batchAfter(eventstore.Head{}, 6)), eventstore.KindInvalid)
	wantLog(t, s, eventstore.Head{})
}

// Nulls would be tombstones, which every later read has to step over.
func TestAnEventWithoutMetaIsStoredWithoutANull(t *testing.T) {
	cfg := config(t, 0)
	s := open(t, cfg)
	batch := batchAfter(eventstore.Head{}, 1)
	batch[0].Meta = nil
	batch[0].Hash = batch[0].ChainHash(eventstore.Hash{})
	if err := s.Append(t.Context(), eventstore.Head{}, batch); err != nil {
		t.Fatal(err)
	}
	var written *int64
	err := shared.shell.Query(`SELECT WRITETIME(meta) FROM events WHERE log = ? AND bucket = 0 AND seq = 1`, cfg.LogName).Scan(&written)
	if err != nil || written == nil {
		t.Fatalf("meta was written at %v, %v: there is no cell", written, err)
	}
	wantLog(t, s, batch[0].Head())
}

// A whole partition that is gone shows by the one after it.
func TestALostBucketIsReportedMissing(t *testing.T) {
	cfg := config(t, 5)
	s := open(t, cfg)
	write(t, s, 5, 5, 5)
	cql(t, `DELETE FROM events USING TIMESTAMP ? WHERE log = ? AND bucket = 1`, later(), cfg.LogName)
	for _, s := range []*cassandra.Store{s, open(t, cfg)} {
		n := 0
		var failed error
		for _, err := range s.Read(t.Context(), 0, 0) {
			if err != nil {
				failed = err
				continue
			}
			n++
		}
		wantKind(t, failed, eventstore.KindMissing)
		if n != 5 {
			t.Fatalf("%d events before the gap, want 5", n)
		}
	}
}

// Restored to an older state: the buckets this handle has seen are gone.
func TestTheHeadOfALogThatWentBackwardsIsToldAsItIs(t *testing.T) {
	cfg := config(t, 5)
	s := open(t, cfg)
	_, heads := write(t, s, 5, 5, 5, 2)
	for bucket := 1; bucket < 4; bucket++ {
		cql(t, `DELETE FROM events USING TIMESTAMP ? WHERE log = ? AND bucket = ?`, later(), cfg.LogName, bucket)
	}
	head, err := s.Head(t.Context())
	if err != nil || head != heads[5] {
		t.Fatalf("the head is %v, %v, want %v", head, err, heads[5])
	}
}

// TestALostBucketIsNeverTakenForTheEnd deletes a whole partition before the last
// one, as a restore of some nodes only may.
func TestALostBucketIsNeverTakenForTheEnd(t *testing.T) {
	for name, lost := range map[string]int64{"the first": 0, "one in the middle": 1, "the last but one": 2} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, 10)
			head, _ := write(t, open(t, cfg), 10, 10, 10, 5) // buckets 0 to 3
			cql(t, `DELETE FROM events USING TIMESTAMP ? WHERE log = ? AND bucket = ?`, later(), cfg.LogName, lost)
			fresh := open(t, cfg)
			if at, err := fresh.Head(t.Context()); eventstore.KindOf(err) != eventstore.KindDamaged && at != head {
				t.Errorf("the head is said to be %d (%v)", at.Position, err)
			}
			// Nor does one who believes in the wrong end get it continued.
			var end eventstore.Head
			for ev := range fresh.Read(t.Context(), 0, int(lost)*10) {
				if int64(ev.Seq) <= lost*10 {
					end = ev.Head()
				}
			}
			if err := fresh.Append(t.Context(), end, batchAfter(end, 1)); err == nil {
				t.Errorf("the log was continued behind %d, where events are lost", end.Position)
			}
		})
	}
}
