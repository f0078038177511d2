package bench

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSidesTakeTurnsAfterAWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var story strings.Builder
		one := func(name string, ops int64) side {
			return func(_ context.Context, span time.Duration) (sample, error) {
				story.WriteString(name + span.String() + " ")
				wait(span)
				return sample{ops: ops, took: span}, nil
			}
		}
		as, bs, err := alternate(t.Context(), pace{total: 8 * time.Second, slice: time.Second, warmUp: time.Minute}, one("a", 10), one("b", 20))
		if err != nil {
			t.Fatal(err)
		}
		if want := "a1m0s b1m0s a1s b1s a1s b1s a1s b1s a1s b1s "; story.String() != want {
			t.Errorf("the turns were %s, want %s", story.String(), want)
		}
		if len(as) != 4 || len(bs) != 4 || as[0].rate() != 10 || bs[3].rate() != 20 {
			t.Errorf("%+v, %+v", as, bs)
		}
		story.Reset()
		if as, _, _ = alternate(t.Context(), pace{total: time.Second, slice: time.Second}, one("a", 1), one("b", 1)); len(as) != minPairs {
			t.Errorf("%d pairs of what takes long, want %d", len(as), minPairs)
		}
	})
}

// wait lets the bubble's time pass.
func wait(d time.Duration) { <-time.After(d) }

func TestAnErrorOfEitherSideEndsAComparison(t *testing.T) {
	fails := errors.New("it fails")
	works := func(context.Context, time.Duration) (sample, error) { return sample{ops: 1, took: 1}, nil }
	broken := func(context.Context, time.Duration) (sample, error) { return sample{}, fails }
	for _, sides := range [][2]side{{works, broken}, {broken, works}} {
		if _, _, err := alternate(t.Context(), pace{}, sides[0], sides[1]); err != fails {
			t.Errorf("it ends with %v", err)
		}
	}
}

func TestCallersAskForTheNextWhenTheyWereGivenTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at, most atomic.Int64
		seen := make([]atomic.Bool, 100)
		s, err := callers(5, func(_ context.Context, _ int, i int64) error {
			most.Store(max(most.Load(), at.Add(1)))
			defer at.Add(-1)
			if seen[i].Swap(true) {
				t.Errorf("%d comes twice", i)
			}
			wait(100 * time.Millisecond)
			return nil
		})(t.Context(), 950*time.Millisecond)
		if err != nil || s.ops != 50 || s.took != time.Second || most.Load() != 5 {
			t.Errorf("%d done in %s by %d, %v", s.ops, s.took, most.Load(), err)
		}
		if p50 := s.latency.ValueAtQuantile(50); p50 < 99_900_000 || p50 > 100_100_000 || s.latency.TotalCount() != 50 {
			t.Errorf("p50 is %d of %d", p50, s.latency.TotalCount())
		}
	})
}

func TestOneCallersErrorEndsAllOfThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := errors.New("it fails")
		began := time.Now()
		_, err := callers(5, func(ctx context.Context, _ int, i int64) error {
			if i == 3 {
				return fails
			}
			<-ctx.Done()
			return ctx.Err()
		})(t.Context(), time.Hour)
		if err != fails || time.Since(began) > 0 {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestQuartilesAreWhereHalfOfTheValuesAre(t *testing.T) {
	for _, c := range []struct {
		values            []float64
		median, low, high float64
	}{
		{[]float64{3}, 3, 3, 3},
		{[]float64{5, 1, 3}, 3, 2, 4},
		{[]float64{4, 1, 2, 3, 5}, 3, 2, 4},
		{[]float64{1, 2, 3, 4}, 2.5, 1.75, 3.25},
		{nil, 0, 0, 0},
	} {
		if median, low, high := quartiles(c.values); median != c.median || low != c.low || high != c.high {
			t.Errorf("of %v: %v, %v, %v", c.values, median, low, high)
		}
	}
}

func TestTheMedianOfPairsIsWhatCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The machine is half as fast in every other second; and one slice is spoilt.
		n := 0
		by := func(rate int64) side {
			return func(_ context.Context, span time.Duration) (sample, error) {
				slowed := int64(1 + n/2%2)
				if n++; n == 3 {
					slowed *= 50
				}
				wait(span)
				return sample{ops: rate / slowed, took: span, latency: newLatencies()}, nil
			}
		}
		r := &run{settings: Settings{Duration: Duration(10 * time.Second), Slice: Duration(time.Second)}}
		var c Case
		if err := r.compare(t.Context(), &c, "events/s", rates, named{"a", by(3000)}, named{"b", by(2000)}); err != nil {
			t.Fatal(err)
		}
		if c.Result.Median != 1.5 || len(c.Result.Samples) != 5 || c.Result.Less {
			t.Errorf("%+v", c.Result)
		}
		if err := r.compare(t.Context(), &c, "events/s", costs, named{"a", by(3000)}, named{"b", by(2000)}); err != nil || c.Result.Median != 2.0/3 || !c.Result.Less {
			t.Errorf("%+v, %v", c.Result, err)
		}
	})
}
