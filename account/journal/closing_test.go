package journal_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"openpayment/account/journal"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// startBeside starts a node on a log of one event, with snapshots in a store that
// misbehaves as told, and with a policy.
func startBeside(t *testing.T, policy journal.SnapshotConfig) (*node, *eventstoretest.FaultySnapshots) {
	t.Helper()
	log := memory.New()
	store := eventstoretest.NewFaultySnapshots(log.Open())
	policy.Store = store
	n := startWith(t, log, journal.Config{Snapshots: policy})
	n.must(t, open("000001"))
	return n, store
}

func TestClosingAServiceEndsAReplayThatWaitsForASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, store := startBeside(t, journal.SnapshotConfig{})
		gate := eventstoretest.NewGate()
		store.OnSaveChunk(gate.SaveChunk)
		taken := make(chan error, 1)
		go func() { // ends with the gate's opening
			_, err := n.TakeSnapshot(context.Background())
			taken <- err
		}()
		<-gate.Arrived()
		replay := n.begun(t, journal.ReplayOptions{From: journal.ReplayFromStart, Swap: true})
		synctest.Wait() // it has come to the frozen state
		if err := n.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if r := ended(t, n.Service, replay); r.State != journal.ReplayCancelled {
			t.Errorf("%+v", r)
		}
		gate.Open()
		if err := <-taken; err != nil {
			t.Errorf("the snapshot: %v", err)
		}
		n.stop() // a second Close
	})
}

func TestClosingAServiceTakesNoLongerThanItMayThoughTheSnapshotStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, store := startBeside(t, journal.SnapshotConfig{Events: 2, AtClose: true})
		gate := eventstoretest.NewGate() // which stays closed
		store.OnSaveChunk(gate.SaveChunk)
		store.OnDropSnapshot(func(ctx context.Context, _ uuid.UUID, _ eventstoretest.DropSnapshotFunc) error {
			<-ctx.Done()
			return ctx.Err()
		})
		n.must(t, open("000002"))
		<-gate.Arrived()
		began := time.Now()
		limit, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := n.Close(limit); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %s", took)
		}
		store.OnSaveChunk(nil)
		store.OnDropSnapshot(nil)
		n.stop() // a second Close
	})
}
