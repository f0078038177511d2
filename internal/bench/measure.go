package bench

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// sample is what one side has done in one slice.
type sample struct {
	ops     int64
	took    time.Duration
	latency *hdrhistogram.Histogram // of each, in nanoseconds; nil: they were not taken one by one
}

func (s sample) rate() float64 { return float64(s.ops) / max(s.took, 1).Seconds() }

// side is one of two that are compared. It works for about that long, at least once.
type side func(ctx context.Context, span time.Duration) (sample, error)

// newLatencies holds from 100 ns to an hour, to three digits.
func newLatencies() *hdrhistogram.Histogram { return hdrhistogram.New(100, int64(time.Hour), 3) }

// callers makes a side of so many callers, each of which does one thing after the other.
// i counts over all slices.
func callers(n int, do func(ctx context.Context, caller int, i int64) error) side {
	var next atomic.Int64
	return func(ctx context.Context, span time.Duration) (sample, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		took := make([][]int64, n)
		var failed error
		var once sync.Once
		var all sync.WaitGroup
		began := time.Now()
		deadline := began.Add(span)
		for c := range n {
			all.Go(func() {
				for now := time.Now(); now.Before(deadline) || len(took[c]) == 0; {
					if err := do(ctx, c, next.Add(1)); err != nil {
						once.Do(func() { failed = err; cancel() })
						return
					}
					then := time.Now()
					took[c] = append(took[c], int64(then.Sub(now)))
					now = then
				}
			})
		}
		all.Wait()
		s := sample{took: time.Since(began), latency: newLatencies()}
		for _, each := range took {
			s.ops += int64(len(each))
			for _, t := range each {
				_ = s.latency.RecordValue(t) // an hour is more than anybody waits
			}
		}
		return s, failed
	}
}

// once makes a side of one long thing, of so many events. It tells itself how long it took.
func once(events int, do func(ctx context.Context) (time.Duration, error)) side {
	return func(ctx context.Context, _ time.Duration) (sample, error) {
		took, err := do(ctx)
		return sample{ops: int64(events), took: took}, err
	}
}

// timed has do measured from its beginning to its end.
func timed(do func(ctx context.Context) error) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		began := time.Now()
		err := do(ctx)
		return time.Since(began), err
	}
}

// pace says how long a comparison takes.
type pace struct {
	total, slice, warmUp time.Duration
}

// minPairs is how many there are at least, however long they take.
const minPairs = 3

// alternate has two sides work in turns, and gives what each pair of slices has come to.
// Slices longer than planned, as of what can't be cut short, make for fewer of them.
func alternate(ctx context.Context, p pace, a, b side) (as, bs []sample, err error) {
	for _, s := range []side{a, b} {
		if p.warmUp > 0 {
			if _, err := s(ctx, p.warmUp); err != nil {
				return nil, nil, err
			}
		}
	}
	began := time.Now()
	for len(as) < minPairs || time.Since(began) < p.total {
		for _, s := range []struct {
			side side
			into *[]sample
		}{{a, &as}, {b, &bs}} {
			runtime.GC()
			one, err := s.side(ctx, p.slice)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, nil, err
			}
			*s.into = append(*s.into, one)
		}
	}
	return as, bs, nil
}

// quartiles gives the median of some values, and between what half of them are.
func quartiles(values []float64) (median, low, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	at := func(part float64) float64 {
		place := part * float64(len(sorted)-1)
		below := int(place)
		above := min(below+1, len(sorted)-1)
		return sorted[below] + (sorted[above]-sorted[below])*(place-float64(below))
	}
	if len(sorted) == 0 {
		return 0, 0, 0
	}
	return at(0.5), at(0.25), at(0.75)
}
