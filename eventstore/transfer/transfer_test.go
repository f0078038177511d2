package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
	"openpayment/eventstore/transfer"
)

var origin = time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)

func makeEvents(n int) []eventstore.Event {
	return eventstoretest.NewBatch(eventstore.Head{}, origin, n)
}

// all is the sequence of these events.
func all(events []eventstore.Event) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for _, ev := range events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

func lines(t *testing.T, events []eventstore.Event) string {
	t.Helper()
	var text bytes.Buffer
	head, err := transfer.Write(&text, all(events))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(events); n > 0 && head != events[n-1].Head() {
		t.Errorf("the head is %v", head)
	}
	return text.String()
}

func stored(t *testing.T, store eventstore.Backend) []eventstore.Event {
	t.Helper()
	eventstoretest.CheckInvariants(t, store)
	var events []eventstore.Event
	for ev, err := range store.Read(t.Context(), 0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, ev)
	}
	return events
}

// load is what an import does.
func load(ctx context.Context, to eventstore.Backend, text io.Reader) (eventstore.Head, error) {
	head, err := to.Head(ctx)
	if err != nil {
		return head, err
	}
	return transfer.Load(ctx, to, head, transfer.After(transfer.Verified(transfer.Read(text), eventstore.Head{}), head), nil)
}

func TestALogGoesThroughAFileUnchanged(t *testing.T) {
	for _, n := range []int{0, 1, 999, 1000, 1001, 2500} {
		events := makeEvents(n)
		text := lines(t, events)
		store := memory.New().Open()
		if _, err := load(t.Context(), store, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if again := lines(t, stored(t, store)); again != text {
			t.Errorf("%d events are not the same again", n)
		}
	}
}

func TestLargeEventsAreLoadedInBatchesOfAllowedSize(t *testing.T) {
	events := eventstoretest.NewBatch(eventstore.Head{}, origin, 60, func(_ int, ev *eventstore.Event) {
		ev.Data = `{"x":"` + strings.Repeat("\u0001", eventstore.MaxDataBytes-8) + `"}` // no JSON, and escaped
	})
	text := lines(t, events)
	store := memory.New().Open() // which refuses batches that are too large
	if _, err := load(t.Context(), store, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if again := lines(t, stored(t, store)); again != text {
		t.Error("not the same again")
	}
}

func TestALoadGoesOnWhereOneEnded(t *testing.T) {
	events := makeEvents(3000)
	text := lines(t, events)
	store := memory.New().Open()
	head, err := load(t.Context(), store, strings.NewReader(text[:len(text)/2]))
	if err == nil || head.Position != 1000 {
		t.Fatalf("half a file: up to %d, %v", head.Position, err)
	}
	if head, err = load(t.Context(), store, strings.NewReader(text)); err != nil || head != events[2999].Head() {
		t.Fatalf("%v, %v", head, err)
	}
	if lines(t, stored(t, store)) != text {
		t.Error("not the same")
	}
}

func TestATargetWithAnotherHistoryIsLeftAlone(t *testing.T) {
	mine, other := makeEvents(10), makeEvents(10)
	store := memory.New().Open()
	if err := store.Append(t.Context(), eventstore.Head{}, other[:5]); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t.Context(), store, strings.NewReader(lines(t, mine))); !errors.Is(err, transfer.ErrAnotherHistory) {
		t.Errorf("another history: %v", err)
	}
	if _, err := load(t.Context(), store, strings.NewReader(lines(t, other[:3]))); !errors.Is(err, transfer.ErrTargetAhead) {
		t.Errorf("a shorter one: %v", err)
	}
	if got := stored(t, store); len(got) != 5 {
		t.Errorf("%d events are stored", len(got))
	}
}

func TestAFileThatIsNotALogIsNotLoaded(t *testing.T) {
	events := makeEvents(10)
	text := lines(t, events)
	split := strings.SplitAfter(text, "\n")
	for name, damaged := range map[string]string{
		"a line missing":       strings.Join(slices.Delete(slices.Clone(split), 4, 5), ""),
		"lines swapped":        strings.Join([]string{split[0], split[2], split[1]}, ""),
		"a line twice":         split[0] + split[0],
		"a changed line":       strings.Replace(text, `"n":5`, `"n":6`, 1),
		"a changed hash":       strings.Replace(text, events[4].Hash.String(), events[5].Hash.String(), 1),
		"an end in a line":     text[:len(text)-5],
		"an end without a \\n": text[:len(text)-1],
		"an empty line":        "\n" + text,
		"a line too long":      strings.Repeat("x", 1<<20) + "\n",
		"not the beginning":    strings.Join(split[3:], ""),
	} {
		store := memory.New().Open()
		if _, err := load(t.Context(), store, strings.NewReader(damaged)); err == nil {
			t.Errorf("%s: loaded", name)
		}
		if got := stored(t, store); len(got) > 0 {
			t.Errorf("%s: %d events stored before", name, len(got))
		}
	}
}

func TestAnEventThatNoStoreKeepsIsRefused(t *testing.T) {
	for name, change := range map[string]func(*eventstore.Event){
		"no type":       func(ev *eventstore.Event) { ev.Type = "" },
		"no id":         func(ev *eventstore.Event) { ev.ID = [16]byte{} },
		"microseconds":  func(ev *eventstore.Event) { ev.Time = ev.Time.Add(time.Microsecond) },
		"an early time": func(ev *eventstore.Event) { ev.Time = ev.Time.Add(-time.Hour) },
		"a NUL":         func(ev *eventstore.Event) { ev.Data = "{\"a\":\"\x00\"}" },
	} {
		events := eventstoretest.NewBatch(eventstore.Head{}, origin, 3, func(i int, ev *eventstore.Event) {
			if i == 1 {
				change(ev)
			}
		})
		n := 0
		var last error
		for _, err := range transfer.Verified(all(events), eventstore.Head{}) {
			if last = err; err == nil {
				n++
			}
		}
		if last == nil || n != 1 {
			t.Errorf("%s: %d events passed, %v", name, n, last)
		}
	}
}

// TestAnAnswerThatGotLostIsNotABatchTwice: the store has done it, or not, and
// does not say.
func TestAnAnswerThatGotLostIsNotABatchTwice(t *testing.T) {
	for _, done := range []bool{true, false} {
		events := makeEvents(5)
		storage := memory.New()
		lost := false
		store := eventstoretest.NewFaulty(storage.Open())
		store.OnAppend(func(ctx context.Context, h eventstore.Head, batch []eventstore.Event, next eventstoretest.AppendFunc) error {
			if lost {
				return next(ctx, h, batch)
			}
			lost = true
			if done {
				_ = next(ctx, h, batch) // its answer is what gets lost
			}
			return eventstore.NewError("append", eventstore.KindUnknown, errors.New("no answer"))
		})
		head, err := transfer.Load(t.Context(), store, eventstore.Head{}, all(events), nil)
		if err != nil || head != events[4].Head() {
			t.Errorf("%v, %v", head, err)
		}
		if got := stored(t, storage.Open()); len(got) != 5 {
			t.Errorf("%d events are stored", len(got))
		}
	}
}

func TestSomebodyElseInTheTargetIsNoticed(t *testing.T) {
	events, other := makeEvents(5), makeEvents(1)
	store := memory.New().Open()
	if err := store.Append(t.Context(), eventstore.Head{}, other); err != nil {
		t.Fatal(err)
	}
	if _, err := transfer.Load(t.Context(), store, eventstore.Head{}, all(events), nil); !errors.Is(err, transfer.ErrTargetBusy) {
		t.Error(err)
	}
}
