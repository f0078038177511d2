package eventstoretest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// What the cases about snapshots do with a store, and require of it.

// takeSnapshot stores a whole snapshot.
func (r *rig) takeSnapshot(b eventstore.SnapshotStore, at eventstore.Position, chunks ...[]byte) eventstore.Manifest {
	r.Helper()
	m := manifestOf(newID(), at, chunks...)
	for i, data := range chunks {
		r.saveChunk(b, m.ID, i, data)
	}
	r.saveManifest(b, m)
	return m
}

func (r *rig) saveChunk(b eventstore.SnapshotStore, snapshot uuid.UUID, number int, data []byte) {
	r.Helper()
	if err := b.SaveChunk(r.Context(), snapshot, number, data); err != nil {
		r.Fatalf("save chunk %d: %v", number, err)
	}
}

func (r *rig) saveManifest(b eventstore.SnapshotStore, m eventstore.Manifest) {
	r.Helper()
	if err := b.SaveManifest(r.Context(), m); err != nil {
		r.Fatalf("save manifest: %v", err)
	}
}

func (r *rig) dropSnapshot(b eventstore.SnapshotStore, snapshot uuid.UUID) {
	r.Helper()
	if err := b.DropSnapshot(r.Context(), snapshot); err != nil {
		r.Fatalf("drop snapshot: %v", err)
	}
}

func (r *rig) manifests(b eventstore.SnapshotStore) []eventstore.Manifest {
	r.Helper()
	list, err := b.Manifests(r.Context())
	if err != nil {
		r.Fatalf("manifests: %v", err)
	}
	return list
}

func (r *rig) unfinished(b eventstore.SnapshotStore) []uuid.UUID {
	r.Helper()
	ids, err := b.Unfinished(r.Context())
	if err != nil {
		r.Fatalf("unfinished: %v", err)
	}
	return ids
}

// wantSnapshots requires exactly these snapshots, in this order.
func (r *rig) wantSnapshots(b eventstore.SnapshotStore, finished []eventstore.Manifest, unfinished []uuid.UUID) {
	r.Helper()
	got := r.manifests(b)
	if len(got) != len(finished) {
		r.Fatalf("%d manifests, want %d: %v", len(got), len(finished), got)
	}
	for i, m := range got {
		if err := diffManifest(m, finished[i]); err != nil {
			r.Fatalf("manifest %d of %d: %v", i+1, len(got), err)
		}
	}
	if got := r.unfinished(b); !slices.Equal(got, unfinished) {
		r.Fatalf("unfinished are %v, want %v", got, unfinished)
	}
}

func (r *rig) wantChunk(b eventstore.SnapshotStore, snapshot uuid.UUID, number int, want []byte) {
	r.Helper()
	got, err := b.LoadChunk(r.Context(), snapshot, number)
	if err != nil {
		r.Fatalf("load chunk %d: %v", number, err)
	}
	if !bytes.Equal(got, want) {
		r.Fatalf("chunk %d has %d bytes, want %d, or others: %.40q, want %.40q", number, len(got), len(want), got, want)
	}
}

func (r *rig) wantNoChunk(b eventstore.SnapshotStore, snapshot uuid.UUID, number int) {
	r.Helper()
	_, err := b.LoadChunk(r.Context(), snapshot, number)
	r.wantKind(err, eventstore.KindMissing)
}

// wantChunks requires the chunks of a snapshot, verified.
func (r *rig) wantChunks(b eventstore.SnapshotStore, m eventstore.Manifest, want ...[]byte) {
	r.Helper()
	for i, data := range want {
		got, err := m.Chunk(r.Context(), b, i)
		if err != nil || !bytes.Equal(got, data) {
			r.Fatalf("chunk %d is %.40q, %v, want %.40q", i, got, err, data)
		}
	}
}

// diffManifest says in which field two manifests differ.
func diffManifest(got, want eventstore.Manifest) error {
	var failed []error
	for _, f := range []struct {
		name      string
		got, want any
	}{
		{"id", got.ID, want.ID},
		{"position", got.At.Head.Position, want.At.Head.Position},
		{"hash", got.At.Head.Hash, want.At.Head.Hash},
		{"digest", got.Digest, want.Digest},
		{"format", got.Format, want.Format},
		{"reducer", got.Reducer, want.Reducer},
		{"records", got.Records, want.Records},
		{"bytes", got.Bytes, want.Bytes},
		{"checksum", got.Checksum, want.Checksum},
	} {
		if f.got != f.want {
			failed = append(failed, fmt.Errorf("%s is %v, want %v", f.name, f.got, f.want))
		}
	}
	if !slices.Equal(got.Chunks, want.Chunks) {
		failed = append(failed, fmt.Errorf("chunks are %v, want %v", got.Chunks, want.Chunks))
	}
	for name, t := range map[string][2]time.Time{"time": {got.At.Time, want.At.Time}, "taken": {got.Taken, want.Taken}} {
		if !t[0].Equal(t[1]) || t[0].Location() != time.UTC {
			failed = append(failed, fmt.Errorf("%s is %v, want %v", name, t[0], t[1]))
		}
	}
	return errors.Join(failed...)
}
