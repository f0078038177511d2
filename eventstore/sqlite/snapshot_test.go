package sqlite

import (
	"crypto/sha256"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// aManifest has every field set.
func aManifest() eventstore.Manifest {
	return eventstore.Manifest{
		ID: uuid.Must(uuid.NewV7()),
		At: eventstore.Tail{
			Head: eventstore.Head{Position: 30, Hash: eventstore.Hash{1, 31: 2}},
			Time: noon,
		},
		Taken: noon.Add(time.Second), Digest: eventstore.Hash{3, 31: 4},
		Format: 5, Reducer: 6, Records: 7, Bytes: 8,
		Chunks: []eventstore.Hash{sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))},
	}.Sealed()
}

// The row can be read, and pasted into a query.
func TestAManifestIsAReadableRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	m := aManifest()
	if err := mustOpen(t, path).SaveManifest(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	var id, at, taken, chunks, checksum string
	err := other(t, path).QueryRow("SELECT snapshot, time, taken, chunks, checksum FROM snapshots WHERE position = 30 AND format = 5 AND reducer = 6 AND records = 7 AND bytes = 8").
		Scan(&id, &at, &taken, &chunks, &checksum)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		id: m.ID.String(), at: "2026-01-02T12:00:00.006Z", taken: "2026-01-02T12:00:01.006Z", checksum: m.Checksum.String(),
		chunks: `["` + m.Chunks[0].String() + `","` + m.Chunks[1].String() + `"]`,
	} {
		if got != want {
			t.Errorf("the row has %s, want %s", got, want)
		}
	}
}

func TestAManifestWithAColumnThatCannotBeReadIsGivenWithoutItAndDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	m := aManifest()
	long := m.Digest.String() + "00"
	for column, zero := range map[string]func(*eventstore.Manifest){
		"snapshot": func(m *eventstore.Manifest) { m.ID = uuid.Nil },
		"time":     func(m *eventstore.Manifest) { m.At.Time = time.Time{} },
		"hash":     func(m *eventstore.Manifest) { m.At.Head.Hash = eventstore.Hash{} },
		"taken":    func(m *eventstore.Manifest) { m.Taken = time.Time{} },
		"digest":   func(m *eventstore.Manifest) { m.Digest = eventstore.Hash{} },
		"chunks":   func(m *eventstore.Manifest) { m.Chunks = nil },
		"checksum": func(m *eventstore.Manifest) { m.Checksum = eventstore.Hash{} },
	} {
		for _, value := range []string{"", "abc", long, long[:62] + "0g", "01890a5d-ac96-774b-bcce-b302099a805g", `["abc"]`, `[1]`, `{`, "\xff", "2026-02-30T00:00:00.000Z"} {
			shell(t, path, "DELETE FROM snapshots")
			if err := s.SaveManifest(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			shell(t, path, "UPDATE snapshots SET "+column+" = ?", value)
			list, err := s.Manifests(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatalf("with %s %q: %v (%v)", column, value, list, err)
			}
			want := m
			zero(&want)
			if !reflect.DeepEqual(list[0], want) {
				t.Errorf("with %s %q: got %+v, want %+v", column, value, list[0], want)
			}
			if err := list[0].Verify(); eventstore.KindOf(err) != eventstore.KindDamaged {
				t.Errorf("with %s %q: %v", column, value, err)
			}
		}
	}
}

func TestChunksOfNoSnapshotAtAllAreNotUnfinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	shell(t, path, "INSERT INTO snapshot_chunks VALUES ('abc', 0, x'01')")
	if ids, err := s.Unfinished(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("unfinished are %v (%v)", ids, err)
	}
}

// A trigger stops the third of the transactions that remove chunks: what the two
// before it did is done, so that appends would have found their way in between.
func TestChunksAreDroppedAFewAtATimeAndTheManifestBeforeThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	m := aManifest()
	const chunks = 3*dropAtOnce - 1
	for n := range chunks {
		if err := s.SaveChunk(t.Context(), m.ID, n, []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SaveManifest(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	shell(t, path, "CREATE TRIGGER no BEFORE DELETE ON snapshot_chunks WHEN OLD.chunk = 22 BEGIN SELECT RAISE(ABORT, 'no'); END")
	if err := s.DropSnapshot(t.Context(), m.ID); eventstore.KindOf(err) != eventstore.KindUnknown {
		t.Errorf("drop: %v", err)
	}
	var manifests, left int
	if err := other(t, path).QueryRow("SELECT (SELECT count(*) FROM snapshots), (SELECT count(*) FROM snapshot_chunks)").Scan(&manifests, &left); err != nil {
		t.Fatal(err)
	}
	if manifests != 0 || left != chunks-2*dropAtOnce {
		t.Errorf("%d manifests and %d chunks are left, want 0 and %d", manifests, left, chunks-2*dropAtOnce)
	}
	shell(t, path, "DROP TRIGGER no")
	if ids, err := s.Unfinished(t.Context()); err != nil || len(ids) != 1 || ids[0] != m.ID {
		t.Errorf("unfinished are %v (%v)", ids, err)
	}
	if err := s.DropSnapshot(t.Context(), m.ID); err != nil {
		t.Error(err)
	}
	if ids, err := s.Unfinished(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("unfinished are %v (%v)", ids, err)
	}
}

func TestAFileThatStaysLockedIsUnavailableForSnapshotsAndCanBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	m := aManifest()
	if err := s.SaveChunk(t.Context(), m.ID, 0, []byte("one")); err != nil {
		t.Fatal(err)
	}
	onWriter(t, s, "PRAGMA busy_timeout = 1")
	unlock := lock(t, path)
	defer unlock()
	for name, err := range map[string]error{
		"save chunk":    s.SaveChunk(t.Context(), m.ID, 1, []byte("two")),
		"save manifest": s.SaveManifest(t.Context(), m),
		"drop snapshot": s.DropSnapshot(t.Context(), m.ID),
	} {
		if eventstore.KindOf(err) != eventstore.KindUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if data, err := m.Chunk(t.Context(), s, 0); err != nil || string(data) != "one" {
		t.Errorf("chunk 0 is %q (%v)", data, err)
	}
	if ids, err := s.Unfinished(t.Context()); err != nil || len(ids) != 1 {
		t.Errorf("unfinished are %v (%v)", ids, err)
	}
}
