package sqlite

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// encodedRows are the rows of a batch as the driver takes them. The values of one stand
// after those of the other, each row's in the order of columns.
type encodedRows struct {
	values []driver.NamedValue
	text   strings.Builder // what values point into

	at   time.Time // an event's
	when any       // the same as text
	kind any       // an event's type
}

// textSize is how much of text an event takes: its id, its hash, and mostly no more meta
// than that.
const textSize = 36 + 64 + 100

// rowsRoom keeps memory for values: that of a thousand rows is a third of a megabyte.
var rowsRoom = sync.Pool{New: func() any { return new(encodedRows) }}

// encodeRows makes the rows of a batch. They are to be freed.
func encodeRows(batch []eventstore.Event) (*encodedRows, error) {
	rows := rowsRoom.Get().(*encodedRows)
	rows.text.Grow(len(batch) * textSize)
	for i := range batch {
		if err := rows.add(&batch[i]); err != nil {
			rows.free()
			return nil, fmt.Errorf("event %d: %w", batch[i].Seq, err)
		}
	}
	return rows, nil
}

// free takes the memory back.
func (r *encodedRows) free() {
	clear(r.values)
	*r = encodedRows{values: r.values[:0]}
	rowsRoom.Put(r)
}

// add adds the row of an event. Those of one batch mostly have the same time and type.
func (r *encodedRows) add(ev *eventstore.Event) error {
	meta, err := r.meta(ev.Meta)
	if err != nil {
		return err
	}
	if r.when == nil || !ev.Time.Equal(r.at) {
		r.at, r.when = ev.Time, ev.Time.UTC().Format(timeLayout)
	}
	if kind, _ := r.kind.(string); r.kind == nil || kind != ev.Type {
		r.kind = ev.Type
	}
	for _, value := range [columnCount]any{
		int64(ev.Seq), r.id(ev.ID), r.kind, ev.Subject, r.when, meta, ev.Data, r.hash(ev.Hash),
	} {
		r.values = append(r.values, driver.NamedValue{Value: value})
	}
	return nil
}

// id is as [uuid.UUID.String] has it.
func (r *encodedRows) id(id uuid.UUID) string {
	from := r.text.Len()
	for i, size := range [...]int{4, 2, 2, 2, 6} {
		if i > 0 {
			r.text.WriteByte('-')
		}
		r.hex(id[:size])
		copy(id[:], id[size:])
	}
	return r.text.String()[from:]
}

func (r *encodedRows) hash(h eventstore.Hash) string {
	from := r.text.Len()
	r.hex(h[:])
	return r.text.String()[from:]
}

func (r *encodedRows) hex(b []byte) {
	var digits [2 * len(eventstore.Hash{})]byte
	r.text.Write(digits[:hex.Encode(digits[:], b)])
}

// meta is a JSON object with sorted keys, fit to be read.
func (r *encodedRows) meta(meta eventstore.Meta) (string, error) {
	from := r.text.Len()
	if writePlainMeta(&r.text, meta) {
		return r.text.String()[from:], nil
	}
	return encodeAnyMeta(meta)
}
