package cassandra_test

import (
	"crypto/sha256"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
)

// aManifest has every field set.
func aManifest() eventstore.Manifest {
	return eventstore.Manifest{
		ID: uuid.Must(uuid.NewV7()),
		At: eventstore.Tail{
			Head: eventstore.Head{Position: 30, Hash: eventstore.Hash{1, 31: 2}},
			Time: time.UnixMilli(1_700_000_000_001).UTC(),
		},
		Taken: time.UnixMilli(1_700_000_009_999).UTC(), Digest: eventstore.Hash{3, 31: 4},
		Format: 5, Reducer: 6, Records: 7, Bytes: 8,
		Chunks: []eventstore.Hash{sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))},
	}.Sealed()
}

func saveManifest(t testing.TB, s *cassandra.Store, m eventstore.Manifest) {
	t.Helper()
	if err := s.SaveManifest(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// onlyManifest gives the one that there is.
func onlyManifest(t testing.TB, s *cassandra.Store) eventstore.Manifest {
	t.Helper()
	list, err := s.Manifests(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("manifests are %v (%v), want one", list, err)
	}
	return list[0]
}

// garbles are what a column of a manifest may hold that is not what belongs there,
// beside null, and the field that is then zero.
var garbles = map[string]struct {
	values []any
	zero   func(*eventstore.Manifest)
}{
	"position": {nil, func(m *eventstore.Manifest) { m.At.Head.Position = 0 }},
	"time":     {nil, func(m *eventstore.Manifest) { m.At.Time = time.Time{} }},
	"hash":     {[]any{[]byte{}, make([]byte, 31), make([]byte, 33)}, func(m *eventstore.Manifest) { m.At.Head.Hash = eventstore.Hash{} }},
	"taken":    {nil, func(m *eventstore.Manifest) { m.Taken = time.Time{} }},
	"digest":   {[]any{[]byte{}, []byte{1}, make([]byte, 64)}, func(m *eventstore.Manifest) { m.Digest = eventstore.Hash{} }},
	"format":   {nil, func(m *eventstore.Manifest) { m.Format = 0 }},
	"reducer":  {nil, func(m *eventstore.Manifest) { m.Reducer = 0 }},
	"records":  {nil, func(m *eventstore.Manifest) { m.Records = 0 }},
	"bytes":    {nil, func(m *eventstore.Manifest) { m.Bytes = 0 }},
	"chunks":   {[]any{[][]byte{}, [][]byte{{}}, [][]byte{make([]byte, 32), {1}}}, func(m *eventstore.Manifest) { m.Chunks = []eventstore.Hash{} }},
	"checksum": {[]any{[]byte{1}}, func(m *eventstore.Manifest) { m.Checksum = eventstore.Hash{} }},
}

func TestAManifestWithAColumnThatCannotBeReadIsGivenWithoutItAndDamaged(t *testing.T) {
	cfg := config(t, 0)
	s := open(t, cfg)
	m := aManifest()
	for column, c := range garbles {
		for _, value := range append(c.values, nil) {
			saveManifest(t, s, m)
			cql(t, `UPDATE snapshots SET `+column+` = ? WHERE log = ? AND snapshot = ?`, value, cfg.LogName, gocql.UUID(m.ID))
			got, want := onlyManifest(t, s), m
			c.zero(&want)
			if got.Chunks == nil {
				got.Chunks = []eventstore.Hash{}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("with %s %v: got %+v, want %+v", column, value, got, want)
			}
			wantKind(t, got.Verify(), eventstore.KindDamaged)
		}
	}
}

func TestARowOfNothingButNullsIsADamagedManifest(t *testing.T) {
	cfg := config(t, 0)
	id := uuid.Must(uuid.NewV7())
	cql(t, `INSERT INTO snapshots (log, snapshot) VALUES (?, ?)`, cfg.LogName, gocql.UUID(id))
	got := onlyManifest(t, open(t, cfg))
	wantKind(t, got.Verify(), eventstore.KindDamaged)
	if got.ID != id {
		t.Errorf("its id is %s, want %s", got.ID, id)
	}
}

func TestSnapshotsOfAnotherLogAreNotSeen(t *testing.T) {
	cfg := config(t, 0)
	s := open(t, cfg)
	finished, unfinished := aManifest(), uuid.Must(uuid.NewV7())
	for _, id := range []uuid.UUID{finished.ID, unfinished} {
		if err := s.SaveChunk(t.Context(), id, 0, []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	saveManifest(t, s, finished)

	elsewhere := cfg
	elsewhere.LogName += "_other"
	other := open(t, elsewhere)
	list, err := other.Manifests(t.Context())
	if err != nil || len(list) != 0 {
		t.Errorf("manifests are %v (%v)", list, err)
	}
	ids, err := other.Unfinished(t.Context())
	if err != nil || len(ids) != 0 {
		t.Errorf("unfinished are %v (%v)", ids, err)
	}
	_, err = other.LoadChunk(t.Context(), finished.ID, 0)
	wantKind(t, err, eventstore.KindMissing)
	for _, id := range []uuid.UUID{finished.ID, unfinished} {
		if err := other.DropSnapshot(t.Context(), id); err != nil {
			t.Error(err)
		}
		if _, err := s.LoadChunk(t.Context(), id, 0); err != nil {
			t.Errorf("it was dropped from the other log: %v", err)
		}
	}
	if got := onlyManifest(t, s); got.ID != finished.ID {
		t.Errorf("the manifest is that of %s", got.ID)
	}
}

// What a node wrote whose clock is a minute ahead is dropped all the same.
func TestASnapshotWrittenWithAClockAheadCanBeDropped(t *testing.T) {
	cfg := config(t, 0)
	m := aManifest()
	ahead := time.Now().Add(time.Minute).UnixMicro()
	id := gocql.UUID(m.ID)
	for n := range 2 {
		cql(t, `INSERT INTO snapshot_chunks (log, snapshot, chunk, data) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`, cfg.LogName, id, n, []byte{1}, ahead)
	}
	cql(t, `INSERT INTO snapshots (log, snapshot, position, checksum) VALUES (?, ?, 30, ?) USING TIMESTAMP ?`, cfg.LogName, id, m.Checksum[:], ahead)
	s := open(t, cfg)
	if err := s.DropSnapshot(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	list, err := s.Manifests(t.Context())
	if err != nil || len(list) != 0 {
		t.Errorf("manifests are %v (%v)", list, err)
	}
	ids, err := s.Unfinished(t.Context())
	if err != nil || len(ids) != 0 {
		t.Errorf("unfinished are %v (%v)", ids, err)
	}
}

func TestANumberThatItsColumnCannotHoldIsInvalid(t *testing.T) {
	s := open(t, config(t, 0))
	m := aManifest()
	m.Format = math.MaxInt32 + 1
	wantKind(t, s.SaveManifest(t.Context(), m.Sealed()), eventstore.KindInvalid)
	wantKind(t, s.SaveChunk(t.Context(), m.ID, math.MaxInt32+1, []byte{1}), eventstore.KindInvalid)
}
