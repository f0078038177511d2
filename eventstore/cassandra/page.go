package cassandra

import (
	"context"
	"fmt"
	"time"

	"openpayment/eventstore"
)

const selectEvents = `SELECT head, seq, id, type, subject, time, meta, data, hash FROM events WHERE log = ? AND bucket = ? AND seq >= ? LIMIT ?`

// The size of a page of a long read: as many rows as make about pageBytes, so
// that memory stays bounded whether events have a hundred bytes or 64 KiB.
const (
	pageBytes = 2 << 20
	pageRows  = 5000 // at most
	firstRows = 500  // as long as the size of the events is not known
)

// page is some consecutive rows of one bucket, as one query found them.
type page struct {
	events []eventstore.Event
	// before: the row just before the first event asked for is in this bucket too.
	before bool
	// head is the bucket's static head at the moment of the query: that an event
	// of this position has been stored here. 0 if there was no row to carry it.
	head eventstore.Position
	// more: the query came to its limit, and head says that the bucket goes on.
	more bool
	// bad stands behind events: a row that cannot be an event, and its position.
	bad    error
	badSeq eventstore.Position

	bytes int
}

// first is the position of the first row, 0 if there is none.
func (p page) first() eventstore.Position {
	if len(p.events) > 0 {
		return p.events[0].Seq
	}
	return p.badSeq
}

// empty reports that the query found nothing at all.
func (p page) empty() bool { return !p.before && p.first() == 0 }

// rowsPerPage is how many rows the next page should have, going by this one.
func (p page) rowsPerPage() int {
	if len(p.events) == 0 {
		return firstRows
	}
	return min(max(pageBytes/(p.bytes/len(p.events)), 16), pageRows)
}

// fetch reads up to limit events of a bucket, the first at position next or
// later. The row before next is read along, because it carries the head also
// when there is nothing new: so that a poll at the end of the log is one query
// and still notices a row that is gone.
func (s *Store) fetch(ctx context.Context, bucket int64, next eventstore.Position, limit int) (page, error) {
	ctx, done, err := s.begin("read", ctx)
	if err != nil {
		return page{}, err
	}
	defer done()
	from := max(next-1, 1)
	limit += int(next - from)
	session := s.link.session()
	r := session.query(ctx, limit, selectEvents, s.log, bucket, int64(from), limit)
	var p page
	if limit > firstRows { // one of many pages, and most of them are full
		p.events = make([]eventstore.Event, 0, limit)
	}
	row := newEventRow()
	n := 0
	for r.scan(row.places...) {
		n++
		if row.head.known {
			p.head = eventstore.Position(row.head.position)
		}
		if p.bad != nil {
			continue // nothing behind it is delivered
		}
		if row.seq < int64(next) {
			p.before = true
			continue
		}
		p.add(row)
	}
	if err := r.close(); err != nil {
		s.link.check(session, err)
		return page{}, readError("read", err)
	}
	if n > 0 {
		s.saw(bucket)
	}
	p.more = n == limit && p.bad == nil && (p.head == 0 || int64(p.head) > row.seq)
	return p, nil
}

func (p *page) add(row *eventRow) {
	ev, err := row.event()
	if err != nil {
		p.bad, p.badSeq = err, eventstore.Position(row.seq)
		return
	}
	p.events = append(p.events, ev)
	p.bytes += ev.Size()
}

// eventRow is a row of selectEvents, with a place for every null that must not
// be there.
type eventRow struct {
	head    headColumn
	seq     int64
	id      driverUUID
	kind    kindColumn
	subject string
	time    time.Time
	meta    metaColumn
	data    string
	hash    hashColumn
	places  []any // of all of them, for every row
}

func newEventRow() *eventRow {
	r := new(eventRow)
	r.places = []any{&r.head, &r.seq, &r.id, &r.kind, &r.subject, &r.time, &r.meta, &r.data, &r.hash}
	return r
}

// event makes an event of the row: KindDamaged if it cannot be one.
func (r *eventRow) event() (eventstore.Event, error) {
	ev := eventstore.Event{
		Seq: eventstore.Position(r.seq), Type: string(r.kind), Subject: r.subject,
		Time: r.time.UTC(), Meta: eventstore.Meta(r.meta), Data: r.data,
	}
	copy(ev.ID[:], r.id[:])
	wrong := ""
	switch {
	case !r.hash.whole:
		wrong = "hash"
	case r.id == driverUUID{}:
		wrong = "id"
	case r.kind == "":
		wrong = "type"
	case r.subject == "":
		wrong = "subject"
	case r.time.IsZero():
		wrong = "time"
	case r.data == "":
		wrong = "data"
	}
	if wrong != "" {
		return ev, eventstore.NewError("read", eventstore.KindDamaged, fmt.Errorf("row %d cannot be an event: its %s is not one", r.seq, wrong))
	}
	ev.Hash = r.hash.hash
	return ev, nil
}
