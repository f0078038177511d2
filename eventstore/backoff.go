package eventstore

import (
	"math/rand/v2"
	"time"
)

// backoff is a wait that doubles each time, between two bounds. The waits are
// spread at random over their upper half, so that several nodes that failed
// together do not come back together.
type backoff struct {
	min, max time.Duration
	current  time.Duration
}

// next gives the wait to take now.
func (b *backoff) next() time.Duration {
	b.current = min(max(2*b.current, b.min), b.max)
	return b.current/2 + rand.N(b.current/2+1) // #nosec G404 -- no secret
}

func (b *backoff) reset() { b.current = 0 }
