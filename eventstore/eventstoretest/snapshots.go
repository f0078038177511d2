package eventstoretest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"openpayment/eventstore"
)

var snapshotCases = []testCase{
	{"a store without snapshots lists none", 0, func(r *rig) {
		r.wantSnapshots(r.open(), nil, nil)
	}},
	{"a chunk comes back byte for byte", 0, chunkContent},
	{"a chunk that is empty or too large is invalid and not stored", 0, chunkLimits},
	{"a chunk stored again is in place of the first", 0, func(r *rig) {
		a, b := r.open(), r.open()
		id := newID()
		for _, data := range [][]byte{{1, 2, 3}, {4}, {5, 6, 7, 8}, {4}} {
			r.saveChunk(a, id, 7, data)
			r.wantChunk(b, id, 7, data)
			a, b = b, a
		}
	}},
	{"the bytes given and those got are the caller's", 0, func(r *rig) {
		b := r.open()
		id, data := newID(), []byte{1, 2, 3}
		r.saveChunk(b, id, 0, data)
		data[0] = 9
		r.wantChunk(b, id, 0, []byte{1, 2, 3})
		got, err := b.LoadChunk(r.Context(), id, 0)
		if err != nil {
			r.Fatal(err)
		}
		got[0] = 9
		r.wantChunk(b, id, 0, []byte{1, 2, 3})
	}},
	{"a chunk that is not there is missing", 0, func(r *rig) {
		b := r.open()
		id := newID()
		r.wantNoChunk(b, id, 0)
		r.saveChunk(b, id, 1, []byte{1})
		r.wantNoChunk(b, id, 0)
		r.wantNoChunk(b, id, 2)
		r.wantNoChunk(b, newID(), 1)
	}},
	{"a manifest comes back equal in every field", 0, manifestContent},
	{"a manifest stored again is in place of the first", 0, func(r *rig) {
		b := r.open()
		m := r.takeSnapshot(b, 5, []byte{1})
		m.Records, m.Chunks = 7, nil
		m = m.Sealed()
		r.saveManifest(b, m)
		r.wantSnapshots(r.open(), []eventstore.Manifest{m}, nil)
	}},
	{"a checksum that does not match is kept as given", 0, func(r *rig) {
		b := r.open()
		m := r.takeSnapshot(b, 5, []byte{1})
		m.Checksum[31] ^= 1
		r.saveManifest(b, m)
		r.wantSnapshots(b, []eventstore.Manifest{m}, nil)
	}},
	{"the snapshot with the highest position is first, of equal positions the one begun last", 0, manifestOrder},
	{"chunks may be stored in any order, by several at once, and are read once the manifest is there", 0, chunksAtOnce},
	{"a snapshot saved through one handle is seen through another, and after opening again", 0, func(r *rig) {
		a, b := r.open(), r.open()
		m := r.takeSnapshot(a, 5, []byte("one"), []byte("two"))
		r.wantSnapshots(b, []eventstore.Manifest{m}, nil)
		r.close(a)
		r.close(b)
		b = r.open()
		r.wantSnapshots(b, []eventstore.Manifest{m}, nil)
		r.wantChunks(b, m, []byte("one"), []byte("two"))
	}},
	{"a snapshot is unfinished from its first chunk until its manifest is there", 0, unfinishedUntilManifest},
	{"a snapshot is dropped, finished or not, and nothing else", 0, dropping},
	{"a snapshot of many chunks is dropped whole", 0, func(r *rig) {
		b := r.open()
		m := r.takeSnapshot(b, 5, slices.Repeat([][]byte{{1}, {2}, {3}}, 11)...)
		r.dropSnapshot(b, m.ID)
		r.wantSnapshots(b, nil, nil)
		for i := range m.Chunks {
			r.wantNoChunk(b, m.ID, i)
		}
	}},
	{"two snapshots at one position do not mix", 0, func(r *rig) {
		a, b := r.open(), r.open()
		first, second := newID(), newID()
		r.saveChunk(a, first, 0, []byte("a0"))
		r.saveChunk(b, second, 0, []byte("b0"))
		r.saveChunk(b, second, 1, []byte("b1"))
		r.saveChunk(a, first, 1, []byte("a1"))
		m1 := manifestOf(first, 9, []byte("a0"), []byte("a1"))
		m2 := manifestOf(second, 9, []byte("b0"), []byte("b1"))
		r.saveManifest(b, m2)
		r.saveManifest(a, m1)
		r.wantSnapshots(a, []eventstore.Manifest{m2, m1}, nil)
		r.wantChunks(b, m1, []byte("a0"), []byte("a1"))
		r.wantChunks(a, m2, []byte("b0"), []byte("b1"))
	}},
	{"snapshots, cursors and the log leave each other alone", 0, func(r *rig) {
		b := r.open()
		m := r.takeSnapshot(b, 2, []byte{1})
		r.wantLog(b, nil)
		all := r.write(b, 3, 2)
		r.saveCursor(b, "mail", all[1].Head())
		r.wantSnapshots(b, []eventstore.Manifest{m}, nil)
		r.dropSnapshot(b, m.ID)
		r.wantCursor(b, "mail", all[1].Head())
		r.wantLog(b, all)
	}},
	{"snapshots find a closed store unavailable and do nothing", 0, func(r *rig) {
		b := r.open()
		r.close(b)
		r.snapshotsUnavailable(b, r.Context())
	}},
	{"with a context that has ended nothing is done to snapshots", 0, func(r *rig) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		r.snapshotsUnavailable(r.open(), ctx)
		late, cancel := context.WithDeadline(r.Context(), time.Unix(0, 0))
		defer cancel()
		r.snapshotsUnavailable(r.open(), late)
	}},
}

