package cassandra

import (
	"context"
	"sync"
	"sync/atomic"

	"openpayment/eventstore"
)

// bucketsAtOnce is how many buckets a long read has open. Memory is bounded by it:
// each holds a page in its channel and one in hand, of about pageBytes.
const bucketsAtOnce = 4

// readAhead reads pages before they are asked for: the rest of the bucket being
// delivered, and the buckets after it that are known to be full. It opens a
// bucket only when the one before it is known to have passed its end, so that
// reading at the end of the log asks for nothing in vain.
//
// It belongs to one reading, whose goroutine is the only one to call its methods.
type readAhead struct {
	store   *Store
	ctx     context.Context
	last    eventstore.Position // nothing beyond it is wanted
	streams []*stream           // of consecutive buckets; the first is being delivered
	running sync.WaitGroup
}

// stream is the goroutine that reads one bucket to its end.
type stream struct {
	bucket int64
	pages  chan fetched // closed after the last page
	// head is the bucket's head as last seen, 0 before: written by the goroutine,
	// read by its owner.
	head atomic.Int64
}

type fetched struct {
	page page
	err  error
}

// page gives the next page of a bucket: from its stream if it has one, which then
// stands at next, else by a query.
func (a *readAhead) page(bucket int64, next eventstore.Position) (page, error) {
	for len(a.streams) > 0 {
		if a.streams[0].bucket == bucket {
			if f, ok := <-a.streams[0].pages; ok {
				return f.page, f.err
			}
		}
		a.streams = a.streams[1:] // exhausted
	}
	return a.store.fetch(a.ctx, bucket, next, a.rows(next, firstRows))
}

// extend starts what should be read meanwhile, after p was delivered and next is
// wanted.
func (a *readAhead) extend(bucket int64, next eventstore.Position, p page) {
	for len(a.streams) > 0 && a.streams[0].bucket < bucket {
		a.streams = a.streams[1:]
	}
	if len(a.streams) == 0 {
		if !p.more {
			return
		}
		a.start(bucket, next, p.head, p.rowsPerPage())
	}
	for len(a.streams) < bucketsAtOnce {
		newest := a.streams[len(a.streams)-1]
		head := eventstore.Position(newest.head.Load())
		following := a.store.bucketAfter(head)
		if head == 0 || head >= a.last || following <= newest.bucket {
			return
		}
		a.start(following, head+1, 0, p.rowsPerPage())
	}
}

func (a *readAhead) start(bucket int64, next, head eventstore.Position, rows int) {
	s := &stream{bucket: bucket, pages: make(chan fetched, 1)}
	s.head.Store(int64(head))
	a.streams = append(a.streams, s)
	a.running.Go(func() { a.run(s, next, rows) })
}

// run reads the bucket page after page until it is exhausted, nothing more is
// wanted, or the reading ends.
func (a *readAhead) run(s *stream, next eventstore.Position, rows int) {
	defer close(s.pages)
	for {
		p, err := a.store.fetch(a.ctx, s.bucket, next, a.rows(next, rows))
		if p.head > 0 {
			s.head.Store(int64(p.head))
		}
		select {
		case s.pages <- fetched{p, err}:
		case <-a.ctx.Done():
			return
		}
		if err != nil || !p.more || len(p.events) == 0 {
			return
		}
		next = p.events[len(p.events)-1].Seq + 1
		if next > a.last {
			return
		}
		rows = p.rowsPerPage()
	}
}

func (a *readAhead) rows(next eventstore.Position, most int) int {
	return int(min(int64(most), int64(a.last-next)+1))
}

// stop ends all streams and waits for them.
func (a *readAhead) stop(cancel context.CancelFunc) {
	cancel()
	a.running.Wait()
}
