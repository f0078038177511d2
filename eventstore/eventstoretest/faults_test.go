package eventstoretest_test

import (
	"context"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// faulty is an empty log behind a Faulty, and the same log without it.
func faulty(t *testing.T) (*eventstoretest.Faulty, eventstore.Backend) {
	log := memory.New()
	t.Cleanup(func() { eventstoretest.CheckInvariants(t, log.Open()) })
	return eventstoretest.NewFaulty(log.Open()), log.Open()
}

func wantKind(t *testing.T, err error, want eventstore.Kind) {
	t.Helper()
	if err == nil || eventstore.KindOf(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func wantHead(t *testing.T, b eventstore.Backend, want eventstore.Position) {
	t.Helper()
	if head, err := b.Head(t.Context()); err != nil || head.Position != want {
		t.Errorf("the head is %d (%v), want %d", head.Position, err, want)
	}
}

func TestAFaultyWithoutHooksIsTheBackendItself(t *testing.T) {
	f, real := faulty(t)
	batch := eventstoretest.NewBatch(eventstore.Head{}, noon, 3)
	if err := f.Append(t.Context(), eventstore.Head{}, batch); err != nil {
		t.Error(err)
	}
	wantHead(t, f, 3)
	wantHead(t, real, 3)
	wantRead(t, f, 3, nil)
}

// wantRead requires n events and then an error of this kind, nil for none.
func wantRead(t *testing.T, b eventstore.Backend, n int, kind *eventstore.Kind) {
	t.Helper()
	got := 0
	var failed error
	for _, err := range b.Read(t.Context(), 0, 0) {
		if err != nil {
			failed = err
			continue
		}
		got++
	}
	if got != n {
		t.Errorf("read %d events, want %d", got, n)
	}
	if (failed == nil) != (kind == nil) || kind != nil && eventstore.KindOf(failed) != *kind {
		t.Errorf("the read ended with %v", failed)
	}
}

func TestAppendFaultsDoWhatTheySay(t *testing.T) {
	late := new(eventstoretest.Late)
	for name, c := range map[string]struct {
		hook   eventstoretest.AppendHook
		kind   eventstore.Kind
		stored eventstore.Position
	}{
		"fail":        {eventstoretest.FailAppend, eventstore.KindUnavailable, 0},
		"drop":        {eventstoretest.DropAppend, eventstore.KindUnknown, 0},
		"lose answer": {eventstoretest.LoseAnswer, eventstore.KindUnknown, 2},
		"late":        {late.Append, eventstore.KindUnknown, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f, real := faulty(t)
			f.OnAppend(c.hook)
			wantKind(t, f.Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, noon, 2)), c.kind)
			wantHead(t, real, c.stored)
		})
	}
}

func TestALateAppendComesWhenToldAndOnlyOnce(t *testing.T) {
	f, real := faulty(t)
	late := new(eventstoretest.Late)
	f.OnAppend(late.Append)
	ctx, cancel := context.WithCancel(t.Context())
	batch := eventstoretest.NewBatch(eventstore.Head{}, noon, 2)
	for range 2 { // the second is the first sent again
		wantKind(t, f.Append(ctx, eventstore.Head{}, batch), eventstore.KindUnknown)
	}
	cancel() // it is on its way nevertheless
	wantHead(t, real, 0)
	results := late.Apply()
	if len(results) != 2 || results[0] != nil {
		t.Fatalf("applied: %v", results)
	}
	wantKind(t, results[1], eventstore.KindConflict)
	wantHead(t, real, 2)
	if again := late.Apply(); len(again) != 0 {
		t.Errorf("applied again: %v", again)
	}
}

func TestALateAppendComesJustBeforeALaterCall(t *testing.T) {
	f, real := faulty(t)
	f.OnAppend(new(eventstoretest.Late).Before(3))
	batch := eventstoretest.NewBatch(eventstore.Head{}, noon, 2)
	for range 2 {
		wantKind(t, f.Append(t.Context(), eventstore.Head{}, batch), eventstore.KindUnknown)
		wantHead(t, real, 0)
	}
	wantKind(t, f.Append(t.Context(), eventstore.Head{}, batch), eventstore.KindConflict)
	wantHead(t, real, 2)
}

