package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"openpayment/internal/bench"
)

// hasty has every bench of a test take moments.
func hasty(t *testing.T) {
	for flag, value := range map[string]string{
		"duration": "30ms", "slice": "10ms", "warm-up": "0s", "writer-callers": "6", "connections": "4", "readers": "2", "events": "2500", "accounts": "200",
		"heap-accounts": "300", "stall-accounts": "300", "short": "2000", "long": "3000",
	} {
		t.Setenv(envName(flag), value)
	}
}

func TestBenchReportsAsTablesJSONAndAPage(t *testing.T) {
	hasty(t)
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	store := "sqlite:" + in("log.db")
	out := succeed(t, "bench", "--store", store, "--callers", "1,8", "--cases", "append,memory", "--json", in("bench.json"), "--html", in("bench.html"))
	for _, says := range []string{"openpayment " + version(), "append/1 ", "append/8 ", "memory ", "≤ 700", "LATENCY"} {
		if !strings.Contains(out, says) {
			t.Errorf("no %q in\n%s", says, out)
		}
	}
	text, err := os.ReadFile(in("bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := bench.ParseReport(text)
	if err != nil || len(report.Cases) != 3 || report.Version != version() || report.Settings.Callers[1] != 8 {
		t.Fatalf("%+v, %v", report, err)
	}
	if page, err := os.ReadFile(in("bench.html")); err != nil || !strings.Contains(string(page), "<td title=\"deposits of 8 callers") {
		t.Errorf("the page: %v", err)
	}
	again := succeed(t, "bench", "--store", store, "--callers", "8", "--cases", "append/8", "--compare", in("bench.json"), "--json", "-")
	if report, err = bench.ParseReport([]byte(again)); err != nil || len(report.Cases) != 1 {
		t.Errorf("%v, %s", err, again)
	}
	if left, err := filepath.Glob(in("*")); err != nil || len(left) != 2 {
		t.Errorf("there are %q", left)
	}
}

func TestBenchFailsForWhatIsWorseOnlyIfItShould(t *testing.T) {
	hasty(t)
	file := filepath.Join(t.TempDir(), "bench.json")
	report, err := bench.ParseReport([]byte(succeed(t, "bench", "--store", "memory:", "--cases", "memory", "--json", "-")))
	if err != nil {
		t.Fatal(err)
	}
	r := &report.Cases[0].Result // as if an account had taken nothing
	r.Median, r.Low, r.High = 1, 1, 1
	text, err := json.Marshal(report)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	compared := []string{"bench", "--store", "memory:", "--cases", "memory", "--compare", file}
	if out := succeed(t, compared...); !strings.Contains(out, "WORSE") {
		t.Error(out)
	}
	fail(t, exitFailed, "are worse than in "+file, append(compared, "--fail-if-worse")...)
}

func TestBenchSaysWhatIsWrongWithItsFlags(t *testing.T) {
	hasty(t)
	folder := t.TempDir()
	report := filepath.Join(folder, "bench.json")
	if err := os.WriteFile(report, []byte(`{"format":1,"store":"cassandra"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	store := "sqlite:" + filepath.Join(folder, "log.db")
	for says, flags := range map[string]string{
		"no case has such a name":     "--cases nothing",
		"--list shows all":            "--cases nothing",
		"at least 1 is expected":      "--connections 0",
		"from 1 to 8000":              "--callers 0",
		"longer than 0":               "--slice 0s",
		"than what?":                  "--fail-if-worse",
		"stdout is for one of them":   "--json - --html -",
		"no such file":                "--compare " + filepath.Join(folder, "none.json"),
		"report on cassandra, not on": "--compare " + report,
		"nothing is expected at":      "append",
	} {
		fail(t, exitUsage, says, append([]string{"bench", "--store", store}, strings.Fields(flags)...)...)
	}
	fail(t, exitUsage, "is expected", "bench", "--store", "postgres:x")
	fail(t, exitUsage, "ends with the process", "bench", "--store", "memory:", "--clean")
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("there are %v", left)
	}
}

func TestBenchListsItsCases(t *testing.T) {
	out := succeed(t, "bench", "--list")
	if !strings.HasPrefix(out, "append/1\nappend/1-conditional\nappend/16\n") || !strings.Contains(out, "\ngrowth\n") {
		t.Error(out)
	}
}

// begun is a writer that tells when something was written.
type begun struct{ said chan string }

func (b begun) Write(p []byte) (int, error) {
	select {
	case b.said <- string(p):
	default:
	}
	return len(p), nil
}

func TestABenchThatIsInterruptedRemovesWhatItHasMade(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		hasty(t)
		t.Setenv(envName("duration"), "1h")
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		stderr := begun{make(chan string, 100)}
		code := make(chan int, 1)
		go func() {
			code <- run(ctx, []string{"bench", "--store", store, "--cases", "append/16"}, io.Discard, stderr)
		}()
		where := <-stderr.said // where it works
		<-stderr.said          // the case that it begins with
		interrupt()
		if got := <-code; got != exitFailed {
			t.Errorf("exit code %d", got)
		}
		if !strings.Contains(last(stderr.said), "interrupted") {
			t.Error("it does not say that it was interrupted")
		}
		if out := succeed(t, "bench", "--store", store, "--clean"); strings.Contains(out, madeFor(t, where)) {
			t.Errorf("it has left something: %s", out)
		}
	})
}

// last is what was said last.
func last(said chan string) (text string) {
	for {
		select {
		case text = <-said:
		default:
			return text
		}
	}
}

// madeFor is the name of what a run has made, as it says itself.
func madeFor(t *testing.T, where string) string {
	t.Helper()
	for _, word := range strings.Fields(strings.ReplaceAll(where, ",", " ")) {
		if i := strings.Index(word, "openpayment-bench-"); i >= 0 {
			return word[i:]
		}
		if strings.HasPrefix(word, "openpayment_bench_") {
			return word
		}
	}
	t.Fatalf("it does not say where it works: %s", where)
	return ""
}

func TestWhatAKilledBenchHasLeftIsCleanedAway(t *testing.T) {
	hasty(t)
	t.Setenv(envName("duration"), "1h")
	store := stores["sqlite"](t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "bench", "--store", store, "--cases", "append/16")
	stderr := begun{make(chan string, 100)}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	folder := madeFor(t, <-stderr.said)
	if out := succeed(t, "bench", "--store", store, "--clean"); !strings.Contains(out, folder+" stays: its run lives") {
		t.Errorf("while it runs: %s", out)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("it ends with %v", err)
	}
	if out := succeed(t, "bench", "--store", store, "--clean"); !strings.Contains(out, folder+" removed") {
		t.Errorf("when it was killed: %s", out)
	}
	if left, err := os.ReadDir(filepath.Dir(strings.TrimPrefix(store, "sqlite:"))); err != nil || len(left) > 0 {
		t.Errorf("there are %v", left)
	}
}

func TestTheCommandsOfThePerformancePageWorkWhenPasted(t *testing.T) {
	hasty(t)
	all := stepsOf(t, "docs/performance.md", "Running it")
	if len(all) < 5 {
		t.Fatalf("there are %d commands", len(all))
	}
	url := stores["cassandra"](t)
	folder := t.TempDir()
	for _, s := range all {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		cmd := exec.CommandContext(ctx, "bash", "-c", strings.ReplaceAll(s.command, "cassandra://127.0.0.1:9042/openpayment", url))
		cmd.Dir, cmd.Env = folder, asInstalled(t, "http://127.0.0.1:1")
		output, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			t.Errorf("%s: %v\n%s", s.command, err, output)
		}
		(&tour{T: t}).expect(s, string(output))
	}
}
