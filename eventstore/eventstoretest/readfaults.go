package eventstoretest

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"

	"openpayment/eventstore"
)

// FailRead reads nothing: KindUnavailable.
func FailRead(context.Context, eventstore.Position, int, ReadFunc) iter.Seq2[eventstore.Event, error] {
	return readFault(eventstore.KindUnavailable)
}

// FailHead asks for nothing: KindUnavailable.
func FailHead(context.Context, HeadFunc) (eventstore.Head, error) {
	return eventstore.Head{}, fault("head", eventstore.KindUnavailable)
}

// BreakRead fails a read after its first n events: KindUnavailable.
func BreakRead(n int) ReadHook {
	return cutRead(func(done int, _ eventstore.Event) bool { return done == n }, eventstore.KindUnavailable)
}

// HideFrom is a reader that has not got the events from the given position on,
// while others have: KindMissing in place of the first.
func HideFrom(first eventstore.Position) ReadHook {
	return cutRead(func(_ int, ev eventstore.Event) bool { return ev.Seq >= first }, eventstore.KindMissing)
}

// HideNewest is a reader that has not got the k events that are the newest when
// Read is called, and knows that they exist: KindMissing.
func HideNewest(b eventstore.Backend, k int) ReadHook {
	return func(ctx context.Context, after eventstore.Position, limit int, next ReadFunc) iter.Seq2[eventstore.Event, error] {
		head, err := b.Head(ctx)
		if err != nil {
			return readFault(eventstore.KindUnavailable)
		}
		return HideFrom(head.Position-eventstore.Position(k)+1)(ctx, after, limit, next)
	}
}

// LagBehind is a reader that has not got the k newest events, and does not know:
// the log seems to end before them.
func LagBehind(b eventstore.Backend, k int) ReadHook {
	return func(ctx context.Context, after eventstore.Position, limit int, next ReadFunc) iter.Seq2[eventstore.Event, error] {
		hidden := HideNewest(b, k)(ctx, after, limit, next)
		return func(yield func(eventstore.Event, error) bool) {
			for ev, err := range hidden {
				if eventstore.KindOf(err) == eventstore.KindMissing || !yield(ev, err) {
					return
				}
			}
		}
	}
}

// cutRead ends a read with an error in place of the first event that is cut.
func cutRead(cut func(done int, ev eventstore.Event) bool, kind eventstore.Kind) ReadHook {
	return func(ctx context.Context, after eventstore.Position, limit int, next ReadFunc) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			done := 0
			for ev, err := range next(ctx, after, limit) {
				if err == nil && cut(done, ev) {
					ev, err = eventstore.Event{}, fault("read", kind)
				}
				if !yield(ev, err) || err != nil {
					return
				}
				done++
			}
		}
	}
}

// RandomReads is a hook that, with the given probability, fails a read, at once
// or after a few events, or hides the newest events from it, knowingly or not.
// The same seed gives the same faults to the same calls; log it.
func RandomReads(b eventstore.Backend, seed uint64, probability float64) ReadHook {
	var (
		mu   sync.Mutex // protects dice
		dice = rand.New(rand.NewPCG(seed, seed))
	)
	return func(ctx context.Context, after eventstore.Position, limit int, next ReadFunc) iter.Seq2[eventstore.Event, error] {
		mu.Lock()
		k := dice.IntN(4)
		bad := []ReadHook{FailRead, BreakRead(k), HideNewest(b, k), LagBehind(b, k)}[dice.IntN(4)]
		faulty := dice.Float64() < probability
		mu.Unlock()
		if !faulty {
			return next(ctx, after, limit)
		}
		return bad(ctx, after, limit, next)
	}
}
