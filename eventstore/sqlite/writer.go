package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// insertRows is how many rows one INSERT takes: enough that the cost of a
// statement vanishes, few enough that the rest of a batch does not dominate.
const insertRows = 32

// writer is the connection that writes, with everything prepared. One goroutine
// uses it at a time.
type writer struct {
	conn                    *sql.Conn
	begin, commit, rollback *sql.Stmt
	newest                  *sql.Stmt
	insertMany, insertOne   *sql.Stmt
	saveCursor              *sql.Stmt
}

const newestRow = "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"

func newWriter(ctx context.Context, conn *sql.Conn) (*writer, error) {
	w := &writer{conn: conn}
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&w.begin, "BEGIN IMMEDIATE"},
		{&w.commit, "COMMIT"},
		{&w.rollback, "ROLLBACK"},
		{&w.newest, newestRow},
		{&w.insertMany, insertStatement(insertRows)},
		{&w.insertOne, insertStatement(1)},
		{&w.saveCursor, "INSERT INTO cursors (subscriber, position, hash) VALUES (?, ?, ?) " +
			"ON CONFLICT (subscriber) DO UPDATE SET position = excluded.position, hash = excluded.hash"},
	} {
		stmt, err := conn.PrepareContext(ctx, p.text)
		if err != nil {
			return nil, err // the statements go with their connection
		}
		*p.stmt = stmt
	}
	return w, nil
}

func insertStatement(rows int) string {
	row := "(" + strings.Repeat("?, ", columnCount-1) + "?)"
	return "INSERT INTO events (" + columns + ") VALUES " + strings.Repeat(row+", ", rows-1) + row
}

// insert stores rows, given as the values of one after the other.
func (w *writer) insert(ctx context.Context, args []any) error {
	for stmt, n := w.insertMany, insertRows*columnCount; len(args) > 0; args = args[n:] {
		if len(args) < n {
			stmt, n = w.insertOne, columnCount
		}
		if _, err := stmt.ExecContext(ctx, args[:n]...); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) close() error {
	var failed []error
	for _, stmt := range []*sql.Stmt{w.begin, w.commit, w.rollback, w.newest, w.insertMany, w.insertOne, w.saveCursor} {
		failed = append(failed, stmt.Close())
	}
	return errors.Join(append(failed, w.conn.Close())...)
}
