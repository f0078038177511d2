package eventstoretest

import (
	"context"
	"math/rand/v2"
	"sync"

	"openpayment/eventstore"
)

// FailAppend does not append and says so: KindUnavailable.
func FailAppend(_ context.Context, _ eventstore.Head, _ []eventstore.Event, _ AppendFunc) error {
	return fault("append", eventstore.KindUnavailable)
}

// DropAppend does not append, and does not know: KindUnknown.
func DropAppend(_ context.Context, _ eventstore.Head, _ []eventstore.Event, _ AppendFunc) error {
	return fault("append", eventstore.KindUnknown)
}

// LoseAnswer appends, whatever comes of it, and does not know: KindUnknown.
func LoseAnswer(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next AppendFunc) error {
	_ = next(context.WithoutCancel(ctx), head, batch) // the answer that gets lost
	return fault("append", eventstore.KindUnknown)
}

// PassAppend appends, as without a hook.
func PassAppend(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next AppendFunc) error {
	return next(ctx, head, batch)
}

// ScriptAppends uses one hook for each call, in order, and none after the last.
func ScriptAppends(hooks ...AppendHook) AppendHook {
	var mu sync.Mutex // protects hooks
	return func(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next AppendFunc) error {
		mu.Lock()
		hook := PassAppend
		if len(hooks) > 0 {
			hook, hooks = hooks[0], hooks[1:]
		}
		mu.Unlock()
		return hook(ctx, head, batch, next)
	}
}

// Late keeps appends for later, as a network or a coordinator does: they are
// reported as KindUnknown now, and tried when told. The zero Late is ready.
type Late struct {
	mu   sync.Mutex // protects held
	held []func() error
}

// Append is a hook that holds the append.
func (l *Late) Append(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next AppendFunc) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, func() error { return next(context.WithoutCancel(ctx), head, batch) })
	return fault("append", eventstore.KindUnknown)
}

// Apply tries everything held, in the order it came, and gives what came of
// each.
func (l *Late) Apply() []error {
	l.mu.Lock()
	held := l.held
	l.held = nil
	l.mu.Unlock()
	results := make([]error, len(held))
	for i, try := range held {
		results[i] = try()
	}
	return results
}

// Before is a hook that applies everything held just before the n-th call of it
// (counting from 1), and holds the calls until then.
func (l *Late) Before(n int) AppendHook {
	var mu sync.Mutex // protects calls
	calls := 0
	return func(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next AppendFunc) error {
		mu.Lock()
		calls++
		hold := calls < n
		mu.Unlock()
		if hold {
			return l.Append(ctx, head, batch, next)
		}
		l.Apply()
		return next(ctx, head, batch)
	}
}

// RandomAppends is a hook that, with the given probability, does one of the
// above to a call: fails it, drops it, loses its answer, or keeps it until just
// before some later call. The same seed gives the same faults to the same calls;
// log it.
func RandomAppends(seed uint64, probability float64) AppendHook {
	var (
		mu   sync.Mutex // protects dice
		dice = rand.New(rand.NewPCG(seed, seed))
		late Late
		bad  = []AppendHook{FailAppend, DropAppend, LoseAnswer, late.Append}
	)
	return func(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next AppendFunc) error {
		mu.Lock()
		hook, apply := PassAppend, dice.IntN(3) == 0
		if dice.Float64() < probability {
			hook = bad[dice.IntN(len(bad))]
		}
		mu.Unlock()
		if apply {
			late.Apply()
		}
		return hook(ctx, head, batch, next)
	}
}
