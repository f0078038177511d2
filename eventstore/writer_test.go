package eventstore_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

func TestACommandIsStoredAndAppliedWhenSubmitReturns(t *testing.T) {
	storage := memory.New()
	n, stop := startNode(t, storage.Open(), nodeConfig{})
	defer stop()
	for want := eventstore.Position(1); want <= 3; want++ {
		if got := mustSubmit(t, n.writer, happen("a", plenty)); got != want {
			t.Errorf("stored at %d, want %d", got, want)
		}
		if got := n.state.count("a"); got != int(want) {
			t.Errorf("the state has %d events after Submit returned, want %d", got, want)
		}
	}
	if events := checkLog(t, storage); len(events) != 3 {
		t.Errorf("the log has %d events, want 3", len(events))
	}
}

func TestEveryCallerIsGivenTheEventsOfItsOwnCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		gate := newGate(storage.Open())
		n, stop := startNode(t, gate, nodeConfig{})
		defer stop()
		callers, all := sync.WaitGroup{}, make([]eventstore.Placed, 5)
		submit := func(i int, d eventstore.Decide[tallyDraft]) {
			callers.Go(func() { all[i], _ = n.writer.Submit(context.Background(), d) })
			synctest.Wait()
		}
		submit(0, happen("first", plenty))
		gate.awaitAppend() // the others share a batch
		submit(1, happenTimes("a", plenty, 3, "{}"))
		submit(2, happen("first", 1)) // refused
		submit(3, func(tallyDraft, eventstore.Slot) ([]eventstore.Proposal, error) { return nil, nil })
		submit(4, happenTimes("a", plenty, 2, "{}"))
		gate.open()
		callers.Wait()
		log := checkLog(t, storage)
		for i, want := range [][]eventstore.Event{log[:1], log[1:4], nil, nil, log[4:]} {
			if got := all[i].Events; !reflect.DeepEqual(got, want) || len(got) != cap(got) {
				t.Errorf("command %d was given %+v, want %+v", i, got, want)
			}
		}
		for i, want := range map[int]eventstore.Position{0: 1, 1: 4, 3: 4, 4: 6} {
			if all[i].Position != want {
				t.Errorf("command %d ends at %d, want %d", i, all[i].Position, want)
			}
		}
	})
}

func TestARefusalStoresNothingAndDisturbsNoNeighbour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		gate := newGate(storage.Open())
		n, stop := startNode(t, gate, nodeConfig{})
		defer stop()
		// While the first append is held, three gather: they share a batch.
		go mustSubmit(t, n.writer, happen("first", plenty))
		gate.awaitAppend()
		var callers sync.WaitGroup
		refused := make(chan error, 1)
		callers.Go(func() { mustSubmit(t, n.writer, happen("a", 2)) })
		synctest.Wait()
		callers.Go(func() { mustSubmit(t, n.writer, happen("a", 2)) })
		synctest.Wait()
		callers.Go(func() {
			_, err := n.writer.Submit(context.Background(), happen("a", 2))
			refused <- err
		})
		synctest.Wait()
		gate.open()
		callers.Wait()
		if err := <-refused; !errors.Is(err, errTooMany) {
			t.Errorf("the third command got %v, want the refusal: it must see what the earlier ones in its batch do", err)
		}
		if events := checkLog(t, storage); len(events) != 3 || gate.appends() != 2 {
			t.Errorf("%d events in %d appends, want 3 in 2", len(events), gate.appends())
		}
	})
}

