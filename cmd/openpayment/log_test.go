package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestVerifyNamesExactlyWhatWasTamperedWith(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		events := fill(t, store, 200)
		if r := verified(t, store, exitOK); !r.Intact || r.Events != 200 || r.Head.Hash != events[199].Hash.String() || len(r.Faults) > 0 {
			t.Errorf("untouched: %+v", r)
		}
		x := tamper(t, store)
		x.data(3, `{"n":4}`)
		x.remove(20)
		for seq := 31; seq <= 39; seq++ {
			x.remove(seq)
		}
		x.put(50, events[59])
		x.put(60, events[49])
		x.put(70, events[70])
		x.put(71, events[69])
		x.exec("hash = ?", "seq = ?", x.hash(events[0].Hash), int64(80))
		x.data(90, "")
		x.exec("hash = ?", "seq = ?", x.hash(events[0].Hash), int64(100))
		x.data(101, `{}`)
		want, unproven := "3 changed, 20 missing, 31-39 missing, 50 misplaced, 60 misplaced, 70 misplaced, 71 misplaced, 80 hash-changed, 90 changed, 100 changed",
			"21 unproven, 40 unproven, 101 unproven"
		if !strings.HasPrefix(store, "sqlite:") { // an event without data is none there
			want, unproven = strings.Replace(want, "90 changed", "90 garbled", 1), strings.Replace(unproven, "101", "91 unproven, 101", 1)
		}
		r := verified(t, store, exitFailed)
		if told(r.Faults) != want || told(r.Unproven) != unproven {
			t.Errorf("got  %s; %s\nwant %s; %s", told(r.Faults), told(r.Unproven), want, unproven)
		}
		if r.Intact || r.Head.Seq != 200 {
			t.Errorf("%+v", r)
		}
	})
}

func TestVerifyNoticesACutOffEndWhereTheHeadIsKeptApart(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		fill(t, store, 20)
		x := tamper(t, store)
		for seq := 18; seq <= 20; seq++ {
			x.remove(seq)
		}
		if strings.HasPrefix(store, "sqlite:") { // its last row is its head
			if r := verified(t, store, exitOK); r.Head.Seq != 17 {
				t.Errorf("the head is %d", r.Head.Seq)
			}
			return
		}
		if got := told(verified(t, store, exitFailed).Faults); got != "18-20 missing" {
			t.Error(got)
		}
	})
}

func TestVerifySaysItInWords(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		events := fill(t, store, 20)
		out := succeed(t, "log", "verify", "--store", store)
		for _, want := range []string{"checked 20 events, 1 to 20", "is intact", "head: event 20, hash " + events[19].Hash.String()} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		tamper(t, store).data(7, `{"n":"`+"\x1b[31m"+`"}`)
		r := fail(t, exitFailed, "not intact", "log", "verify", "--store", store)
		if !strings.Contains(r.stdout, "event 7: changed: ") || !strings.Contains(r.stdout, "NOT intact") || strings.Contains(r.stdout, "event 8:") {
			t.Error(r.stdout)
		}
		if out := succeed(t, "log", "verify", "--from", "8", "--to", "15", "--store", store); !strings.Contains(out, "checked 8 events, 8 to 15") {
			t.Error(out)
		}
		fail(t, exitFailed, "ends at event 20", "log", "verify", "--to", "21", "--store", store)
		fail(t, exitFailed, "--from 22: ", "log", "verify", "--from", "22", "--store", store)
		succeed(t, "log", "verify", "--from", "21", "--store", store) // nothing has come since
		fail(t, exitFailed, "log verify names everything", "log", "show", "7", "--store", store)
		fail(t, exitFailed, "log verify names everything", "log", "tail", "-n", "15", "--store", store)
		file := filepath.Join(t.TempDir(), "export.jsonl")
		fail(t, exitFailed, "log verify names everything", "log", "export", file, "--store", store)
		if left, _ := os.ReadDir(filepath.Dir(file)); len(left) > 0 {
			t.Errorf("an export that failed leaves %v", left)
		}
	})
}

func TestShowAndTailGiveEventsAsTheAPIDoes(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store)
		p.must(http.StatusCreated, "POST", "/v1/accounts", `{"accountNumber":"12345678","sortCode":"10-20-30","customerURLs":["https://x.example/?a=1&b=2"]}`, "X-Request-Id: r-1")
		p.must(http.StatusOK, "PATCH", "/v1/accounts/12345678", `{"sortCode":"10-20-31"}`, "Content-Type: application/merge-patch+json")
		var all string
		for seq := 1; seq <= 2; seq++ {
			api := strings.TrimSpace(string(p.must(http.StatusOK, "GET", fmt.Sprint("/v1/events/", seq), "").body))
			all += api + "\n"
			if got := succeed(t, "log", "show", fmt.Sprint(seq), "--json", "--store", store); got != api+"\n" {
				t.Errorf("event %d\n got %s\nwant %s", seq, got, api)
			}
		}
		if got := succeed(t, "log", "tail", "--json", "--store", store); got != all {
			t.Errorf("tail --json\n got %s\nwant %s", got, all)
		}
		if got := succeed(t, "log", "export", "-", "--store", store); got != all {
			t.Errorf("export\n got %s\nwant %s", got, all)
		}
		shown := succeed(t, "log", "show", "1", "--store", store)
		for _, want := range []string{"seq      1\n", "type     account.opened\n", "subject  accounts/12345678\n", `data     {"accountNumber":"12345678"`} {
			if !strings.Contains(shown, want) {
				t.Errorf("no %q in\n%s", want, shown)
			}
		}
		line := succeed(t, "log", "tail", "-n", "1", "--store", store)
		if !strings.HasPrefix(line, "2  ") || !strings.Contains(line, "account.updated  accounts/12345678  {") || strings.Count(line, "\n") != 1 {
			t.Error(line)
		}
		fail(t, exitFailed, "ends at event 2", "log", "show", "3", "--store", store)
	})
}

