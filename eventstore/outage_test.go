package eventstore_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

func TestCommandsAreQuickAgainAfterALongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := eventstoretest.NewFaulty(memory.New().Open())
		n, stop := startNode(t, f, nodeConfig{})
		defer stop()
		f.OnAppend(eventstoretest.DropAppend)
		for range 3 { // one in doubt, two in the queue; all give up
			go func() { _ = submit(n, 10*time.Second, happen("a", plenty)) }()
		}
		pass(5 * time.Minute)
		f.OnAppend(nil)
		pass(time.Minute)
		for range 12 {
			var pair sync.WaitGroup
			for range 2 { // one of the two comes back
				pair.Go(func() { mustSubmit(t, n.writer, happen("b", plenty)) })
			}
			pair.Wait()
			start := time.Now()
			mustSubmit(t, n.writer, happen("b", plenty))
			if took := time.Since(start); took > 500*time.Millisecond {
				t.Errorf("a command took %s on a healthy store", took)
			}
		}
	})
}

func TestALogThatGoesBackWhileABatchIsInDoubtStopsTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := eventstoretest.NewSwitchable(memory.New().Open())
		f := eventstoretest.NewFaulty(store)
		n, stop := startNode(t, f, nodeConfig{})
		defer stop()
		mustSubmit(t, n.writer, happen("a", plenty))
		f.OnAppend(eventstoretest.DropAppend)
		wantKind(t, submit(n, time.Second, happen("a", plenty)), eventstore.KindUnknown)
		store.Switch(memory.New().Open()) // restored to an older state
		f.OnAppend(nil)
		pass(time.Minute)
		if err := n.writer.Err(); !eventstore.IsKind(err, eventstore.KindRegressed) {
			t.Errorf("the Writer says %v, want that the log went backwards", err)
		}
	})
}

// TestTheQueueIsNotFullOfCallersThatHaveGone keeps ten callers waiting at any
// time, for five minutes, while nothing can be done for them.
func TestTheQueueIsNotFullOfCallersThatHaveGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := faulty(memory.New().Open(), eventstoretest.DropAppend)
		n, stop := startNode(t, f, nodeConfig{writer: eventstore.WriterConfig{QueueLimit: 500}})
		defer stop()
		var callers sync.WaitGroup
		for range 3000 {
			callers.Go(func() {
				if err := submit(n, time.Second, happen("a", plenty)); eventstore.KindOf(err) == eventstore.KindOverloaded {
					t.Error("overloaded, with 10 callers and room for 500")
				}
			})
			pass(100 * time.Millisecond)
		}
		callers.Wait()
		f.OnAppend(nil)
	})
}

func TestAnIdleWriterClosesInNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, stop := startNode(t, memory.New().Open(), nodeConfig{})
		defer stop()
		mustSubmit(t, n.writer, happen("a", plenty))
		pass(time.Second)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := n.writer.Close(ctx); err != nil {
			t.Errorf("nothing was under way, but: %v", err)
		}
	})
}