func TestARefusalIsTrueAtTheHeadThoughThisNodeLagsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		quiet := eventstore.PollerConfig{MinInterval: time.Hour, MaxInterval: time.Hour, HeadCheck: 24 * time.Hour}
		behind, stopBehind := startNode(t, storage.Open(), nodeConfig{poller: quiet})
		defer stopBehind()
		ahead, stopAhead := startNode(t, storage.Open(), nodeConfig{})
		defer stopAhead()

		// What this node sees would refuse the command; the head allows it.
		atLeast := func(limit int) eventstore.Decide[tallyDraft] {
			return func(d tallyDraft, slot eventstore.Slot) ([]eventstore.Proposal, error) {
				if d.count("a") < limit {
					return nil, errors.New("too early")
				}
				return happen("b", plenty)(d, slot)
			}
		}
		mustSubmit(t, ahead.writer, happen("a", plenty))
		if pos := mustSubmit(t, behind.writer, atLeast(1)); pos != 2 {
			t.Errorf("stored at %d, want 2", pos)
		}
	})
}

func TestAConflictIsDecidedAgainOnTheNewState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		gate := newGate(storage.Open())
		slow, stopSlow := startNode(t, gate, nodeConfig{})
		defer stopSlow()
		fast, stopFast := startNode(t, storage.Open(), nodeConfig{})
		defer stopFast()

		result := make(chan error, 1)
		go func() {
			_, err := slow.writer.Submit(context.Background(), happen("a", 1))
			result <- err
		}()
		gate.awaitAppend()
		mustSubmit(t, fast.writer, happen("a", 1)) // wins the race for the one place
		gate.open()
		if err := <-result; !errors.Is(err, errTooMany) {
			t.Errorf("got %v, want the refusal that is true at the new head", err)
		}
		if events := checkLog(t, storage); len(events) != 1 {
			t.Errorf("the log has %d events, want 1", len(events))
		}
	})
}

func TestAnUnknownOutcomeIsResolvedToExactlyOnce(t *testing.T) {
	var late eventstoretest.Late
	for name, fault := range map[string]eventstoretest.AppendHook{
		"when it was applied":     eventstoretest.LoseAnswer,
		"when it was not applied": eventstoretest.DropAppend,
		"when it is applied late": late.Before(3),
		"when nobody classified the error": func(ctx context.Context, h eventstore.Head, b []eventstore.Event, next eventstoretest.AppendFunc) error {
			_ = next(ctx, h, b)
			return errors.New("what is this?")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				storage := memory.New()
				script := eventstoretest.ScriptAppends(fault, fault, fault)
				var first []eventstore.Event
				n, stop := startNode(t, faulty(storage.Open(), func(ctx context.Context, h eventstore.Head, b []eventstore.Event, next eventstoretest.AppendFunc) error {
					if first == nil {
						first = b
					}
					if b[0].ID != first[0].ID {
						t.Errorf("a different batch was appended while one was in doubt")
					}
					return script(ctx, h, b, next)
				}), nodeConfig{})
				defer stop()
				if pos := mustSubmit(t, n.writer, happenTimes("a", plenty, 2, "{}")); pos != 2 {
					t.Errorf("stored at %d, want 2", pos)
				}
				if events := checkLog(t, storage); len(events) != 2 {
					t.Errorf("the log has %d events, want 2", len(events))
				}
			})
		})
	}
}

func TestABatchInDoubtThatLostTheRaceIsDecidedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		other, stopOther := startNode(t, storage.Open(), nodeConfig{})
		defer stopOther()
		lost := false
		n, stop := startNode(t, faulty(storage.Open(), func(ctx context.Context, h eventstore.Head, b []eventstore.Event, next eventstoretest.AppendFunc) error {
			if !lost {
				lost = true
				mustSubmit(t, other.writer, happen("other", plenty))
				return eventstore.NewError("append", eventstore.KindUnknown, nil)
			}
			return next(ctx, h, b)
		}), nodeConfig{})
		defer stop()
		if pos := mustSubmit(t, n.writer, happen("a", plenty)); pos != 2 {
			t.Errorf("stored at %d, want 2", pos)
		}
		checkLog(t, storage)
	})
}

