package eventstore

import (
	"time"

	"openpayment/internal/pause"
)

// pace shares the log with writers in other processes. Who has just appended is
// ahead of everybody: the others must read that batch before they can decide on
// the new head, and by then the next one is under way. Left alone, one busy
// writer keeps all others out for as long as it is busy. So
//
//   - while others are known to write, each success is followed by a pause of
//     random length, up to two appends long, in which commands gather;
//   - while none are known, there is such a pause now and then all the same, or
//     others could never make themselves known.
//
// After a conflict the pauses are shorter, and grow with conflicts in a row to
// about the same length. It is the Writer goroutine's own.
type pace struct {
	latency   time.Duration // of an append, smoothed
	own       Head          // the last batch of this Writer
	contended time.Time     // when another writer was last noticed
	breath    time.Time     // when others last had a chance
	conflicts int           // in a row
}

const (
	contentionMemory = time.Second            // how long another writer is reckoned with
	breathInterval   = 200 * time.Millisecond // how long one writer may go on without a pause,
	breathShare      = 30                     // or this many appends if that is longer: 5 % of its time
)

// decidedOn notes the head that a batch is decided on.
func (p *pace) decidedOn(at Head) {
	if p.own != (Head{}) && at != p.own {
		p.contended = time.Now()
	}
}

// conflict notes a lost race, and gives the pause before the next attempt.
func (p *pace) conflict() time.Duration {
	p.contended = time.Now()
	p.conflicts = min(p.conflicts+1, 4)
	return upTo(p.latency * time.Duration(p.conflicts) / 2)
}

// stored notes a success, and gives the pause before the next batch.
func (p *pace) stored(head Head, took time.Duration) time.Duration {
	if p.latency == 0 {
		p.latency = took
	}
	p.latency += (took - p.latency) / 8
	p.own, p.conflicts = head, 0
	now := time.Now()
	switch {
	case now.Sub(p.contended) < contentionMemory:
		p.breath = now
		return upTo(2 * p.latency)
	case now.Sub(p.breath) > max(breathInterval, breathShare*min(p.latency, longestPause)):
		p.breath = now
		return min(3*p.latency/2, longestPause)
	}
	return 0
}

// longestPause bounds every pause, for a store whose appends take seconds.
const longestPause = 100 * time.Millisecond

func upTo(d time.Duration) time.Duration {
	return pause.Random(min(max(d, time.Microsecond), longestPause))
}
