package eventstoretest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// snapshotCalls are the calls that can be interfered with, on the snapshot with
// this id.
func snapshotCalls(ctx context.Context, s eventstore.SnapshotStore, id uuid.UUID) map[string]func() error {
	return map[string]func() error{
		"save chunk":    func() error { return s.SaveChunk(ctx, id, 1, []byte{1}) },
		"load chunk":    func() error { _, err := s.LoadChunk(ctx, id, 0); return err },
		"save manifest": func() error { return s.SaveManifest(ctx, eventstore.Manifest{ID: id}) },
		"drop snapshot": func() error { return s.DropSnapshot(ctx, id) },
	}
}

// faultySnapshots has one unfinished snapshot of one chunk, and how it looks
// behind the faults.
func faultySnapshots(t *testing.T) (f *eventstoretest.FaultySnapshots, real eventstore.Store, id uuid.UUID) {
	real, id = memory.New().Open(), uuid.Must(uuid.NewV7())
	if err := real.SaveChunk(t.Context(), id, 0, []byte{1}); err != nil {
		t.Fatal(err)
	}
	return eventstoretest.NewFaultySnapshots(real), real, id
}

// wantUntouched requires what faultySnapshots has made, and no more.
func wantUntouched(t *testing.T, real eventstore.SnapshotStore, id uuid.UUID) {
	t.Helper()
	ids, err := real.Unfinished(t.Context())
	if err != nil || len(ids) != 1 || ids[0] != id {
		t.Errorf("unfinished are %v (%v), want %v", ids, err, id)
	}
	if _, err := real.LoadChunk(t.Context(), id, 0); err != nil {
		t.Errorf("chunk 0: %v", err)
	}
	_, err = real.LoadChunk(t.Context(), id, 1)
	wantKind(t, err, eventstore.KindMissing)
}

func TestFaultySnapshotsWithoutHooksAreTheStoreItself(t *testing.T) {
	f, real, id := faultySnapshots(t)
	for _, name := range []string{"save chunk", "load chunk", "save manifest"} {
		if err := snapshotCalls(t.Context(), f, id)[name](); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := real.Manifests(t.Context()); err != nil || len(list) != 1 || list[0].ID != id {
		t.Errorf("manifests are %v (%v)", list, err)
	}
	if err := f.DropSnapshot(t.Context(), id); err != nil {
		t.Error(err)
	}
	if list, err := f.Manifests(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("manifests are %v (%v)", list, err)
	}
}

func TestSnapshotCallsThatFailDoNothing(t *testing.T) {
	f, real, id := faultySnapshots(t)
	f.OnSaveChunk(eventstoretest.FailSaveChunk)
	f.OnLoadChunk(eventstoretest.FailLoadChunk)
	f.OnSaveManifest(eventstoretest.FailSaveManifest)
	f.OnDropSnapshot(eventstoretest.FailDropSnapshot)
	for _, call := range snapshotCalls(t.Context(), f, id) {
		wantKind(t, call(), eventstore.KindUnavailable)
	}
	wantUntouched(t, real, id)
}

func TestAManifestWhoseAnswerIsLostIsThere(t *testing.T) {
	f, real, id := faultySnapshots(t)
	f.OnSaveManifest(eventstoretest.LoseManifest)
	wantKind(t, f.SaveManifest(t.Context(), eventstore.Manifest{ID: id}), eventstore.KindUnknown)
	if list, err := real.Manifests(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("manifests are %v (%v)", list, err)
	}
}

// gated has every call wait at one gate.
func gated(t *testing.T) (f *eventstoretest.FaultySnapshots, gate *eventstoretest.Gate, real eventstore.Store, id uuid.UUID) {
	f, real, id = faultySnapshots(t)
	gate = eventstoretest.NewGate()
	f.OnSaveChunk(gate.SaveChunk)
	f.OnLoadChunk(gate.LoadChunk)
	f.OnSaveManifest(gate.SaveManifest)
	f.OnDropSnapshot(gate.DropSnapshot)
	return f, gate, real, id
}

func TestAGateHoldsSnapshotCallsUp(t *testing.T) {
	for name := range snapshotCalls(t.Context(), nil, uuid.Nil) {
		t.Run(name, func(t *testing.T) {
			f, gate, real, id := gated(t)
			answer := make(chan error)
			go func() { answer <- snapshotCalls(t.Context(), f, id)[name]() }() // ends with its answer
			<-gate.Arrived()
			wantUntouched(t, real, id)
			gate.Open()
			if err := <-answer; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSnapshotCallsGiveUpAtAGateWhenTheirContextEnds(t *testing.T) {
	f, _, real, id := gated(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, call := range snapshotCalls(ctx, f, id) {
		err := call()
		wantKind(t, err, eventstore.KindUnavailable)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	wantUntouched(t, real, id)
}