func TestADeadlineTellsWhetherTheCommandMayHaveBeenStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		gate := newGate(storage.Open())
		n, stop := startNode(t, gate, nodeConfig{})
		defer stop()
		submit := func(limit time.Duration) chan error {
			result := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), limit)
				defer cancel()
				_, err := n.writer.Submit(ctx, happen("a", plenty))
				result <- err
			}()
			return result
		}
		taken := submit(time.Second)
		gate.awaitAppend()
		waiting := submit(time.Second)
		wantKind(t, <-taken, eventstore.KindUnknown)
		wantKind(t, <-waiting, eventstore.KindUnavailable)
		gate.open()
		mustSubmit(t, n.writer, happen("b", plenty))
		events := checkLog(t, storage)
		if len(events) != 2 || events[0].Subject != "a" || events[1].Subject != "b" {
			t.Errorf("the log has %d events; want the one in doubt and the last, and not the one given up", len(events))
		}
	})
}

func TestAStoreThatIsDownIsAnsweredAtOnce(t *testing.T) {
	storage := memory.New()
	n, stop := startNode(t, faulty(storage.Open(), eventstoretest.ScriptAppends(eventstoretest.FailAppend)), nodeConfig{})
	defer stop()
	_, err := n.writer.Submit(context.Background(), happen("a", plenty))
	wantKind(t, err, eventstore.KindUnavailable)
	mustSubmit(t, n.writer, happen("a", plenty))
	if events := checkLog(t, storage); len(events) != 1 {
		t.Errorf("the log has %d events, want 1", len(events))
	}
}

func TestAFullQueueIsOverloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := newGate(memory.New().Open())
		n, stop := startNode(t, gate, nodeConfig{writer: eventstore.WriterConfig{QueueLimit: 2}})
		defer stop()
		var callers sync.WaitGroup
		for range 3 { // one in the append, two in the queue
			callers.Go(func() { mustSubmit(t, n.writer, happen("a", plenty)) })
			synctest.Wait()
		}
		_, err := n.writer.Submit(context.Background(), happen("a", plenty))
		wantKind(t, err, eventstore.KindOverloaded)
		gate.open()
		callers.Wait()
	})
}

func TestWhatFindsNoRoomInABatchGoesIntoTheNext(t *testing.T) {
	big := `{"x":"` + strings.Repeat("x", 400) + `"}`
	for name, cfg := range map[string]eventstore.WriterConfig{
		"by events": {BatchEvents: 4},
		"by bytes":  {BatchBytes: 1500},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				storage := memory.New()
				gate := newGate(storage.Open())
				n, stop := startNode(t, gate, nodeConfig{writer: cfg})
				defer stop()
				var callers sync.WaitGroup
				callers.Go(func() { mustSubmit(t, n.writer, happen("first", plenty)) })
				gate.awaitAppend()
				for i := range 3 {
					callers.Go(func() {
						pos := mustSubmit(t, n.writer, happenTimes("a", plenty, 2, big))
						if pos != eventstore.Position(3+2*i) {
							t.Errorf("command %d ends at %d, want %d: the order of arrival", i, pos, 3+2*i)
						}
					})
					synctest.Wait()
				}
				gate.open()
				callers.Wait()
				if events := checkLog(t, storage); len(events) != 7 || gate.appends() < 3 {
					t.Errorf("%d events in %d appends, want 7 in at least 3", len(events), gate.appends())
				}
			})
		})
	}
}

func TestACommandThatCanNeverBeStoredIsInvalidAndItsNeighboursAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		gate := newGate(storage.Open())
		n, stop := startNode(t, gate, nodeConfig{})
		defer stop()
		var callers sync.WaitGroup
		callers.Go(func() { mustSubmit(t, n.writer, happen("first", plenty)) })
		gate.awaitAppend()
		callers.Go(func() { mustSubmit(t, n.writer, happen("a", plenty)) })
		synctest.Wait()
		for _, bad := range []eventstore.Decide[tallyDraft]{
			happenTimes("a", plenty, 1, "{\x00}"),
			happenTimes("a", plenty, 1, strings.Repeat("x", eventstore.MaxDataBytes+1)),
			happenTimes("a", plenty, eventstore.MaxBatchEvents+1, "{}"),
			happenTimes("", plenty, 1, "{}"),
		} {
			callers.Go(func() {
				_, err := n.writer.Submit(context.Background(), bad)
				wantKind(t, err, eventstore.KindInvalid)
			})
			synctest.Wait()
		}
		callers.Go(func() { mustSubmit(t, n.writer, happen("a", plenty)) })
		synctest.Wait()
		gate.open()
		callers.Wait()
		if events := checkLog(t, storage); len(events) != 3 {
			t.Errorf("the log has %d events, want 3", len(events))
		}
	})
}

