package eventstore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

func TestALogThatTakesNothingIsUnhealthyUntilItDoesAgain(t *testing.T) {
	for _, kind := range []eventstore.Kind{eventstore.KindUnknown, eventstore.KindUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			f := eventstoretest.NewFaulty(memory.New().Open())
			n, stop := startNode(t, f, nodeConfig{})
			defer stop()
			full := eventstore.NewError("append", kind, errors.New("disk full"))
			f.OnAppend(func(context.Context, eventstore.Head, []eventstore.Event, eventstoretest.AppendFunc) error {
				return full
			})
			_ = submit(n, 500*time.Millisecond, happen("a", plenty))
			if err := n.writer.Health(); err != nil {
				t.Errorf("after one failure: %v", err)
			}
			pass(time.Second)
			_ = submit(n, time.Second, happen("a", plenty))
			wantKind(t, n.writer.Health(), eventstore.KindUnavailable)
			f.OnAppend(nil)
			pass(2 * time.Second) // whatever is in doubt is cleared up
			mustSubmit(t, n.writer, happen("a", plenty))
			if err := n.writer.Health(); err != nil {
				t.Errorf("after a success: %v", err)
			}
		})
	}
}

func TestAFailureThatNobodyTriesAgainIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := eventstoretest.NewFaulty(memory.New().Open())
		n, stop := startNode(t, f, nodeConfig{})
		defer stop()
		f.OnAppend(func(context.Context, eventstore.Head, []eventstore.Event, eventstoretest.AppendFunc) error {
			return eventstore.NewError("append", eventstore.KindUnavailable, errors.New("read-only"))
		})
		_ = submit(n, time.Second, happen("a", plenty))
		pass(5 * time.Second)
		wantKind(t, n.writer.Health(), eventstore.KindUnavailable)
		pass(6 * time.Second)
		if err := n.writer.Health(); err != nil {
			t.Errorf("eleven seconds later: %v", err)
		}
	})
}
