package eventstore

import (
	"context"
	"time"
)

// othersUntil is how many batches others have appended behind the last own one and up
// to the given position, as far as this process has read: the events of one batch have
// one time. Many if it can't be told, none before there was an own one.
func (w *Writer[D]) othersUntil(until Position) int {
	const many = 1 << 20
	if own := w.pace.own; own == (Head{}) || until <= own.Position {
		return 0
	}
	events, ok := w.poller.Recent(w.pace.own.Position)
	if !ok {
		return many
	}
	n := 0
	for i := 0; i < len(events) && events[i].Seq <= until; i++ {
		if i == 0 || !events[i].Time.Equal(events[i-1].Time) {
			n++
		}
	}
	return n
}

// awaitTurn lets others go first while they write: as many of their batches as there
// were between this Writer's last two. Writers that all do so go round, and none spends
// the log's time on a batch that is bound to conflict. One whose batch does not come is
// not waited for long. It tells whether there was an order to keep.
func (w *Writer[D]) awaitTurn() bool {
	others, patience := w.pace.turn()
	if others == 0 {
		return false
	}
	known, since := w.poller.Head(), time.Now()
	for {
		if head := w.poller.Head(); head != known {
			known, since = head, time.Now()
		}
		seen := w.othersUntil(known.Position)
		if seen >= others {
			break
		}
		passed := time.Since(since)
		if passed >= patience {
			w.pace.lapse(seen)
			break
		}
		// The next batch takes as long as one does; after that it is looked for often.
		next := max(3*w.pace.latency/4-passed, w.pace.latency/8, time.Millisecond/2)
		if !w.poller.awaitNews(w.ctx, known, min(next, patience-passed)) {
			return true
		}
	}
	ctx, cancel := context.WithTimeout(w.ctx, catchUpLimit)
	defer cancel()
	_ = w.model.Wait(ctx, w.poller.Head().Position) // else the log is out of reach, and appending tells
	return true
}

// awaitNews waits until there is an event behind head, no longer than d, and has the
// log read then. It tells whether ctx has not ended.
func (p *Poller) awaitNews(ctx context.Context, head Head, d time.Duration) bool {
	events, _, moved := p.window.after(head.Position)
	if len(events) > 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-moved:
	case <-timer.C:
		p.Wake()
	case <-ctx.Done():
		return false
	}
	return true
}