func TestCloseFinishesWhatWaitsAndRefusesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		gate := newGate(storage.Open())
		n, stop := startNode(t, gate, nodeConfig{})
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() { mustSubmit(t, n.writer, happen("a", plenty)) })
			synctest.Wait()
		}
		go stop()
		synctest.Wait()
		_, err := n.writer.Submit(context.Background(), happen("a", plenty))
		wantKind(t, err, eventstore.KindClosed)
		gate.open()
		callers.Wait()
		stop() // a second time
		if events := checkLog(t, storage); len(events) != 3 {
			t.Errorf("the log has %d events, want 3", len(events))
		}
	})
}

func TestCloseGivesUpWhatIsInDoubtWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		n, stop := startNode(t, faulty(storage.Open(), eventstoretest.DropAppend), nodeConfig{})
		defer stop()
		results := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := n.writer.Submit(context.Background(), happen("a", plenty))
				results <- err
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := n.writer.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v, want a deadline exceeded", err)
		}
		kinds := map[eventstore.Kind]int{eventstore.KindOf(<-results): 1}
		kinds[eventstore.KindOf(<-results)]++
		if kinds[eventstore.KindUnknown] == 0 {
			t.Errorf("got %v; the command in doubt must be told so", kinds)
		}
	})
}

func TestALogThatWentBackwardsStopsTheWriterForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		restored := memory.New() // an older state: empty
		current := memory.New()
		backend := eventstoretest.NewSwitchable(current.Open())
		n, stop := startNode(t, backend, nodeConfig{})
		defer stop()
		mustSubmit(t, n.writer, happen("a", plenty))
		backend.Switch(restored.Open())
		_, err := n.writer.Submit(context.Background(), happen("a", plenty))
		if err == nil {
			t.Fatal("a command was stored in a log that lost events")
		}
		wantKind(t, n.writer.Err(), eventstore.KindClosed)
		if !strings.Contains(n.writer.Err().Error(), "went backwards") {
			t.Errorf("the reason is not told: %v", n.writer.Err())
		}
		if events := checkLog(t, restored); len(events) != 0 {
			t.Errorf("%d events were appended to the restored log", len(events))
		}
	})
}

func TestAHaltedWriterRefusesEverything(t *testing.T) {
	n, stop := startNode(t, memory.New().Open(), nodeConfig{})
	defer stop()
	n.writer.Halt(errors.New("the state is wrong"))
	_, err := n.writer.Submit(context.Background(), happen("a", plenty))
	wantKind(t, err, eventstore.KindClosed)
}

func TestTimesNeverGoBackwardsThoughTheClockDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		future := storage.Open()
		n, stop := startNode(t, future, nodeConfig{})
		defer stop()
		batch := eventstoretest.NewBatch(eventstore.Head{}, time.Now().Add(time.Hour), 1)
		if err := future.Append(context.Background(), eventstore.Head{}, batch); err != nil {
			t.Fatal(err)
		}
		mustSubmit(t, n.writer, happen("a", plenty))
		events := checkLog(t, storage) // the invariants hold the times
		if !events[1].Time.Equal(batch[0].Time) {
			t.Errorf("the time is %s, want that of the event before, %s", events[1].Time, batch[0].Time)
		}
	})
}