func TestAScriptGivesEachCallItsFault(t *testing.T) {
	f, real := faulty(t)
	f.OnAppend(eventstoretest.ScriptAppends(eventstoretest.FailAppend, eventstoretest.PassAppend, eventstoretest.DropAppend))
	first := eventstoretest.NewBatch(eventstore.Head{}, noon, 1)
	wantKind(t, f.Append(t.Context(), eventstore.Head{}, first), eventstore.KindUnavailable)
	if err := f.Append(t.Context(), eventstore.Head{}, first); err != nil {
		t.Fatal(err)
	}
	second := eventstoretest.NewBatch(first[0].Head(), noon, 1)
	wantKind(t, f.Append(t.Context(), first[0].Head(), second), eventstore.KindUnknown)
	if err := f.Append(t.Context(), first[0].Head(), second); err != nil {
		t.Fatal(err)
	}
	wantHead(t, real, 2)
}

func TestReadFaultsDoWhatTheySay(t *testing.T) {
	f, real := faulty(t)
	if err := real.Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, noon, 5)); err != nil {
		t.Fatal(err)
	}
	unavailable, missing := eventstore.KindUnavailable, eventstore.KindMissing
	for name, c := range map[string]struct {
		hook eventstoretest.ReadHook
		n    int
		kind *eventstore.Kind
	}{
		"fail":             {eventstoretest.FailRead, 0, &unavailable},
		"break":            {eventstoretest.BreakRead(3), 3, &unavailable},
		"hide from":        {eventstoretest.HideFrom(5), 4, &missing},
		"hide newest":      {eventstoretest.HideNewest(real, 2), 3, &missing},
		"hide none":        {eventstoretest.HideNewest(real, 0), 5, nil},
		"lag behind":       {eventstoretest.LagBehind(real, 2), 3, nil},
		"lag by more":      {eventstoretest.LagBehind(real, 9), 0, nil},
		"with chance zero": {eventstoretest.RandomReads(real, 1, 0), 5, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f.OnRead(c.hook)
			wantRead(t, f, c.n, c.kind)
		})
	}
	f.OnHead(eventstoretest.FailHead)
	_, err := f.Head(t.Context())
	wantKind(t, err, unavailable)
}

func TestAGateHoldsACallUpUntilItIsOpened(t *testing.T) {
	f, real := faulty(t)
	before, after := eventstoretest.NewGate(), eventstoretest.NewGate()
	f.OnAppend(func(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next eventstoretest.AppendFunc) error {
		return before.Append(ctx, head, batch, func(ctx context.Context, head eventstore.Head, batch []eventstore.Event) error {
			return after.Answer(ctx, head, batch, next)
		})
	})
	answer := make(chan error)
	go func() { // ends with its answer
		answer <- f.Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, noon, 2))
	}()
	<-before.Arrived()
	wantHead(t, real, 0)
	before.Open()
	<-after.Arrived()
	wantHead(t, real, 2)
	after.Open()
	after.Open()
	if err := <-answer; err != nil {
		t.Error(err)
	}
}

func TestACallGivesUpAtAGateWhenItsContextEnds(t *testing.T) {
	f, real := faulty(t)
	gate := eventstoretest.NewGate()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	batch := eventstoretest.NewBatch(eventstore.Head{}, noon, 2)
	f.OnAppend(gate.Append)
	wantKind(t, f.Append(ctx, eventstore.Head{}, batch), eventstore.KindUnavailable)
	f.OnHead(gate.Head)
	_, err := f.Head(ctx)
	wantKind(t, err, eventstore.KindUnavailable)
	f.OnRead(gate.Read)
	for _, err := range f.Read(ctx, 0, 0) {
		wantKind(t, err, eventstore.KindUnavailable)
	}
	wantHead(t, real, 0)
}

// A writer that sends the identical batch again until the answer is definite
// loses nothing and doubles nothing, whatever happens to its calls.
func TestRandomFaultsNeitherLoseNorDoubleForAWriterThatInsists(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	f, real := faulty(t)
	f.OnAppend(eventstoretest.RandomAppends(seed, 0.7))
	var head eventstore.Head
	kinds := map[eventstore.Kind]int{}
	for range 200 {
		batch := eventstoretest.NewBatch(head, noon, 3)
		for {
			err := f.Append(t.Context(), head, batch)
			if err == nil {
				break
			}
			kind := eventstore.KindOf(err)
			kinds[kind]++
			if kind == eventstore.KindConflict { // nobody else writes: it was this one
				break
			}
		}
		head = batch[2].Head()
		wantHead(t, real, head.Position)
	}
	for _, kind := range []eventstore.Kind{eventstore.KindConflict, eventstore.KindUnknown, eventstore.KindUnavailable} {
		if kinds[kind] == 0 {
			t.Errorf("no call gave %s", kind)
		}
	}
	wantHead(t, real, 600)
}
