package journal

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/eventstore/memory"
)

// cancelledBySwap is a context that is cancelled as soon as the state is another one.
type cancelledBySwap struct {
	context.Context
	reducer *reducer
	before  *account.State
}

func (c cancelledBySwap) Err() error {
	if c.reducer.state.Load() != c.before {
		return context.Canceled
	}
	return nil
}

func TestAReplayCancelledJustAfterItsSwapSaysThatItHasSwapped(t *testing.T) {
	s, err := Start(t.Context(), memory.New().Open(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if _, err := s.Execute(t.Context(), account.Open{Number: "123456", SortCode: "10-20-30"}, Options{}); err != nil {
		t.Fatal(err)
	}
	before := s.reducer.state.Load()
	j := newJob(uuid.Must(uuid.NewV7()), ReplayOptions{From: ReplayFromStart, Swap: true})
	j.cancel = func() {}
	j.run(cancelledBySwap{t.Context(), s.reducer, before}, &replay{service: s, job: j})
	if r := j.report(); s.reducer.state.Load() == before || !r.Swapped || r.State != ReplayDone {
		t.Errorf("%+v", r)
	}
}
