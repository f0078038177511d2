package pause

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAPauseEndsWithItsTimeOrItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if !For(t.Context(), time.Minute) || time.Since(start) != time.Minute {
			t.Errorf("a pause of a minute took %s", time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if For(ctx, time.Minute) || time.Since(start) != time.Second {
			t.Errorf("a pause whose context ended after a second took %s", time.Since(start))
		}
	})
}

func TestRandomPausesFollowFromASeed(t *testing.T) {
	draw := func() (all [20]time.Duration) {
		for i := range all {
			all[i] = Random(time.Hour)
		}
		return all
	}
	seeded := func(seed uint64) [20]time.Duration {
		defer Seed(seed)()
		return draw()
	}
	once, again, other := seeded(1), seeded(1), seeded(2)
	if once != again || once == other || draw() == once {
		t.Error("the same seed gives the same, and nothing else does")
	}
	for range 1000 {
		if d := Random(3); d < 0 || d > 2 {
			t.Fatalf("%d is not below 3", d)
		}
	}
	if Random(0) != 0 || Random(-1) != 0 {
		t.Error("there is nothing below nothing")
	}
}
