package bench

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"time"

	"openpayment/eventstore"
)

const (
	sqliteColumns = "seq, id, type, subject, time, meta, data, hash"
	sqliteTime    = "2006-01-02T15:04:05.000Z"
	// transactionRows is how many rows the driver alone puts into one transaction, at most.
	transactionRows = 400
	// insertRows is how many of them one INSERT takes.
	insertRows = 40
)

func (b *beside) raw() driver {
	return driver{
		appendsBy: fmt.Sprintf("transactions of as many rows as there are callers, %d at most", transactionRows),
		appends:   b.rawAppends,
		scansBy:   "a SELECT of all rows",
		scan:      b.rawScan,
		rows:      b.rawRows,
	}
}

// file opens the file of a log with the service's settings, once.
func (b *beside) file(ctx context.Context, log string) (*sql.DB, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if db := b.files[log]; db != nil {
		return db, nil
	}
	store, err := b.Open(ctx, log) // which makes the table
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	db, err := openFile(b.path(log), url.Values{"mode": {"rw"}, "_busy_timeout": {"5000"}, "_synchronous": {"FULL"}})
	if err == nil {
		b.files[log] = db
	}
	return db, err
}

func (b *beside) rawAppends(ctx context.Context, n int) (side, error) {
	db, err := b.file(ctx, "raw")
	if err != nil {
		return nil, err
	}
	t := &transactions{rows: min(n, transactionRows)}
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&t.last); err != nil {
		return nil, err
	}
	t.db = db
	for _, rows := range []int{1, insertRows} {
		stmt, err := db.PrepareContext(ctx, insertStatement(rows))
		if err != nil {
			return nil, err
		}
		t.inserts = append(t.inserts, insert{stmt, rows})
	}
	return t.run, nil
}

func insertStatement(rows int) string {
	const one = "(?, ?, ?, ?, ?, ?, ?, ?)"
	return "INSERT INTO events (" + sqliteColumns + ") VALUES " + one + strings.Repeat(", "+one, rows-1)
}

// transactions adds so many rows at a time, by as few statements as it takes.
type transactions struct {
	db      *sql.DB
	inserts []insert // of one row, of many
	rows    int
	last    int64
}

type insert struct {
	stmt *sql.Stmt
	rows int
}

func (t *transactions) run(ctx context.Context, span time.Duration) (sample, error) {
	s := sample{latency: newLatencies()}
	began := time.Now()
	for now := began; now.Sub(began) < span; {
		if err := t.one(ctx); err != nil {
			return s, err
		}
		then := time.Now()
		_ = s.latency.RecordValues(int64(then.Sub(now)), int64(t.rows))
		s.ops += int64(t.rows)
		now = then
	}
	s.took = time.Since(began)
	return s, nil
}

func (t *transactions) one(ctx context.Context) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // without effect once it is committed
	for left := t.rows; left > 0; {
		in := t.inserts[0]
		if left >= insertRows {
			in = t.inserts[1]
		}
		args := make([]any, 0, 8*in.rows)
		for range in.rows {
			t.last++
			args = append(args, sqliteRow(row(t.last))...)
		}
		if _, err := tx.StmtContext(ctx, in.stmt).ExecContext(ctx, args...); err != nil {
			return err
		}
		left -= in.rows
	}
	return tx.Commit()
}

// sqliteRow is a row of the table.
func sqliteRow(ev eventstore.Event) []any {
	return []any{
		int64(ev.Seq), ev.ID.String(), ev.Type, ev.Subject, ev.Time.UTC().Format(sqliteTime),
		`{"actor":"` + ev.Meta.Get("actor") + `","requestId":"` + ev.Meta.Get("requestId") + `"}`, ev.Data, ev.Hash.String(),
	}
}

func (b *beside) rawScan(ctx context.Context, log string, events int) error {
	db, err := b.file(ctx, log)
	if err != nil {
		return err
	}
	n, err := readAll(db.QueryContext(ctx, "SELECT "+sqliteColumns+" FROM events ORDER BY seq"))
	if err != nil {
		return err
	}
	return allThere(n, events)
}

func (b *beside) rawRows(ctx context.Context, log string, at []eventstore.Position) error {
	db, err := b.file(ctx, log)
	if err != nil {
		return err
	}
	args := make([]any, len(at))
	for i, p := range at {
		args[i] = int64(p)
	}
	n, err := readAll(db.QueryContext(ctx, "SELECT "+sqliteColumns+" FROM events WHERE seq IN (?"+strings.Repeat(", ?", len(at)-1)+") ORDER BY seq", args...))
	if err != nil {
		return err
	}
	return allThere(n, len(at))
}

// readAll reads all columns of all rows, and counts these.
func readAll(rows *sql.Rows, err error) (n int, _ error) {
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var seq int64
	var id, kind, subject, at, meta, data, hash string
	for rows.Next() {
		if err := rows.Scan(&seq, &id, &kind, &subject, &at, &meta, &data, &hash); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// allThere is an error if a scan has not read what it should.
func allThere(n, want int) error {
	if n != want {
		return fmt.Errorf("%d rows were read, %d are there", n, want)
	}
	return nil
}
