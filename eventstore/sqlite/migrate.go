package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"openpayment/eventstore"
	"openpayment/schema"
)

// prepareFile makes sure, through the one connection that may write, that the
// file is a log of exactly the schema this program knows, and in WAL mode. It
// looks before it touches: a file of someone else's stays as it is.
func prepareFile(ctx context.Context, conn *sql.Conn, migrate bool) error {
	known, err := schema.SQLite()
	if err != nil {
		return err
	}
	missing, err := missingVersions(ctx, conn, known)
	if err != nil {
		return err
	}
	if len(missing) > 0 && !migrate {
		return eventstore.NewError("migrate", eventstore.KindInvalid, fmt.Errorf(
			"its schema lacks %s; start openpayment serve on it once, without --migrate=false, or apply these files of schema/sqlite, in this order, with the sqlite3 shell: %s",
			names(missing), files(missing)))
	}
	if err := useWAL(ctx, conn); err != nil {
		return err
	}
	if len(missing) == 0 {
		return nil
	}
	return applyMissing(ctx, conn, known)
}

// applyMissing brings the schema up to date in one transaction. Of several
// processes that start at once, one does it and the others find it done.
func applyMissing(ctx context.Context, conn *sql.Conn, known []schema.SQLiteVersion) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	missing, err := missingVersions(ctx, conn, known)
	for _, v := range missing {
		if _, failed := conn.ExecContext(ctx, v.Script); failed != nil {
			err = fmt.Errorf("schema version %d (%s): %w", v.Number, v.Name, failed)
			break
		}
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // the cause is reported
	}
	return err
}

// missingVersions is what the file lacks of the known versions. A file that has
// others, or holds tables but no versions, is refused.
func missingVersions(ctx context.Context, conn *sql.Conn, known []schema.SQLiteVersion) ([]schema.SQLiteVersion, error) {
	var tables, versioned int
	err := conn.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(name = 'schema_versions'), 0) FROM sqlite_schema WHERE type = 'table'").Scan(&tables, &versioned)
	if err != nil {
		return nil, err
	}
	switch {
	case tables == 0:
		return known, nil
	case versioned == 0:
		return nil, eventstore.NewError("migrate", eventstore.KindInvalid, errors.New("this SQLite database holds tables, but no event log: it belongs to another program"))
	}
	applied, err := appliedVersions(ctx, conn)
	if err != nil {
		return nil, err
	}
	var missing []schema.SQLiteVersion
	for _, v := range known {
		if !applied[v.Number] {
			missing = append(missing, v)
		}
		delete(applied, v.Number)
	}
	newest := 0
	for n := range applied {
		newest = max(newest, n)
	}
	if newest > 0 {
		return nil, eventstore.NewError("migrate", eventstore.KindInvalid, fmt.Errorf(
			"its schema is of version %d, and this program knows none later than %d: use a newer program", newest, len(known)))
	}
	return missing, nil
}

func appliedVersions(ctx context.Context, conn *sql.Conn) (map[int]bool, error) {
	rows, err := conn.QueryContext(ctx, "SELECT version FROM schema_versions")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	applied := make(map[int]bool)
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		applied[n] = true
	}
	return applied, rows.Err()
}

// useWAL switches the file to WAL mode, where it stays. For this SQLite wants
// the file to itself and, when two try at once, does not wait but gives up on
// one of them: hence another try, for as long as any lock is waited for.
func useWAL(ctx context.Context, conn *sql.Conn) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for began := time.Now(); ; pause.Reset(10 * time.Millisecond) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
		var mode string
		err := conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		switch {
		case err == nil && strings.EqualFold(mode, "wal"):
			return nil
		case err == nil:
			return eventstore.NewError("open", eventstore.KindInvalid, fmt.Errorf("it cannot be put into WAL mode (it stays in %q); is it on a network file system?", mode))
		case !isBusy(err) || time.Since(began) > busyTimeout:
			return err
		}
	}
}

func names(versions []schema.SQLiteVersion) string {
	words := make([]string, len(versions))
	for i, v := range versions {
		words[i] = fmt.Sprintf("version %d (%s)", v.Number, v.Name)
	}
	return strings.Join(words, ", ")
}

func files(versions []schema.SQLiteVersion) string {
	words := make([]string, len(versions))
	for i, v := range versions {
		words[i] = v.File
	}
	return strings.Join(words, ", ")
}
