package eventstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// lazy is a node that sees nothing of others unless it has to.
var lazy = nodeConfig{poller: eventstore.PollerConfig{MinInterval: time.Hour, MaxInterval: time.Hour, HeadCheck: 10 * time.Hour}}

// exactly is a command: one more event of subject if it has had exactly n.
func exactly(subject string, n int) eventstore.Decide[tallyDraft] {
	return func(d tallyDraft, slot eventstore.Slot) ([]eventstore.Proposal, error) {
		if d.count(subject) != n {
			return nil, errTooMany
		}
		return happen(subject, plenty)(d, slot)
	}
}

// submit submits and tells only how it went.
func submit(n *node, limit time.Duration, d eventstore.Decide[tallyDraft]) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, err := n.writer.Submit(ctx, d)
	return err
}

// TestARefusalNeverRestsOnWhatIsNotStored has two commands of which the head
// allows one, and then an append that fails: nobody may hear that the other one
// was there.
func TestARefusalNeverRestsOnWhatIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		f := faulty(storage.Open(), eventstoretest.FailAppend)
		behind, stop := startNode(t, f, lazy)
		defer stop()
		other, stopOther := startNode(t, storage.Open(), nodeConfig{})
		defer stopOther()
		gate := eventstoretest.NewGate()
		f.OnHead(func(ctx context.Context, next eventstoretest.HeadFunc) (eventstore.Head, error) {
			head, err := next(ctx)
			_, _ = gate.Head(ctx, next)
			return head, err
		})
		var callers sync.WaitGroup
		callers.Go(func() { _ = submit(behind, time.Minute, exactly("zzz", 7)) }) // keeps the Writer busy
		synctest.Wait()
		answers := make([]error, 2)
		for i := range answers {
			callers.Go(func() { answers[i] = submit(behind, time.Minute, exactly("x", 1)) })
		}
		synctest.Wait()
		mustSubmit(t, other.writer, happen("x", plenty)) // x has one event, which the node behind has not seen
		gate.Open()
		callers.Wait()
		for _, err := range answers {
			if errors.Is(err, errTooMany) {
				t.Errorf("refused with %q, though the subject has exactly one event", err)
			}
		}
	})
}

func TestACommandThatWasPartOfNoAppendIsNeverInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := eventstoretest.NewFaulty(memory.New().Open())
		n, stop := startNode(t, f, lazy)
		defer stop()
		gate := eventstoretest.NewGate()
		f.OnHead(gate.Head)
		wantKind(t, submit(n, time.Second, happen("a", 0)), eventstore.KindUnavailable)
		gate.Open()
	})
}
