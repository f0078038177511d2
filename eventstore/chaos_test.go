package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// TestNothingIsLostOrDoubledWhateverFails lets two nodes write to one log through
// stores that fail in every way, and holds each caller's answer against the log.
func TestNothingIsLostOrDoubledWhateverFails(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { surviveFaults(t, seed) }) })
	}
}

const (
	chaosCallers  = 8
	chaosCommands = 40
)

// answers is what the callers were told, by the data of their commands.
type answers struct {
	mu   sync.Mutex
	told map[string]eventstore.Kind // of the error
	at   map[string]eventstore.Placed
}

func surviveFaults(t *testing.T, seed uint64) {
	storage := memory.New()
	got := &answers{told: map[string]eventstore.Kind{}, at: map[string]eventstore.Placed{}}
	var callers sync.WaitGroup
	var stops []func()
	for name := range 2 {
		backend := eventstoretest.NewFaulty(storage.Open())
		backend.OnAppend(eventstoretest.RandomAppends(seed+uint64(name), 0.4))
		backend.OnRead(eventstoretest.RandomReads(storage.Open(), seed+uint64(name), 0.2))
		n, stop := startNode(t, backend, nodeConfig{})
		stops = append(stops, stop)
		for caller := range chaosCallers {
			dice := rand.New(rand.NewPCG(seed, uint64(name*chaosCallers+caller)))
			callers.Go(func() {
				for i := range chaosCommands {
					got.submit(n, fmt.Sprintf(`{"node":%d,"caller":%d,"i":%d}`, name, caller, i), time.Duration(dice.IntN(400))*time.Millisecond)
				}
			})
		}
	}
	callers.Wait()
	for _, stop := range stops {
		stop()
	}
	got.check(t, checkLog(t, storage))
}

func (a *answers) submit(n *node, data string, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	placed, err := n.writer.Submit(ctx, happenTimes("subjects/1", 250, 1, data))
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.at[data] = placed
	case errors.Is(err, errTooMany):
		a.told[data] = eventstore.KindConflict // refused; any kind that means: not stored
	default:
		a.told[data] = eventstore.KindOf(err)
	}
}

func (a *answers) check(t *testing.T, events []eventstore.Event) {
	stored := map[string]eventstore.Position{}
	for _, ev := range events {
		if before, twice := stored[ev.Data]; twice {
			t.Errorf("%s stands at %d and at %d", ev.Data, before, ev.Seq)
		}
		stored[ev.Data] = ev.Seq
	}
	for data, placed := range a.at {
		at := placed.Position
		if stored[data] != at {
			t.Errorf("%s was acknowledged at %d, but stands at %d", data, at, stored[data])
		} else if !reflect.DeepEqual(placed.Events, events[at-1:at]) {
			t.Errorf("%s was acknowledged as %+v, but stands as %+v", data, placed.Events, events[at-1])
		}
	}
	for data, kind := range a.told {
		if at, there := stored[data]; there && kind != eventstore.KindUnknown {
			t.Errorf("%s was answered %q, but stands at %d", data, kind, at)
		}
	}
	if len(events) > 250 {
		t.Errorf("%d events: the limit that every decision keeps was broken", len(events))
	}
	if len(a.at) == 0 || len(a.told) == 0 {
		t.Errorf("%d accepted, %d not: this run showed nothing", len(a.at), len(a.told))
	}
}
