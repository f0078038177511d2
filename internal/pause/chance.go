package pause

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// source gives numbers from 0 up to n, without it.
type source func(n int64) int64

var seeded atomic.Pointer[source] // nil: what the language offers

// Random is a time from 0 up to most, without it, by chance; 0 if most is not more.
func Random(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	if from := seeded.Load(); from != nil {
		return time.Duration((*from)(int64(most)))
	}
	return rand.N(most) // #nosec G404 -- no secret
}

// Seed makes all that Random gives in this process follow from seed, until undo is
// called: for simulations, which have to go the same way twice.
func Seed(seed uint64) (undo func()) {
	var mu sync.Mutex                      // protects dice
	dice := rand.New(rand.NewPCG(seed, 0)) // #nosec G404 -- no secret
	from := source(func(n int64) int64 {
		mu.Lock()
		defer mu.Unlock()
		return dice.Int64N(n)
	})
	seeded.Store(&from)
	return func() { seeded.Store(nil) }
}
