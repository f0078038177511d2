package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
)

func TestExportImportExportGivesTheSameBytes(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		const n = 2500
		events := fill(t, store, n)
		for _, ending := range []string{"", ".gz", ".zst"} {
			dir := t.TempDir()
			first, second := filepath.Join(dir, "first.jsonl"+ending), filepath.Join(dir, "second.jsonl"+ending)
			succeed(t, "log", "export", first, "--store", store)
			copied := "sqlite:" + filepath.Join(dir, "copy.db")
			out := succeed(t, "log", "import", first, "--store", copied)
			if !strings.Contains(out, "imported 2500 events") || !strings.Contains(out, events[n-1].Hash.String()) {
				t.Error(out)
			}
			succeed(t, "log", "export", second, "--store", copied)
			if content(t, first) != content(t, second) {
				t.Errorf("%q: the files differ", ending)
			}
			if ending == "" && strings.Count(content(t, first), "\n") != n {
				t.Errorf("%d lines", strings.Count(content(t, first), "\n"))
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	})
}

func TestAnImportIntoEachStore(t *testing.T) {
	from := stores["sqlite"](t)
	fill(t, from, 2500)
	file := filepath.Join(t.TempDir(), "log.jsonl.zst")
	succeed(t, "log", "export", file, "--store", from)
	onEachStore(t, func(t *testing.T, store string) {
		succeed(t, "log", "import", file, "--store", store)
		if a, b := succeed(t, "log", "export", "-", "--store", from), succeed(t, "log", "export", "-", "--store", store); a != b {
			t.Error("the logs differ")
		}
		fail(t, exitFailed, "not empty", "log", "import", file, "--store", store)
		if out := succeed(t, "log", "import", file, "--resume", "--store", store); !strings.Contains(out, "imported 0 events") {
			t.Error(out)
		}
	})
}

func TestAnImportThatIsNotWholeIsTakenUpAgain(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		from := stores["sqlite"](t)
		fill(t, from, 2500)
		file := filepath.Join(t.TempDir(), "log.jsonl")
		succeed(t, "log", "export", file, "--store", from)
		text := content(t, file)
		half := filepath.Join(t.TempDir(), "half.jsonl")
		if err := os.WriteFile(half, []byte(text[:len(text)/2]), 0o600); err != nil {
			t.Fatal(err)
		}
		fail(t, exitFailed, "the file ends in the middle", "log", "import", half, "--store", store)
		if r := verified(t, store, exitOK); r.Head.Seq != 1000 {
			t.Errorf("%d events of half a file", r.Head.Seq)
		}
		if out := succeed(t, "log", "import", file, "--resume", "--store", store); !strings.Contains(out, "imported 1500 events") {
			t.Error(out)
		}
		if got := succeed(t, "log", "export", "-", "--store", store); got != text {
			t.Error("the logs differ")
		}
		other := stores["sqlite"](t)
		fill(t, other, 1)
		fail(t, exitFailed, "another history", "log", "import", file, "--resume", "--store", other)
		fill(t, from, 1)
		fail(t, exitFailed, "more events", "log", "import", file, "--resume", "--store", from)
	})
}

func TestAFileIsNotReplacedUnlessItIsSaid(t *testing.T) {
	store := stores["sqlite"](t)
	fill(t, store, 3)
	file := filepath.Join(t.TempDir(), "log.jsonl")
	succeed(t, "log", "export", file, "--store", store)
	fill(t, store, 1)
	fail(t, exitFailed, "--overwrite", "log", "export", file, "--store", store)
	if n := strings.Count(content(t, file), "\n"); n != 3 {
		t.Errorf("%d lines", n)
	}
	succeed(t, "log", "export", file, "--overwrite", "--store", store)
	if n := strings.Count(content(t, file), "\n"); n != 4 {
		t.Errorf("%d lines", n)
	}
	target := stores["sqlite"](t)
	fail(t, exitFailed, "no such file", "log", "import", file+"x", "--store", target)
	if _, err := os.Stat(strings.TrimPrefix(target, "sqlite:")); err == nil {
		t.Error("a store was created for a file that is not there")
	}
}

