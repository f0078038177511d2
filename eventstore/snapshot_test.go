package eventstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// knownManifest has every field set, and all of them different.
func knownManifest() eventstore.Manifest {
	return eventstore.Manifest{
		ID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"),
		At: eventstore.Tail{
			Head: eventstore.Head{Position: 3, Hash: eventstore.Hash{31: 1}},
			Time: time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC),
		},
		Taken:  time.Date(2026, 1, 2, 4, 0, 0, 7_000_000, time.UTC),
		Digest: eventstore.Hash{31: 2},
		Format: 4, Reducer: 5, Records: 6, Bytes: 7,
		Chunks: []eventstore.Hash{sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))},
	}
}

// TestTheSumOfAKnownManifestNeverChanges pins a stored format: if it fails, the
// program is wrong, not the test. The sum is that of a few lines of Python over
// the same fields, with struct.pack('>q', n) for numbers and hashlib.sha256.
func TestTheSumOfAKnownManifestNeverChanges(t *testing.T) {
	const want = "0ea582e3efecdf1c229650e9bc3703844073b297a61987af884fb3095ebf2cd3"
	if got := knownManifest().Sum().String(); got != want {
		t.Errorf("sum %s, want %s", got, want)
	}
}

func TestAManifestIsVerifiedInEveryField(t *testing.T) {
	if err := knownManifest().Sealed().Verify(); err != nil {
		t.Errorf("an intact manifest: %v", err)
	}
	wantKind(t, eventstore.Manifest{}.Verify(), eventstore.KindDamaged) // of a row of nulls
	for what, change := range map[string]func(*eventstore.Manifest){
		"id":              func(m *eventstore.Manifest) { m.ID[0]++ },
		"position":        func(m *eventstore.Manifest) { m.At.Head.Position++ },
		"hash":            func(m *eventstore.Manifest) { m.At.Head.Hash[0]++ },
		"time":            func(m *eventstore.Manifest) { m.At.Time = m.At.Time.Add(time.Millisecond) },
		"no time":         func(m *eventstore.Manifest) { m.At.Time = time.Time{} },
		"taken":           func(m *eventstore.Manifest) { m.Taken = m.Taken.Add(-time.Millisecond) },
		"digest":          func(m *eventstore.Manifest) { m.Digest = eventstore.Hash{} },
		"format":          func(m *eventstore.Manifest) { m.Format++ },
		"reducer":         func(m *eventstore.Manifest) { m.Reducer = 0 },
		"records":         func(m *eventstore.Manifest) { m.Records-- },
		"bytes":           func(m *eventstore.Manifest) { m.Bytes++ },
		"a chunk":         func(m *eventstore.Manifest) { m.Chunks[1][31]++ },
		"chunks swapped":  func(m *eventstore.Manifest) { slices.Reverse(m.Chunks) },
		"one chunk less":  func(m *eventstore.Manifest) { m.Chunks = m.Chunks[:1] },
		"no chunks":       func(m *eventstore.Manifest) { m.Chunks = nil },
		"checksum":        func(m *eventstore.Manifest) { m.Checksum[31]++ },
		"fields switched": func(m *eventstore.Manifest) { m.Format, m.Reducer = m.Reducer, m.Format },
	} {
		m := knownManifest().Sealed()
		change(&m)
		if err := m.Verify(); eventstore.KindOf(err) != eventstore.KindDamaged {
			t.Errorf("with %s changed: %v", what, err)
		}
	}
}

func TestAChunkOfAManifestIsWhatWasWrittenOrDamaged(t *testing.T) {
	m, store := knownManifest(), memory.New().Open()
	save := func(number int, data string) {
		t.Helper()
		if err := store.SaveChunk(t.Context(), m.ID, number, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	save(0, "one")
	if data, err := m.Chunk(t.Context(), store, 0); err != nil || string(data) != "one" {
		t.Errorf("chunk 0 is %q, %v", data, err)
	}
	_, err := m.Chunk(t.Context(), store, 1) // not there
	wantKind(t, err, eventstore.KindDamaged)
	for _, other := range []string{"one", "twO", "tw", "twoo"} {
		save(1, other)
		data, err := m.Chunk(t.Context(), store, 1)
		wantKind(t, err, eventstore.KindDamaged)
		if data != nil {
			t.Errorf("%q was given out as chunk 1", data)
		}
	}
}

// That the store cannot be asked says nothing about the snapshot.
func TestAChunkThatCannotBeLoadedIsNotDamaged(t *testing.T) {
	store := eventstoretest.NewFaultySnapshots(memory.New().Open())
	store.OnLoadChunk(eventstoretest.FailLoadChunk)
	_, err := knownManifest().Chunk(t.Context(), store, 0)
	wantKind(t, err, eventstore.KindUnavailable)

	other := errors.New("of no kind")
	store.OnLoadChunk(func(context.Context, uuid.UUID, int, eventstoretest.LoadChunkFunc) ([]byte, error) { return nil, other })
	if _, err := knownManifest().Chunk(t.Context(), store, 0); !errors.Is(err, other) {
		t.Errorf("got %v", err)
	}
}

func TestAChunkHasOneByteToTheMost(t *testing.T) {
	for n, good := range map[int]bool{0: false, 1: true, eventstore.MaxChunkBytes: true, eventstore.MaxChunkBytes + 1: false} {
		err := eventstore.CheckChunk(bytes.Repeat([]byte{0}, n))
		if good && err != nil {
			t.Errorf("%d bytes: %v", n, err)
		} else if !good {
			wantKind(t, err, eventstore.KindInvalid)
		}
	}
}