func chunkContent(r *rig) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	largest := make([]byte, eventstore.MaxChunkBytes)
	for i := range largest {
		largest[i] = byte(rand.Uint32()) // as good as compressed
	}
	contents := [][]byte{{0}, {255}, every, bytes.Repeat([]byte{0}, 1000), []byte("'; --\x00\n"), largest, largest[1:]}
	b := r.open()
	id := newID()
	for i, data := range contents {
		r.saveChunk(b, id, i, data)
	}
	for _, b := range []eventstore.SnapshotStore{b, r.open()} {
		for i, data := range contents {
			r.wantChunk(b, id, i, data)
		}
	}
}

func chunkLimits(r *rig) {
	b := r.open()
	id := newID()
	for i, data := range [][]byte{nil, {}, make([]byte, eventstore.MaxChunkBytes+1), make([]byte, 4*eventstore.MaxChunkBytes)} {
		r.wantKind(b.SaveChunk(r.Context(), id, i, data), eventstore.KindInvalid)
		r.wantNoChunk(b, id, i)
	}
	r.wantSnapshots(b, nil, nil)
}

// manifestContent stores manifests that differ as much as they can.
func manifestContent(r *rig) {
	b := r.open()
	many := manifestOf(newID(), 1<<50, slices.Repeat([][]byte{{1}, {2}}, 500)...)
	extreme := manifestOf(newID(), 1<<60, []byte{1})
	extreme.Format, extreme.Reducer = math.MaxInt32, math.MaxInt32
	extreme.Records, extreme.Bytes = math.MaxInt64, math.MaxInt64
	extreme.At.Time = time.Date(1969, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
	extreme.Taken = time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
	all := []eventstore.Manifest{
		extreme.Sealed(), many, manifestOf(newID(), 7, []byte{1}),
		manifestOf(newID(), 6), // of no chunk
		eventstore.Manifest{ID: newID(), Taken: many.Taken}.Sealed(), // of the empty log
	}
	for _, m := range all {
		r.saveManifest(b, m)
	}
	r.wantSnapshots(b, all, nil)
	r.wantSnapshots(r.open(), all, nil)
	for _, m := range r.manifests(b) {
		if err := m.Verify(); err != nil {
			r.Fatal(err)
		}
	}
}

func manifestOrder(r *rig) {
	b := r.open()
	var ids []uuid.UUID // in the order in which they were begun
	for range 6 {
		ids = append(ids, newID())
	}
	var want []eventstore.Manifest
	for _, m := range []struct {
		id       int
		position eventstore.Position
	}{{4, 300}, {5, 20}, {2, 20}, {1, 20}, {3, 9}, {0, 9}} {
		want = append(want, manifestOf(ids[m.id], m.position))
	}
	for _, i := range rand.Perm(len(want)) {
		r.saveManifest(b, want[i])
	}
	r.wantSnapshots(b, want, nil)
}

func chunksAtOnce(r *rig) {
	stores := []eventstore.Store{r.open(), r.open()}
	id := newID()
	contents := make([][]byte, 12)
	var group errgroup.Group
	for i := range contents {
		contents[i] = bytes.Repeat([]byte{byte(i)}, 100*i+1)
	}
	for _, i := range rand.Perm(len(contents)) {
		group.Go(func() error { return stores[i%2].SaveChunk(r.Context(), id, i, contents[i]) })
	}
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
	m := manifestOf(id, 5, contents...)
	r.saveManifest(stores[0], m)
	r.wantSnapshots(stores[1], []eventstore.Manifest{m}, nil)
	r.wantChunks(stores[1], m, contents...)
}

func unfinishedUntilManifest(r *rig) {
	a, b := r.open(), r.open()
	finished := r.takeSnapshot(a, 5, []byte{1}, []byte{2})
	ids := []uuid.UUID{newID(), newID(), newID()}
	for _, i := range []int{1, 2, 0} {
		r.saveChunk(a, ids[i], 3, []byte{1})
		r.saveChunk(a, ids[i], 0, []byte{2})
	}
	r.wantSnapshots(b, []eventstore.Manifest{finished}, ids)
	m := manifestOf(ids[1], 6, []byte{2})
	r.saveManifest(a, m)
	r.wantSnapshots(b, []eventstore.Manifest{m, finished}, []uuid.UUID{ids[0], ids[2]})
}

func dropping(r *rig) {
	a, b := r.open(), r.open()
	kept := r.takeSnapshot(a, 5, []byte("k0"), []byte("k1"))
	finished := r.takeSnapshot(a, 5, []byte("f0"), []byte("f1"))
	open, unfinished := newID(), newID()
	r.saveChunk(a, open, 0, []byte("o0"))
	r.saveChunk(a, unfinished, 2, []byte("u2"))
	for _, id := range []uuid.UUID{finished.ID, unfinished, newID(), finished.ID} { // two of them not there
		r.dropSnapshot(b, id)
	}
	for _, b := range []eventstore.SnapshotStore{a, b, r.open()} {
		r.wantSnapshots(b, []eventstore.Manifest{kept}, []uuid.UUID{open})
		r.wantNoChunk(b, finished.ID, 0)
		r.wantNoChunk(b, finished.ID, 1)
		r.wantNoChunk(b, unfinished, 2)
		r.wantChunks(b, kept, []byte("k0"), []byte("k1"))
		r.wantChunk(b, open, 0, []byte("o0"))
	}
}

// snapshotsUnavailable tries every call on a store that is closed, or with a
// context that has ended.
func (r *rig) snapshotsUnavailable(b eventstore.Store, ctx context.Context) {
	r.Helper()
	other := r.open()
	kept := r.takeSnapshot(other, 5, []byte{1})
	before, unfinished := r.manifests(other), r.unfinished(other)
	_, err := b.LoadChunk(ctx, kept.ID, 0)
	r.wantKind(err, eventstore.KindUnavailable)
	_, err = b.Manifests(ctx)
	r.wantKind(err, eventstore.KindUnavailable)
	_, err = b.Unfinished(ctx)
	r.wantKind(err, eventstore.KindUnavailable)
	r.wantKind(b.SaveChunk(ctx, newID(), 0, []byte{1}), eventstore.KindUnavailable)
	r.wantKind(b.SaveManifest(ctx, manifestOf(newID(), 7)), eventstore.KindUnavailable)
	r.wantKind(b.DropSnapshot(ctx, kept.ID), eventstore.KindUnavailable)
	r.wantSnapshots(other, before, unfinished)
	r.wantChunks(other, kept, []byte{1})
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// manifestOf makes a manifest of these chunks, every field set.
func manifestOf(id uuid.UUID, at eventstore.Position, chunks ...[]byte) eventstore.Manifest {
	m := eventstore.Manifest{
		ID: id,
		At: eventstore.Tail{
			Head: eventstore.Head{Position: at, Hash: sha256.Sum256(fmt.Append(nil, "event ", at))},
			Time: time.UnixMilli(1_700_000_000_001 + int64(at)%1000).UTC(),
		},
		Taken:  time.UnixMilli(1_700_000_009_999).UTC(),
		Digest: sha256.Sum256(fmt.Append(nil, "state ", at)),
		Format: 2, Reducer: 3, Records: 4,
	}
	for _, data := range chunks {
		m.Bytes += int64(len(data))
		m.Chunks = append(m.Chunks, sha256.Sum256(data))
	}
	return m.Sealed()
}