// lockedBuffer may be read while a command writes to it.
type lockedBuffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
	grew chan struct{}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() {
		select {
		case b.grew <- struct{}{}:
		default:
		}
	}()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestTailFollowsUntilItIsInterrupted(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		fill(t, store, 3)
		ctx, cancel := context.WithCancel(t.Context())
		out := &lockedBuffer{grew: make(chan struct{}, 1)}
		ended := make(chan int, 1)
		go func() { ended <- run(ctx, []string{"log", "tail", "-n", "2", "-f", "--store", store}, out, out) }()
		lines := func(n int) {
			limit := time.After(time.Minute)
			for strings.Count(out.String(), "\n") < n {
				select {
				case <-out.grew:
				case code := <-ended:
					t.Fatalf("it ended with %d:\n%s", code, out)
				case <-limit:
					t.Fatalf("no %d lines:\n%s", n, out)
				}
			}
		}
		lines(2)
		fill(t, store, 2)
		lines(4)
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("exit code %d\n%s", code, out)
		}
		if got := out.String(); !strings.HasPrefix(got, "2  ") || !strings.Contains(got, "\n5  ") {
			t.Error(got)
		}
	})
}

// TestReadingCreatesNothing: a slip in --store shows at once.
func TestReadingCreatesNothing(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		file := filepath.Join(t.TempDir(), "export.jsonl")
		for range 2 { // the second time would find what the first had made
			for _, args := range [][]string{{"verify"}, {"tail"}, {"show", "1"}, {"export", file}, {"copy", "--from", store, "--to", "sqlite:" + file}} {
				flag := "--store"
				if args[0] == "copy" {
					flag = "--from"
				}
				r := command(t, append(append([]string{"log"}, args...), flag, store)...)
				if r.code != exitFailed || !strings.Contains(r.stderr, "no such file") && !strings.Contains(r.stderr, "does not exist") {
					t.Errorf("%v: exit code %d\n%s", args, r.code, r.stderr)
				}
			}
		}
		if path, ok := strings.CutPrefix(store, "sqlite:"); ok {
			if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
				t.Errorf("there is %v", left)
			}
		} else {
			fill(t, store, 1)
			for range 2 {
				fail(t, exitFailed, `has no log "other"`, "log", "verify", "--store", store+"?log=other")
			}
		}
	})
}

func TestWhatIsWrittenWrongIsAUsageError(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"log verfy", "unknown command"},
		{"log verify now", "nothing is expected"},
		{"log verify --from 0", "--from 0"},
		{"log verify --from 5 --to 4", "--to 4"},
		{"log verify --store memory:", "in memory"},
		{"log verify --store x:", "--store"},
		{"log verify --jsn", "--help lists"},
		{"log tail -n -1", "--events -1"},
		{"log show", "SEQ is missing"},
		{"log show 0", "numbered"},
		{"log show one", "numbered"},
		{"log export", "FILE is missing"},
		{"log import a b", "nothing is expected"},
		{"log copy --from sqlite:a", "both needed"},
		{"log copy --from sqlite:a --to sqlite:a", "the same"},
	} {
		fail(t, exitUsage, c.says, strings.Fields(c.args)...)
	}
	for _, name := range []string{"verify", "tail", "show", "export", "import", "copy"} {
		if help := succeed(t, "log", name, "--help"); !strings.Contains(help, "Examples:") {
			t.Errorf("the help of %s has no examples", name)
		}
	}
}

func TestTheStoreMayComeFromTheConfigurationOfTheService(t *testing.T) {
	store := stores["sqlite"](t)
	fill(t, store, 2)
	config := filepath.Join(t.TempDir(), "openpayment.yaml")
	if err := os.WriteFile(config, []byte("store: "+store+"\npoll-max: 1s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := succeed(t, "log", "tail", "--config", config); strings.Count(out, "\n") != 2 {
		t.Error(out)
	}
	t.Setenv("OPENPAYMENT_STORE", store)
	if out := succeed(t, "log", "tail"); strings.Count(out, "\n") != 2 {
		t.Error(out)
	}
}

func TestTheProgressLine(t *testing.T) {
	for want, got := range map[string]string{
		"500 events  50/s": progressLine(500, 0, 10*time.Second),
		"[===============               ]  50 %  500 of 1000 events  50/s  10s left": progressLine(500, 1000, 10*time.Second),
		"[==============================] 100 %  1000 of 1000 events  100/s":         progressLine(1000, 1000, 10*time.Second),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
