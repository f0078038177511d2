package eventstoretest

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// The calls of a [eventstore.SnapshotStore] that a [FaultySnapshots] may
// interfere with.
type (
	// SaveChunkFunc is [eventstore.SnapshotStore.SaveChunk].
	SaveChunkFunc func(ctx context.Context, snapshot uuid.UUID, number int, data []byte) error
	// LoadChunkFunc is [eventstore.SnapshotStore.LoadChunk].
	LoadChunkFunc func(ctx context.Context, snapshot uuid.UUID, number int) ([]byte, error)
	// SaveManifestFunc is [eventstore.SnapshotStore.SaveManifest].
	SaveManifestFunc func(ctx context.Context, m eventstore.Manifest) error
	// DropSnapshotFunc is [eventstore.SnapshotStore.DropSnapshot].
	DropSnapshotFunc func(ctx context.Context, snapshot uuid.UUID) error
)

// Hooks for the calls of a [eventstore.SnapshotStore], as those of a [Faulty].
type (
	SaveChunkHook    func(ctx context.Context, snapshot uuid.UUID, number int, data []byte, next SaveChunkFunc) error // for SaveChunk
	LoadChunkHook    func(ctx context.Context, snapshot uuid.UUID, number int, next LoadChunkFunc) ([]byte, error)    // for LoadChunk
	SaveManifestHook func(ctx context.Context, m eventstore.Manifest, next SaveManifestFunc) error                    // for SaveManifest
	DropSnapshotHook func(ctx context.Context, snapshot uuid.UUID, next DropSnapshotFunc) error                       // for DropSnapshot
)

// FaultySnapshots is a store of snapshots that misbehaves as told, and otherwise
// is the one it stands before. Hooks may be changed at any time; a call under way
// keeps the one it began with. It is safe for concurrent use.
type FaultySnapshots struct {
	eventstore.SnapshotStore

	mu             sync.Mutex // protects what follows
	onSaveChunk    SaveChunkHook
	onLoadChunk    LoadChunkHook
	onSaveManifest SaveManifestHook
	onDropSnapshot DropSnapshotHook
}

var _ eventstore.SnapshotStore = (*FaultySnapshots)(nil)

// NewFaultySnapshots makes a FaultySnapshots without any hook.
func NewFaultySnapshots(s eventstore.SnapshotStore) *FaultySnapshots {
	return &FaultySnapshots{SnapshotStore: s}
}

// OnSaveChunk sets the hook for SaveChunk; nil is none.
func (f *FaultySnapshots) OnSaveChunk(hook SaveChunkHook) { set(&f.mu, &f.onSaveChunk, hook) }

// OnLoadChunk sets the hook for LoadChunk; nil is none.
func (f *FaultySnapshots) OnLoadChunk(hook LoadChunkHook) { set(&f.mu, &f.onLoadChunk, hook) }

// OnSaveManifest sets the hook for SaveManifest; nil is none.
func (f *FaultySnapshots) OnSaveManifest(hook SaveManifestHook) {
	set(&f.mu, &f.onSaveManifest, hook)
}

// OnDropSnapshot sets the hook for DropSnapshot; nil is none.
func (f *FaultySnapshots) OnDropSnapshot(hook DropSnapshotHook) {
	set(&f.mu, &f.onDropSnapshot, hook)
}

// SaveChunk implements [eventstore.SnapshotStore].
func (f *FaultySnapshots) SaveChunk(ctx context.Context, snapshot uuid.UUID, number int, data []byte) error {
	if hook := get(&f.mu, &f.onSaveChunk); hook != nil {
		return hook(ctx, snapshot, number, data, f.SnapshotStore.SaveChunk)
	}
	return f.SnapshotStore.SaveChunk(ctx, snapshot, number, data)
}

// LoadChunk implements [eventstore.SnapshotStore].
func (f *FaultySnapshots) LoadChunk(ctx context.Context, snapshot uuid.UUID, number int) ([]byte, error) {
	if hook := get(&f.mu, &f.onLoadChunk); hook != nil {
		return hook(ctx, snapshot, number, f.SnapshotStore.LoadChunk)
	}
	return f.SnapshotStore.LoadChunk(ctx, snapshot, number)
}

// SaveManifest implements [eventstore.SnapshotStore].
func (f *FaultySnapshots) SaveManifest(ctx context.Context, m eventstore.Manifest) error {
	if hook := get(&f.mu, &f.onSaveManifest); hook != nil {
		return hook(ctx, m, f.SnapshotStore.SaveManifest)
	}
	return f.SnapshotStore.SaveManifest(ctx, m)
}

// DropSnapshot implements [eventstore.SnapshotStore].
func (f *FaultySnapshots) DropSnapshot(ctx context.Context, snapshot uuid.UUID) error {
	if hook := get(&f.mu, &f.onDropSnapshot); hook != nil {
		return hook(ctx, snapshot, f.SnapshotStore.DropSnapshot)
	}
	return f.SnapshotStore.DropSnapshot(ctx, snapshot)
}

// FailSaveChunk does not save and says so: KindUnavailable.
func FailSaveChunk(_ context.Context, _ uuid.UUID, _ int, _ []byte, _ SaveChunkFunc) error {
	return fault("save chunk", eventstore.KindUnavailable)
}

// FailLoadChunk does not load and says so: KindUnavailable.
func FailLoadChunk(_ context.Context, _ uuid.UUID, _ int, _ LoadChunkFunc) ([]byte, error) {
	return nil, fault("load chunk", eventstore.KindUnavailable)
}

// FailSaveManifest does not save and says so: KindUnavailable.
func FailSaveManifest(_ context.Context, _ eventstore.Manifest, _ SaveManifestFunc) error {
	return fault("save manifest", eventstore.KindUnavailable)
}

// FailDropSnapshot does not drop and says so: KindUnavailable.
func FailDropSnapshot(_ context.Context, _ uuid.UUID, _ DropSnapshotFunc) error {
	return fault("drop snapshot", eventstore.KindUnavailable)
}

// LoseManifest saves the manifest, whatever comes of it, and does not know:
// KindUnknown.
func LoseManifest(ctx context.Context, m eventstore.Manifest, next SaveManifestFunc) error {
	_ = next(context.WithoutCancel(ctx), m) // the answer that gets lost
	return fault("save manifest", eventstore.KindUnknown)
}
