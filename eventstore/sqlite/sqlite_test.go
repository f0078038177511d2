package sqlite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/internal/leaktest"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 6_000_000, time.UTC)

// TestMain lets the test program be the other process on a file as well.
func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		if err := child(context.Background(), path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(leaktest.Run(m))
}

const (
	childPath    = "OPENPAYMENT_TEST_SQLITE_CHILD" // the file; not set in the parent
	childBatches = 40
	childSize    = 5
)

// child opens the file, making it if it is the first, and gets its batches in.
func child(ctx context.Context, path string) error {
	s, err := Open(ctx, Config{Path: path, Migrate: true})
	if err != nil {
		return err
	}
	defer s.Close()
	for done := 0; done < childBatches; {
		head, err := s.Head(ctx)
		if err != nil {
			return err
		}
		batch := eventstoretest.NewBatch(head, noon, childSize, func(i int, ev *eventstore.Event) {
			ev.Subject = fmt.Sprintf("processes/%d", os.Getpid())
		})
		switch err := s.Append(ctx, head, batch); {
		case err == nil:
			done++
		case eventstore.KindOf(err) != eventstore.KindConflict:
			return err
		}
	}
	return nil
}

func TestSeveralProcessesOnOneFileConflictCleanly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	const processes = 3
	var children [processes]*exec.Cmd
	var output [processes]strings.Builder
	for i := range children {
		children[i] = exec.CommandContext(t.Context(), os.Args[0])
		children[i].Env = append(os.Environ(), childPath+"="+path)
		children[i].Stderr = &output[i]
		if err := children[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range children {
		if err := c.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, output[i].String())
		}
	}
	s := mustOpen(t, path)
	eventstoretest.CheckInvariants(t, s)
	if head, err := s.Head(t.Context()); err != nil || head.Position != processes*childBatches*childSize {
		t.Errorf("the head is %d (%v), want %d", head.Position, err, processes*childBatches*childSize)
	}
}

func TestAShellReadsEventsWhileTheStoreIsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	batch := eventstoretest.NewBatch(eventstore.Head{}, noon, 1, func(_ int, ev *eventstore.Event) {
		ev.ID = uuid.MustParse("0198C3F2-7A1C-7C11-9D6E-2F1F3F6F7A11")
		ev.Meta = eventstore.MetaOf(map[string]string{"b": "2", "a": "1"})
	})
	if err := s.Append(t.Context(), eventstore.Head{}, batch); err != nil {
		t.Fatal(err)
	}
	var row [8]string
	err := other(t, path).QueryRow("SELECT seq, id, type, subject, time, meta, data, hash FROM events").
		Scan(&row[0], &row[1], &row[2], &row[3], &row[4], &row[5], &row[6], &row[7])
	if err != nil {
		t.Fatal(err)
	}
	want := [8]string{"1", "0198c3f2-7a1c-7c11-9d6e-2f1f3f6f7a11", "test.happened", "tests/1", "2026-01-02T12:00:00.006Z",
		`{"a":"1","b":"2"}`, `{"n":1}`, batch[0].Hash.String()}
	if row != want {
		t.Errorf("the row is\n%q, want\n%q", row, want)
	}
}

// A reader that stopped in the middle of a long read must not keep the WAL from
// being written back: the checkpoint finds nobody in its way.
func TestASlowReaderHoldsNoTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	var head eventstore.Head
	for range 3 {
		batch := eventstoretest.NewBatch(head, noon, pageRows)
		if err := s.Append(t.Context(), head, batch); err != nil {
			t.Fatal(err)
		}
		head = batch[pageRows-1].Head()
	}
	n := 0
	for _, err := range s.Read(t.Context(), 0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%700 == 1 {
			var busy, pages, done int
			if err := other(t, path).QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done); err != nil || busy != 0 {
				t.Errorf("after %d events the checkpoint was blocked (%d, %v)", n, busy, err)
			}
		}
	}
	if n != 3*pageRows {
		t.Errorf("read %d events", n)
	}
}

func TestAPageOfLargeEventsEndsEarlyAndNothingIsLost(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "log.db"))
	var head eventstore.Head
	const batches, size = 6, 15 // of 64 KiB each: more than one page of bytes
	for range batches {
		batch := eventstoretest.NewBatch(head, noon, size, func(_ int, ev *eventstore.Event) {
			ev.Data = strings.Repeat("7", eventstore.MaxDataBytes)
		})
		if err := s.Append(t.Context(), head, batch); err != nil {
			t.Fatal(err)
		}
		head = batch[size-1].Head()
	}
	page, more, err := s.page(t.Context(), nil, 0, pageRows)
	if err != nil || !more || len(page) >= batches*size {
		t.Errorf("the first page has %d events (more %t, %v)", len(page), more, err)
	}
	if n := s.readers.Stats().InUse; n != 0 {
		t.Errorf("%d connections are still reading", n)
	}
	eventstoretest.CheckInvariants(t, s)
}
