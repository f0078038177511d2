package eventstoretest

import (
	"openpayment/eventstore"
)

// The cases that damage one of two snapshots at one position.
var snapshotDamageCases = []testCase{
	{"a chunk with a bit flipped is damaged, the others are not", 0, func(r *rig) {
		a, good, bad := r.twoSnapshots()
		r.storage.GarbleChunk(r, bad.ID, 1)
		for _, b := range []eventstore.SnapshotStore{a, r.open()} {
			r.wantDamagedChunk(b, good, bad)
		}
	}},
	{"a chunk removed is damage, the others are not", 0, func(r *rig) {
		a, good, bad := r.twoSnapshots()
		r.storage.RemoveChunk(r, bad.ID, 1)
		for _, b := range []eventstore.SnapshotStore{a, r.open()} {
			r.wantNoChunk(b, bad.ID, 1)
			r.wantDamagedChunk(b, good, bad)
		}
	}},
	{"a manifest that cannot be read is listed, and damaged", 0, func(r *rig) {
		a, good, bad := r.twoSnapshots()
		r.storage.GarbleManifest(r, bad.ID)
		bad.Digest = eventstore.Hash{}
		for _, b := range []eventstore.SnapshotStore{a, r.open()} {
			r.wantSnapshots(b, []eventstore.Manifest{bad, good}, nil)
			list := r.manifests(b)
			r.wantKind(list[0].Verify(), eventstore.KindDamaged)
			if err := list[1].Verify(); err != nil {
				r.Fatal(err)
			}
		}
	}},
	{"a damaged snapshot can be dropped", 0, func(r *rig) {
		a, good, bad := r.twoSnapshots()
		r.storage.RemoveChunk(r, bad.ID, 0)
		r.storage.GarbleChunk(r, bad.ID, 1)
		r.storage.GarbleManifest(r, bad.ID)
		r.dropSnapshot(a, bad.ID)
		r.wantSnapshots(r.open(), []eventstore.Manifest{good}, nil)
		r.wantNoChunk(a, bad.ID, 1)
	}},
}

// twoSnapshots opens a store with two snapshots, the later one to be damaged.
func (r *rig) twoSnapshots() (b eventstore.Store, good, bad eventstore.Manifest) {
	b = r.open()
	good = r.takeSnapshot(b, 5, []byte("g0"), []byte("g1"), []byte("g2"))
	bad = r.takeSnapshot(b, 5, []byte("b0"), []byte("b1"), []byte("b2"))
	return b, good, bad
}

// wantDamagedChunk requires chunk 1 of bad to be damaged, and nothing else.
func (r *rig) wantDamagedChunk(b eventstore.SnapshotStore, good, bad eventstore.Manifest) {
	r.Helper()
	r.wantSnapshots(b, []eventstore.Manifest{bad, good}, nil)
	_, err := bad.Chunk(r.Context(), b, 1)
	r.wantKind(err, eventstore.KindDamaged)
	for _, n := range []int{0, 2} {
		if _, err := bad.Chunk(r.Context(), b, n); err != nil {
			r.Fatal(err)
		}
	}
	r.wantChunks(b, good, []byte("g0"), []byte("g1"), []byte("g2"))
}
