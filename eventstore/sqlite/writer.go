package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
)

// insertRows is how many rows one INSERT takes: enough that the cost of a statement
// vanishes, and for the rest of a batch fewer and fewer.
var insertRows = [...]int{64, 16, 4, 1}

// writer is the connection that writes, with everything prepared. One goroutine
// uses it at a time.
type writer struct {
	conn                    *sql.Conn
	begin, commit, rollback *sql.Stmt
	newest                  *sql.Stmt
	inserts                 [len(insertRows)]driver.Stmt // of insertRows
	saveCursor              *sql.Stmt
	saveChunk, saveManifest *sql.Stmt
	dropManifest            *sql.Stmt
	dropChunks              *sql.Stmt

	point                              *sql.Stmt // that a subscription is at
	saveSubscription, dropSubscription *sql.Stmt
	acknowledge, dropCursor            *sql.Stmt

	statements []*sql.Stmt // all of them, to be closed
}

// prepared says where the statement made of a text goes.
type prepared struct {
	stmt **sql.Stmt
	text string
}

const newestRow = "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"

func newWriter(ctx context.Context, conn *sql.Conn) (*writer, error) {
	w := &writer{conn: conn}
	for _, p := range []prepared{
		{&w.begin, "BEGIN IMMEDIATE"},
		{&w.commit, "COMMIT"},
		{&w.rollback, "ROLLBACK"},
		{&w.newest, newestRow},
		{&w.saveCursor, "INSERT INTO cursors (subscriber, position, hash) VALUES (?, ?, ?) " +
			"ON CONFLICT (subscriber) DO UPDATE SET position = excluded.position, hash = excluded.hash"},
		{&w.saveChunk, saveChunk},
		{&w.saveManifest, saveManifest},
		{&w.dropManifest, dropManifest},
		{&w.dropChunks, dropChunks},
		{&w.point, pointRow},
		{&w.saveSubscription, saveSubscription},
		{&w.dropSubscription, dropSubscription},
		{&w.acknowledge, acknowledge},
		{&w.dropCursor, dropCursor},
	} {
		stmt, err := conn.PrepareContext(ctx, p.text)
		if err != nil {
			return nil, err // the statements go with their connection
		}
		*p.stmt = stmt
		w.statements = append(w.statements, stmt)
	}
	if err := w.prepareInserts(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// prepareInserts prepares the statements of insertRows with the driver itself.
func (w *writer) prepareInserts(ctx context.Context) error {
	return w.conn.Raw(func(raw any) (err error) {
		for i, rows := range insertRows {
			if w.inserts[i], err = raw.(driver.ConnPrepareContext).PrepareContext(ctx, insertStatement(rows)); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertStatement(rows int) string {
	row := "(" + strings.Repeat("?, ", columnCount-1) + "?)"
	return "INSERT INTO events (" + columns + ") VALUES " + strings.Repeat(row+", ", rows-1) + row
}

// insert stores rows, given as the values of one after the other. It goes to the driver
// past database/sql, which makes each value anew.
func (w *writer) insert(ctx context.Context, values []driver.NamedValue) error {
	return w.conn.Raw(func(any) error {
		for i, rows := range insertRows {
			for n := rows * columnCount; len(values) >= n; values = values[n:] {
				part := values[:n]
				for j := range part {
					part[j].Ordinal = j + 1
				}
				if _, err := w.inserts[i].(driver.StmtExecContext).ExecContext(ctx, part); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (w *writer) close() error {
	var failed []error
	for _, stmt := range w.statements {
		failed = append(failed, stmt.Close())
	}
	failed = append(failed, w.conn.Raw(func(any) error {
		var failed []error
		for _, stmt := range w.inserts {
			failed = append(failed, stmt.Close())
		}
		return errors.Join(failed...)
	}))
	return errors.Join(append(failed, w.conn.Close())...)
}
