package cassandra

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"openpayment/eventstore"
	"openpayment/internal/mutant"
)

// Read is [eventstore.Backend.Read].
//
// A short read is mostly one query. A long one reads several buckets at a time,
// ahead of the consumer: see ahead.go.
//
// A row may be seen before the one in front of it: replicas answer at different
// moments. Such a hole ends the read with KindMissing, and so does a bucket whose
// head says that an event was stored which is not there. An event that was not
// stored when Read was called is never missed.
func (s *Store) Read(ctx context.Context, after eventstore.Position, limit int) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		after := max(after, 0)
		r := reading{store: s, ctx: ctx, next: after + 1, last: math.MaxInt64, yield: yield}
		if limit > 0 && int64(after) < math.MaxInt64-int64(limit) {
			r.last = after + eventstore.Position(limit)
		}
		r.ahead = readAhead{store: s, ctx: ctx, last: r.last}
		defer r.ahead.stop(cancel)
		if err := r.run(); !errors.Is(err, errEnough) {
			yield(eventstore.Event{}, err)
		}
	}
}

// errEnough ends a reading whose consumer wants no more, or has all it wanted.
var errEnough = errors.New("enough")

// reading is one Read under way.
type reading struct {
	store  *Store
	ctx    context.Context
	yield  func(eventstore.Event, error) bool
	ahead  readAhead
	bucket int64               // where next is looked for
	next   eventstore.Position // to be delivered
	last   eventstore.Position // to be delivered, at most
	// doubted: confirmEnd found that there should be more, and this is the second
	// look at the rows.
	doubted bool
}

// run goes from page to page and from bucket to bucket. It ends with an error
// only: errEnough when all went well.
func (r *reading) run() error {
	p, err := r.locate()
	for err == nil {
		if err = r.deliver(p); err == nil {
			r.ahead.extend(r.bucket, r.next, p)
			p, err = r.follow(p)
		}
	}
	return err
}

// follow gives the page after p. An event is looked for in the bucket of the
// event before it first: only when that bucket is exhausted, and its last event
// has reached the bucket's end, is it looked for in the next.
func (r *reading) follow(p page) (page, error) {
	if len(p.events) > 0 {
		r.doubted = false
	}
	switch following := r.store.bucketAfter(r.next - 1); {
	case p.more:
	case p.head >= r.next:
		// All rows of this bucket have been looked through.
		return p, r.missing(p.head+1, fmt.Errorf("bucket %d ends at event %d", r.bucket, p.head))
	case following > r.bucket:
		r.bucket = following
	case p.empty():
		return r.confirmEnd()
	default:
		return p, errEnough
	}
	return r.ahead.page(r.bucket, r.next)
}

// locate finds the bucket in which reading begins, and its first page. That is
// the bucket which an append would go to, except that the position may lie in the
// overshoot of the one before it.
func (r *reading) locate() (page, error) {
	rows := r.rows(firstRows)
	r.bucket = r.store.bucketAfter(r.next - 1)
	p, err := r.store.fetch(r.ctx, r.bucket, r.next, rows)
	if err != nil || r.bucket == 0 || p.before || p.first() == r.next || mutant.On(mutant.LeavesOvershootEarly) {
		return p, err
	}
	overshoot, err := r.store.fetch(r.ctx, r.bucket-1, r.next, rows)
	if err != nil || overshoot.empty() {
		return p, err
	}
	r.bucket--
	return overshoot, nil
}

// rows is how many rows to ask for when most is a good number.
func (r *reading) rows(most int) int {
	return int(min(int64(most), int64(r.last-r.next)+1))
}

// deliver hands the events of a page on.
func (r *reading) deliver(p page) error {
	for _, ev := range p.events {
		if mutant.On(mutant.ReadsPastHoles) {
			r.next = ev.Seq
		}
		if ev.Seq != r.next {
			return r.missing(ev.Seq, fmt.Errorf("event %d is there", ev.Seq))
		}
		if err := r.ctx.Err(); err != nil {
			return readError("read", err)
		}
		if !r.yield(ev, nil) {
			return errEnough
		}
		if r.next++; r.next > r.last {
			return errEnough
		}
	}
	if p.bad != nil {
		if p.badSeq != r.next {
			return r.missing(p.badSeq, p.bad)
		}
		return p.bad
	}
	return nil
}

// confirmEnd makes sure that the log does end here, where a bucket without any
// row gave no evidence: its own head, or the next bucket's, may tell otherwise.
// They are read later than the rows were, and the event may have been stored in
// between: so the rows are looked for once more before it is called missing.
func (r *reading) confirmEnd() (page, error) {
	for _, bucket := range []int64{r.bucket, r.bucket + 1} {
		head, err := r.store.claimedHead(r.ctx, bucket)
		switch {
		case err != nil:
			return page{}, err
		case head < r.next:
			continue
		case r.doubted:
			return page{}, r.missing(r.behind(bucket, head), fmt.Errorf("bucket %d ends at event %d", bucket, head))
		}
		r.doubted = true
		return r.locate()
	}
	return page{}, errEnough
}

// behind is up to where nothing can be, where bucket is the first known to have
// reached head: the rows of the bucket read have been looked through, those of
// the one after it have not.
func (r *reading) behind(bucket int64, head eventstore.Position) eventstore.Position {
	if bucket == r.bucket {
		return head + 1
	}
	return eventstore.Position(bucket*r.store.bucketSize) + 1
}

func (r *reading) missing(next eventstore.Position, evidence error) error {
	return eventstore.NewGap("read", r.next, next, evidence)
}
