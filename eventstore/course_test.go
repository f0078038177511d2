package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

func TestACommandIsToldWhenItPassedEachStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := eventstoretest.NewFaulty(memory.New().Open())
		n, stop := startNode(t, f, nodeConfig{})
		defer stop()
		f.OnAppend(func(ctx context.Context, h eventstore.Head, b []eventstore.Event, next eventstoretest.AppendFunc) error {
			pass(3 * time.Second)
			return next(ctx, h, b)
		})
		start := time.Now()
		slow := func(d tallyDraft, slot eventstore.Slot) ([]eventstore.Proposal, error) {
			pass(time.Second)
			return happenTimes("a", plenty, 2, "{}")(d, slot)
		}
		placed, err := n.writer.Submit(context.Background(), slow)
		if err != nil {
			t.Fatal(err)
		}
		c := placed.Course
		if !c.Queued.Equal(start) || !c.Taken.Equal(start) || c.Decided.Sub(c.Taken) != time.Second || c.Appended.Sub(c.Decided) != 3*time.Second || c.Applied.Before(c.Appended) {
			t.Errorf("the course is %+v", c)
		}
		if c.First != 1 || c.Events != 2 || c.Conflicts != 0 {
			t.Errorf("the course is %+v", c)
		}
	})
}

func TestARefusedCommandIsToldItsCourseToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, stop := startNode(t, memory.New().Open(), nodeConfig{})
		defer stop()
		placed, err := n.writer.Submit(context.Background(), happen("a", 0))
		c := placed.Course
		if !errors.Is(err, errTooMany) || c.Queued.IsZero() || c.Taken.IsZero() || c.Decided.IsZero() || !c.Appended.IsZero() || c.Events != 0 {
			t.Errorf("%v, by the course %+v", err, c)
		}
	})
}

// TestAConflictAndADoubtAreToldWithTheirEnd lets a batch meet each end that a doubt
// can have; with that a conflict is told, too, if there was one.
func TestAConflictAndADoubtAreToldWithTheirEnd(t *testing.T) {
	for _, c := range []struct {
		hooks     []eventstoretest.AppendHook
		want      string
		conflicts int
	}{
		{nil, "", 0},
		{[]eventstoretest.AppendHook{rival}, "conflict", 1},
		{[]eventstoretest.AppendHook{eventstoretest.LoseAnswer}, "doubt, applied after 1", 0},
		{[]eventstoretest.AppendHook{eventstoretest.DropAppend, eventstoretest.DropAppend}, "doubt, doubt, applied after 2", 0},
		{[]eventstoretest.AppendHook{loseToRival}, "doubt, lost after 1, conflict", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var told []string // by the Writer's goroutine, before it answers
			n, stop := startNode(t, faulty(memory.New().Open(), eventstoretest.ScriptAppends(c.hooks...)), nodeConfig{writer: eventstore.WriterConfig{
				Observer: listen(&told),
			}})
			defer stop()
			placed, err := n.writer.Submit(context.Background(), happen("a", plenty))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(told, ", "); got != c.want {
				t.Errorf("observers were told %q, want %q", got, c.want)
			}
			if placed.Course.Conflicts != c.conflicts || placed.Course.First != placed.Position {
				t.Errorf("after %q the course is %+v", c.want, placed.Course)
			}
		})
	}
}

func TestADoubtThatIsGivenUpIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		n, stop := startNode(t, faulty(memory.New().Open(), eventstoretest.DropAppend), nodeConfig{writer: eventstore.WriterConfig{
			RetryMin: time.Minute, RetryMax: time.Minute, Observer: listen(&told),
		}})
		defer stop()
		wantKind(t, submit(n, time.Second, happen("a", plenty)), eventstore.KindUnknown)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = n.writer.Close(ctx)
		if got := strings.Join(told, ", "); got != "doubt, given up after 1" {
			t.Errorf("observers were told %q", got)
		}
	})
}

func listen(told *[]string) eventstore.Observer {
	return eventstore.Observer{
		InDoubt:  func(eventstore.Head, int, int, error) { *told = append(*told, "doubt") },
		Conflict: func(eventstore.Head, int, int) { *told = append(*told, "conflict") },
		Cleared: func(_ eventstore.Head, _, doubts int, fate eventstore.Fate) {
			*told = append(*told, fmt.Sprintf("%s after %d", fate, doubts))
		},
	}
}

// rival appends an event of another writer first.
func rival(ctx context.Context, h eventstore.Head, b []eventstore.Event, next eventstoretest.AppendFunc) error {
	other := b[0]
	other.ID = uuid.New()
	other.Hash = other.ChainHash(h.Hash)
	if err := next(ctx, h, []eventstore.Event{other}); err != nil {
		return err
	}
	return next(ctx, h, b)
}

// loseToRival is rival, of which the answer gets lost.
func loseToRival(ctx context.Context, h eventstore.Head, b []eventstore.Event, next eventstoretest.AppendFunc) error {
	return eventstore.NewError("append", eventstore.KindUnknown, rival(ctx, h, b, next))
}
