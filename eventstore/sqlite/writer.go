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
		{&w.insertMany, insertStatement(insertRows)},
		{&w.insertOne, insertStatement(1)},
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
	for _, stmt := range w.statements {
		failed = append(failed, stmt.Close())
	}
	return errors.Join(append(failed, w.conn.Close())...)
}
