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

// appendRow adds the values of ev's row to args, in the order of columns.
func appendRow(args []any, ev eventstore.Event) ([]any, error) {
	meta, err := encodeMeta(ev.Meta)
	if err != nil {
		return nil, err
	}
	return append(args,
		int64(ev.Seq), ev.ID.String(), ev.Type, ev.Subject, ev.Time.UTC().Format(timeLayout), meta, ev.Data, ev.Hash.String()), nil
}

// scanRow reads a row of columns. An error other than the driver's means that
// the row cannot be an event.
func scanRow(rows *sql.Rows) (ev eventstore.Event, err error) {
	var id, at, meta, hash string
	if err := rows.Scan(&ev.Seq, &id, &ev.Type, &ev.Subject, &at, &meta, &ev.Data, &hash); err != nil {
		return ev, err
	}
	var failed [4]error
	ev.ID, failed[0] = uuid.Parse(id)
	ev.Time, failed[1] = time.Parse(timeLayout, at)
	ev.Meta, failed[2] = decodeMeta(meta)
	ev.Hash, failed[3] = eventstore.ParseHash(hash)
	return ev, errors.Join(failed[:]...)
}
