package sqlite

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// lock makes another connection hold the lock for writing until the returned
// function is called.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	conn, err := other(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
	}
}

// onWriter runs a statement on the connection that writes.
func onWriter(t *testing.T, s *Store, statement string) {
	t.Helper()
	w := <-s.writer
	defer func() { s.writer <- w }()
	if _, err := w.conn.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestAFileThatStaysLockedIsUnavailableAndThenWorksAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	onWriter(t, s, "PRAGMA busy_timeout = 1")
	unlock := lock(t, path)
	batch := eventstoretest.NewBatch(eventstore.Head{}, noon, 2)
	if err := s.Append(t.Context(), eventstore.Head{}, batch); eventstore.KindOf(err) != eventstore.KindUnavailable {
		t.Errorf("append: %v", err)
	}
	if err := s.SaveCursor(t.Context(), "c", eventstore.Head{}); eventstore.KindOf(err) != eventstore.KindUnavailable {
		t.Errorf("save cursor: %v", err)
	}
	if _, err := s.Head(t.Context()); err != nil { // readers are not in the way
		t.Errorf("head: %v", err)
	}
	unlock()
	if err := s.Append(t.Context(), eventstore.Head{}, batch); err != nil {
		t.Error(err)
	}
}

func TestAContextThatEndsWhileWaitingForTheLockIsUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	unlock := lock(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	batch := eventstoretest.NewBatch(eventstore.Head{}, noon, 2)
	began := time.Now()
	if err := s.Append(ctx, eventstore.Head{}, batch); eventstore.KindOf(err) != eventstore.KindUnavailable {
		t.Errorf("append: %v", err)
	}
	if waited := time.Since(began); waited >= busyTimeout {
		t.Errorf("it waited %s", waited)
	}
	unlock()
	if head, err := s.Head(t.Context()); err != nil || head != (eventstore.Head{}) {
		t.Errorf("head %v (%v)", head, err)
	}
	if err := s.Append(t.Context(), eventstore.Head{}, batch); err != nil {
		t.Error(err)
	}
}

func TestCloseCutsOffAnAppendThatWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	unlock := lock(t, path)
	answer := make(chan error, 1)
	go func() { // ends with its answer
		answer <- s.Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, noon, 2))
	}()
	for len(s.writer) > 0 && len(answer) == 0 { // until it has got the connection
		runtime.Gosched()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-answer; eventstore.KindOf(err) != eventstore.KindUnavailable {
		t.Errorf("append: %v", err)
	}
	unlock()
}

// A deferred foreign key is checked by COMMIT, and so makes it fail.
func TestACommitThatFailsIsOfUnknownOutcome(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	shell(t, path, `
		CREATE TABLE parents (id INTEGER PRIMARY KEY);
		CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
		CREATE TRIGGER orphan AFTER INSERT ON events BEGIN INSERT INTO children VALUES (NEW.seq); END`)
	onWriter(t, s, "PRAGMA foreign_keys = ON")
	batch := eventstoretest.NewBatch(eventstore.Head{}, noon, 2)
	if err := s.Append(t.Context(), eventstore.Head{}, batch); eventstore.KindOf(err) != eventstore.KindUnknown {
		t.Errorf("append: %v", err)
	}
	shell(t, path, "DROP TRIGGER orphan")
	if err := s.Append(t.Context(), eventstore.Head{}, batch); err != nil { // the identical batch
		t.Error(err)
	}
	eventstoretest.CheckInvariants(t, s)
}

func TestAnErrorInsideTheTransactionLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	shell(t, path, "CREATE TRIGGER no BEFORE INSERT ON events WHEN NEW.seq = 40 BEGIN SELECT RAISE(ABORT, 'no'); END")
	batch := eventstoretest.NewBatch(eventstore.Head{}, noon, 50)
	if err := s.Append(t.Context(), eventstore.Head{}, batch); eventstore.KindOf(err) != eventstore.KindInvalid {
		t.Errorf("append: %v", err)
	}
	if head, err := s.Head(t.Context()); err != nil || head.Position != 0 {
		t.Errorf("head %v (%v)", head, err)
	}
	shell(t, path, "DROP TRIGGER no")
	if err := s.Append(t.Context(), eventstore.Head{}, batch); err != nil {
		t.Error(err)
	}
}

func TestAContextThatEndsInsideTheTransactionLeavesNothing(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "log.db"))
	rows, err := encodeRows(eventstoretest.NewBatch(eventstore.Head{}, noon, 2))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = s.transaction(ctx, "append", func(ctx context.Context, w *writer) error {
		cancel()
		return w.insert(ctx, rows.values)
	})
	if eventstore.KindOf(err) != eventstore.KindUnavailable {
		t.Errorf("append: %v", err)
	}
	if head, err := s.Head(t.Context()); err != nil || head.Position != 0 {
		t.Errorf("head %v (%v)", head, err)
	}
}
