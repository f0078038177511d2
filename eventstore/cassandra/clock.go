package cassandra

import (
	"context"
	"sync"
	"time"

	"openpayment/eventstore"
)

var _ eventstore.Clock = (*Store)(nil)

// selectNow asks a node for its time.
const selectNow = `SELECT toTimestamp(now()) FROM system.local`

// Ahead implements [eventstore.Clock]. It asks several times, nodes in turn, since
// one that is wrong need not keep this process from writing.
func (s *Store) Ahead(ctx context.Context) (ahead, within time.Duration, err error) {
	ctx, done, err := s.begin("clock", ctx)
	if err != nil {
		return 0, 0, err
	}
	defer done()
	var closest clockReading
	for i := range clockSamples {
		session := s.link.session()
		r, err := readClock(ctx, session)
		if err != nil {
			s.link.check(session, err)
			return 0, 0, readError("clock", err)
		}
		if i == 0 || r.apart() < closest.apart() {
			closest = r
		}
	}
	return closest.ahead, closest.within, nil
}

// readClock asks the clock of one node, and compares it with this machine's at the
// moment that lies halfway between question and answer.
func readClock(ctx context.Context, s *session) (clockReading, error) {
	var theirs time.Time
	asked := time.Now()
	if _, err := s.row(ctx, selectNow, nil, &theirs); err != nil {
		return clockReading{}, err
	}
	half := time.Since(asked) / 2
	return clockReading{ahead: theirs.Sub(asked.Add(half)), within: half + time.Millisecond}, nil // they tell whole milliseconds
}

// apart is how far the clocks are apart at least.
func (r clockReading) apart() time.Duration { return max(r.ahead.Abs()-r.within, 0) }

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
