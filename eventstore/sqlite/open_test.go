package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// mustOpen opens path, and creates what is missing.
func mustOpen(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// refused opens what Open must refuse, with this kind and these words.
func refused(t *testing.T, cfg Config, kind eventstore.Kind, words ...string) {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	if err == nil {
		s.Close()
		t.Fatalf("%q was opened", cfg.Path)
	}
	if got := eventstore.KindOf(err); got != kind {
		t.Errorf("%v: kind %q, want %q", err, got, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func TestPathsMayHoldAnyCharacters(t *testing.T) {
	for _, name := range []string{
		"plain.db", "with space.db", "what?.db", "what?mode=memory&cache=shared", "100%.db", "%41.db", "a#b.db",
		"Zürich 漢字 😀.db", "semi;colon&and=is+.db", "it's \"quoted\".db", ":memory:", "file:x.db", "back\\slash", "-dash", "new\nline",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			s := mustOpen(t, path)
			if err := s.Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, noon, 2)); err != nil {
				t.Fatal(err)
			}
			s.Close()
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 || entries[0].Name() != name {
				t.Errorf("the directory holds %v (%v), want just %q", entries, err, name)
			}
			eventstoretest.CheckInvariants(t, mustOpen(t, path))
		})
	}
}

func TestARelativePathIsFoundAgainFromAnotherDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	s := mustOpen(t, "log.db")
	t.Chdir(t.TempDir())
	if err := s.Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, noon, 1)); err != nil {
		t.Error(err)
	}
	if _, err := s.Head(t.Context()); err != nil { // a connection made only now
		t.Error(err)
	}
}

func TestAPathThatWillNotDoIsRefusedWithTheReason(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	writeFile(t, file, "")
	refused(t, Config{Path: ""}, eventstore.KindInvalid, "no path")
	refused(t, Config{Path: "a\x00b"}, eventstore.KindInvalid, "no path")
	refused(t, Config{Path: filepath.Join(dir, "absent", "log.db"), Migrate: true}, eventstore.KindInvalid, "absent", "directory", "create it first")
	refused(t, Config{Path: filepath.Join(file, "log.db"), Migrate: true}, eventstore.KindInvalid, "directory")
	refused(t, Config{Path: dir, Migrate: true}, eventstore.KindInvalid, "not a file")
}

func TestAFileThatIsNoSQLiteDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	for name, content := range map[string]string{
		"short": "hello",
		"long":  strings.Repeat("not a database\n", 1000),
	} {
		path := filepath.Join(t.TempDir(), name)
		writeFile(t, path, content)
		refused(t, Config{Path: path, Migrate: true}, eventstore.KindDamaged, path, "not a SQLite database")
		if after, err := os.ReadFile(path); err != nil || string(after) != content {
			t.Errorf("%s was changed (%v)", name, err)
		}
	}
}

func TestADatabaseOfAnotherProgramIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	shell(t, path, "CREATE TABLE photos (x)")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, Config{Path: path, Migrate: true}, eventstore.KindInvalid, "another program")
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("it was changed (%v)", err)
	}
}

func TestAFileThatCannotBeWrittenIsRefused(t *testing.T) {
	if os.Geteuid() == 0 {
		// For root nothing is read-only; a directory in the WAL's place is as bad.
		path := filepath.Join(t.TempDir(), "log.db")
		if err := os.Mkdir(path+"-wal", 0o700); err != nil {
			t.Fatal(err)
		}
		refused(t, Config{Path: path, Migrate: true}, eventstore.KindUnavailable, path)
		return
	}
	path := filepath.Join(t.TempDir(), "log.db")
	writeFile(t, path, "")
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	refused(t, Config{Path: path, Migrate: true}, eventstore.KindInvalid, path)
}

func TestManyMayOpenANewFileAtOnce(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "log.db")
		var group errgroup.Group
		start := make(chan struct{})
		stores := make([]*Store, 6)
		for i := range stores {
			group.Go(func() (err error) {
				<-start
				stores[i], err = Open(t.Context(), Config{Path: path, Migrate: true})
				return err
			})
		}
		close(start)
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		for _, s := range stores {
			defer s.Close()
			if _, err := s.Head(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// Switching to WAL mode is where SQLite does not wait by itself.
func TestOpenWaitsForAnotherWhoIsJustMakingTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	for _, v := range versions(t) {
		shell(t, path, v.Script) // not in WAL mode
	}
	unlock := lock(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s, err := Open(ctx, Config{Path: path})
	if err == nil {
		s.Close()
	}
	if eventstore.KindOf(err) != eventstore.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it did not wait: %v", err)
	}
	unlock()
	mustOpen(t, path)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
