package sqlite

import (
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

const (
	columns     = "seq, id, type, subject, time, meta, data, hash"
	columnCount = 8
	timeLayout  = "2006-01-02T15:04:05.000Z" // always of UTC
)

// rowScanner reads rows of columns, each into the places that it has made once.
type rowScanner struct {
	seq                                     int64
	id, kind, subject, at, meta, data, hash string
	places                                  []any
}

func newRowScanner() *rowScanner {
	r := new(rowScanner)
	r.places = []any{&r.seq, &r.id, &r.kind, &r.subject, &r.at, &r.meta, &r.data, &r.hash}
	return r
}

// scan reads a row. An error other than the driver's means that the row cannot be an
// event.
func (r *rowScanner) scan(rows *sql.Rows) (ev eventstore.Event, err error) {
	r.seq = 0
	err = rows.Scan(r.places...)
	ev.Seq = eventstore.Position(r.seq)
	if err != nil {
		return ev, err
	}
	ev.Type, ev.Subject, ev.Data = r.kind, r.subject, r.data
	var failed [4]error
	ev.ID, failed[0] = uuid.Parse(r.id)
	ev.Time, failed[1] = readTime(r.at)
	ev.Meta, failed[2] = decodeMeta(r.meta)
	ev.Hash, failed[3] = eventstore.ParseHash(r.hash)
	return ev, errors.Join(failed[:]...)
}

// readTime reads what is in the layout at once, and leaves everything else to
// [time.Parse], which takes its time.
func readTime(text string) (time.Time, error) {
	const layout = "0000-00-00T00:00:00.000Z" // of digits
	if len(text) != len(layout) {
		return time.Parse(timeLayout, text)
	}
	var number [7]int // year to milliseconds
	field := 0
	for i := range len(layout) {
		switch digit := int(text[i]) - '0'; {
		case layout[i] != '0' && text[i] == layout[i]:
			field++
		case layout[i] == '0' && digit >= 0 && digit <= 9:
			number[field] = number[field]*10 + digit
		default:
			return time.Parse(timeLayout, text)
		}
	}
	year, month, day := number[0], time.Month(number[1]), number[2]
	hour, minute, second := number[3], number[4], number[5]
	t := time.Date(year, month, day, hour, minute, second, number[6]*int(time.Millisecond), time.UTC)
	if hour > 23 || minute > 59 || second > 59 || t.Month() != month || t.Day() != day {
		return time.Parse(timeLayout, text)
	}
	return t, nil
}
