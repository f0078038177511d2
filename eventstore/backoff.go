package eventstore

import (
	"time"

	"openpayment/internal/pause"
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
	return b.current/2 + pause.Random(b.current/2+1)
}

func (b *backoff) reset() { b.current = 0 }
