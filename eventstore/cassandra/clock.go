package cassandra

import (
	"sync"
	"time"
)

// writeClock gives the timestamps of ordinary writes, of which Cassandra keeps the
// latest: microseconds since 1970 that never repeat nor go back.
type writeClock struct {
	mu   sync.Mutex // protects last
	last int64
}

func (c *writeClock) next() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last+1, time.Now().UnixMicro())
	return c.last
}

func (c *writeClock) atLeast(t int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, t)
}
