package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/schema"
)

func TestEveryVersionIsAppliedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	for range 2 {
		mustOpen(t, path).Close()
		var n, newest int
		if err := other(t, path).QueryRow("SELECT count(*), max(version) FROM schema_versions").Scan(&n, &newest); err != nil {
			t.Fatal(err)
		}
		if known := versions(t); n != len(known) || newest != len(known) {
			t.Errorf("%d versions, the newest %d, want %d", n, newest, len(known))
		}
	}
}

func TestWithoutMigrationsAFileThatLacksVersionsIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	refused(t, Config{Path: path}, eventstore.KindInvalid, "no such file", "--migrate=false")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it was made: %v", err)
	}
	writeFile(t, path, "") // an empty file is an empty database
	refused(t, Config{Path: path}, eventstore.KindInvalid, "version 1 (events), version 2 (cursors), version 3 (snapshots), version 4 (subscriptions)", "--migrate=false",
		"0001_events.sql, 0002_cursors.sql, 0003_snapshots.sql, 0004_subscriptions.sql")

	shell(t, path, versions(t)[0].Script) // by hand
	refused(t, Config{Path: path}, eventstore.KindInvalid, "lacks version 2 (cursors), version 3 (snapshots)", "0002_cursors.sql, 0003_snapshots.sql")
	mustOpen(t, path).Close() // the rest
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestAFileAppliedByHandIsAsGood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	for _, v := range versions(t) {
		shell(t, path, v.Script)
	}
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, noon, 2)); err != nil {
		t.Error(err)
	}
}

func TestAFileOfANewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	mustOpen(t, path).Close()
	shell(t, path, "INSERT INTO schema_versions VALUES (99, 'of tomorrow', '2027-01-01T00:00:00.000Z')")
	for _, migrate := range []bool{true, false} {
		refused(t, Config{Path: path, Migrate: migrate}, eventstore.KindInvalid, "version 99", "newer program")
	}
}

func TestAMigrationThatFailsLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	shell(t, path, versions(t)[0].Script)
	shell(t, path, "CREATE TABLE cursors (in_the_way)")
	if s, err := Open(t.Context(), Config{Path: path, Migrate: true}); err == nil {
		s.Close()
		t.Fatal("it was opened")
	}
	var n int
	if err := other(t, path).QueryRow("SELECT count(*) FROM schema_versions").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d versions (%v), want 1", n, err)
	}
}

func versions(t *testing.T) []schema.SQLiteVersion {
	t.Helper()
	known, err := schema.SQLite()
	if err != nil {
		t.Fatal(err)
	}
	return known
}
