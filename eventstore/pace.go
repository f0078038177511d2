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
//   - while others write, each Writer waits for as many batches of theirs as there
//     were between its own last two: they go round, see [Writer.awaitTurn];
//   - while others have written a moment ago, each success is followed by a pause of
//     random length, up to two appends long, in which commands gather;
//   - and whoever has gone on for long makes a pause all the same, or others could
//     never make themselves known.
//
// After a conflict, where no turns are known, the pauses are shorter, and grow with
// conflicts in a row to about the same length. It is the Writer goroutine's own.
type pace struct {
	latency   time.Duration // of an append, smoothed
	own       Head          // the last batch of this Writer
	contended time.Time     // when another writer was last noticed
	breath    time.Time     // when others last had a chance
	conflicts int           // in a row
	since     time.Time     // when the last batch of this Writer was stored
	others    int           // batches of others before the next own one is due; 0: no turns
	lapsed    bool          // one of them did not come
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

// stored notes a success, before which others had so many batches since the last one,
// and gives the pause before the next.
func (p *pace) stored(head Head, took time.Duration, others int) time.Duration {
	if p.latency == 0 {
		p.latency = took
	}
	p.latency += (took - p.latency) / 8
	p.own, p.conflicts = head, 0
	p.count(others)
	now := time.Now()
	p.since = now
	switch {
	case p.others == 0 && now.Sub(p.contended) < contentionMemory:
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

// count notes how many batches others had between two own ones. One more than was
// waited for is a new writer, or somebody was faster in this one's turn: chance decides.
// Where two had lost patience at the same time it means nothing.
func (p *pace) count(others int) {
	switch {
	case others < p.others:
		p.others = others
	case others > p.others && !p.lapsed && (p.others == 0 || pause.Random(2) == 0):
		p.others++
	}
	p.lapsed = false
}

// turn gives how many batches of others are due before the next own one, 0 if there is
// no order, and how long each is waited for: others must read the batch before and
// decide, and may have nothing to write.
func (p *pace) turn() (others int, patience time.Duration) {
	patience = min(4*p.latency, 3*longestPause) + upTo(2*p.latency)
	if p.own == (Head{}) || time.Since(p.since) > 2*time.Duration(p.others)*patience {
		return 0, 0
	}
	return p.others, patience
}

// lapse notes that a batch did not come, after so many that have.
func (p *pace) lapse(came int) { p.others, p.lapsed = max(1, came), true }
