package sqlite

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

func TestSQLiteIsABackend(t *testing.T) {
	eventstoretest.Run(t, newStorage)
}

func newStorage(t testing.TB, _ int) eventstoretest.Storage {
	return storage{filepath.Join(t.TempDir(), "log.db")}
}

// storage is a file. What is done behind the backend's back is done through a
// connection of its own, as the sqlite3 shell would.
type storage struct{ path string }

func (s storage) Open(ctx context.Context) (eventstore.Store, error) {
	return Open(ctx, Config{Path: s.path, Migrate: true})
}

func (s storage) Replace(t testing.TB, ev eventstore.Event) {
	row := encoded(t, ev)
	shell(t, s.path, "UPDATE events SET (id, type, subject, time, meta, data, hash) = (?2, ?3, ?4, ?5, ?6, ?7, ?8) WHERE seq = ?1", row...)
}

// encoded is the row of an event.
func encoded(t testing.TB, ev eventstore.Event) (row []any) {
	t.Helper()
	rows, err := encodeRows([]eventstore.Event{ev})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range rows.values {
		row = append(row, v.Value)
	}
	return row
}

func (s storage) Remove(t testing.TB, seq eventstore.Position) {
	shell(t, s.path, "DELETE FROM events WHERE seq = ?", int64(seq))
}

func (s storage) Garble(t testing.TB, seq eventstore.Position) {
	shell(t, s.path, "UPDATE events SET hash = 'abc' WHERE seq = ?", int64(seq))
}

func (s storage) GarbleChunk(t testing.TB, snapshot uuid.UUID, number int) {
	var data []byte
	if err := other(t, s.path).QueryRow("SELECT data FROM snapshot_chunks WHERE snapshot = ? AND chunk = ?", snapshot.String(), number).Scan(&data); err != nil {
		t.Fatal(err)
	}
	data[0] ^= 1
	shell(t, s.path, "UPDATE snapshot_chunks SET data = ? WHERE snapshot = ? AND chunk = ?", data, snapshot.String(), number)
}

func (s storage) RemoveChunk(t testing.TB, snapshot uuid.UUID, number int) {
	shell(t, s.path, "DELETE FROM snapshot_chunks WHERE snapshot = ? AND chunk = ?", snapshot.String(), number)
}

func (s storage) GarbleManifest(t testing.TB, snapshot uuid.UUID) {
	shell(t, s.path, "UPDATE snapshots SET digest = 'abc' WHERE snapshot = ?", snapshot.String())
}

// other is a connection that is not a Store's.
func other(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := database(path, 1, url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// shell runs one statement.
func shell(t testing.TB, path, statement string, args ...any) {
	t.Helper()
	db := other(t, path)
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	db.Close()
}
