package eventstore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoeverWaitsIsWokenAtThePositionAndNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p progress
		var reached atomic.Int64
		for _, pos := range []Position{5, 3, 3, 8} {
			go func() {
				if err := p.wait(t.Context(), pos); err != nil {
					t.Error(err)
				}
				reached.Add(1)
			}()
		}
		synctest.Wait()
		for at, want := range []int64{0, 0, 0, 2, 2, 3, 3, 3, 4} {
			p.mu.Lock()
			waiting := p.moved
			p.mu.Unlock()
			p.advance(Head{Position: Position(at)})
			woken := false
			select {
			case <-waiting:
				woken = true
			default:
			}
			if woken != (at == 3 || at == 5 || at == 8) {
				t.Errorf("at %d somebody is woken: %v", at, woken)
			}
			synctest.Wait()
			if got := reached.Load(); got != want {
				t.Errorf("at %d %d have come to their positions, not %d", at, got, want)
			}
		}
	})
}

func TestWhoeverWaitsHearsOfAFailureAndOfItsOwnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p progress
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.wait(ctx, 7); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		failed := errors.New("it will not move")
		go p.fail(failed)
		if err := p.wait(t.Context(), 9); !errors.Is(err, failed) {
			t.Errorf("%v", err)
		}
	})
}

func TestTheWaitForCallersIsWorthWhatItCanWin(t *testing.T) {
	const latency = 8 * time.Millisecond
	last := latency
	for events := 1; events <= MaxBatchEvents; events++ {
		wait := gatherLimit(latency, events)
		if base := latency * gatherEvents / time.Duration(gatherEvents+events); wait > latency/4 || wait > base/2 || wait > last || wait <= 0 {
			t.Fatalf("%v behind %d events, %v behind one less", wait, events, last)
		}
		last = wait
	}
	if wait := gatherLimit(time.Minute, 1); wait > longestPause {
		t.Errorf("%v behind an append of a minute", wait)
	}
}