// cancelAfter ends a context when something has been written to it.
type cancelAfter struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (w *cancelAfter) Write(p []byte) (int, error) {
	w.cancel()
	return w.Buffer.Write(p)
}

func TestAnExportThatIsInterruptedLeavesNothing(t *testing.T) {
	store := stores["sqlite"](t)
	fill(t, store, 5000)
	ctx, cancel := context.WithCancel(t.Context())
	out, stderr := &cancelAfter{cancel: cancel}, &bytes.Buffer{}
	if code := run(ctx, []string{"log", "export", "-", "--store", store}, out, stderr); code != exitFailed || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	dir := t.TempDir()
	stderr.Reset()
	code := run(ctx, []string{"log", "export", filepath.Join(dir, "log.jsonl"), "--store", store}, out, stderr)
	if left, _ := os.ReadDir(dir); code != exitFailed || len(left) > 0 {
		t.Errorf("exit code %d, left behind: %v\n%s", code, left, stderr)
	}
}

func TestACopyIsTheSameAndGoesOnWhereItEnded(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		from := stores["sqlite"](t)
		fill(t, from, 1500)
		for _, want := range []string{"copied 1500 events", "copied 0 events", "copied 700 events"} {
			if strings.Contains(want, "700") {
				fill(t, from, 700)
			}
			if out := succeed(t, "log", "copy", "--from", from, "--to", store); !strings.Contains(out, want) || !strings.Contains(out, "the copy is intact") {
				t.Errorf("want %q:\n%s", want, out)
			}
		}
		back := stores["sqlite"](t)
		succeed(t, "log", "copy", "--from", store, "--to", back)
		if a, b := succeed(t, "log", "export", "-", "--store", from), succeed(t, "log", "export", "-", "--store", back); a != b {
			t.Error("there and back again, it is another log")
		}
		fill(t, store, 1)
		fail(t, exitFailed, "more events than the source", "log", "copy", "--from", from, "--to", store)
		fill(t, from, 2)
		fail(t, exitFailed, "another history", "log", "copy", "--from", from, "--to", store)
	})
}

func TestADamagedLogIsCopiedUpToTheDamageOnly(t *testing.T) {
	from, to := stores["sqlite"](t), stores["sqlite"](t)
	fill(t, from, 20)
	tamper(t, from).data(8, "{}")
	fail(t, exitFailed, "event 8", "log", "copy", "--from", from, "--to", to)
	if r := verified(t, to, exitOK); r.Head.Seq != 0 {
		t.Errorf("%d events", r.Head.Seq)
	}
}

// TestACopyThatIsKilledIsFinishedByTheNext kills a copy with kill -9.
func TestACopyThatIsKilledIsFinishedByTheNext(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	onEachStore(t, func(t *testing.T, store string) {
		from := stores["sqlite"](t)
		fill(t, from, 30_000)
		to := openURL(t, store)
		defer to.Close()
		cmd := exec.Command(path, "log", "copy", "--from", from, "--to", store)
		cmd.Dir = t.TempDir()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		at := awaitEvents(t, to, 3000)
		_ = cmd.Process.Kill() // it may have ended already
		_ = cmd.Wait()         // an error: it was killed
		t.Logf("killed when the target held %d events or more", at)
		if at == 30_000 {
			t.Error("the copy was done before it could be killed")
		}
		if r := verified(t, store, exitOK); r.Head.Seq < 3000 {
			t.Errorf("the head is %d", r.Head.Seq)
		}
		succeed(t, "log", "copy", "--from", from, "--to", store)
		if a, b := succeed(t, "log", "export", "-", "--store", from), succeed(t, "log", "export", "-", "--store", store); a != b {
			t.Error("the logs differ")
		}
	})
}

// awaitEvents polls another process's target until it holds n events.
func awaitEvents(t *testing.T, store eventstore.Backend, n eventstore.Position) eventstore.Position {
	t.Helper()
	limit := time.After(2 * time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		head, err := store.Head(t.Context())
		if err != nil && eventstore.KindOf(err) != eventstore.KindUnavailable {
			t.Fatal(err)
		}
		if head.Position >= n {
			return head.Position
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("the target holds %d events after two minutes", head.Position)
		}
	}
}
