package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const root = "../../.."

// documented are all forms, as they are run by default.
func documented() []form {
	return forms(sizes{seeds: 100_000, histories: 300, crashes: 1000, fuzz: time.Minute, soak: time.Hour})
}

// A form that names a test that there is not would do nothing, and pass.
func TestEveryFormNamesTestsFlagsAndVariablesThatThereAre(t *testing.T) {
	for _, f := range documented() {
		if f.command != "" {
			if info, err := os.Stat(filepath.Join(root, f.command)); err != nil || info.Mode()&0o111 == 0 {
				t.Errorf("%s: %s can't be run: %v", f.name, f.command, err)
			}
			continue
		}
		source := sourceOf(t, f.pkg, "*_test.go")
		settings := source + sourceOf(t, "internal/cassandratest", "*.go")
		for test := range strings.SplitSeq(f.tests, "|") {
			if !strings.Contains(source, "func "+test+"(t *testing.T)") {
				t.Errorf("%s: %s has no %s", f.name, f.pkg, test)
			}
		}
		for _, arg := range f.args {
			name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
			if !regexp.MustCompile(`flag\.\w+\("` + regexp.QuoteMeta(name) + `"`).MatchString(source) {
				t.Errorf("%s: %s has no flag %s", f.name, f.pkg, name)
			}
		}
		for _, variable := range f.env {
			name, _, _ := strings.Cut(variable, "=")
			if !strings.Contains(settings, `"`+name+`"`) {
				t.Errorf("%s: %s does not look at %s", f.name, f.pkg, name)
			}
		}
		if tagged := strings.Contains(source, "//go:build mutants"); tagged != (f.tags == "mutants") {
			t.Errorf("%s: built with %q", f.name, f.tags)
		}
		if !strings.Contains(source, "figures.Keep(") {
			t.Errorf("%s: %s keeps no figures", f.name, f.pkg)
		}
	}
}

// sourceOf is the source of files of a package.
func sourceOf(t *testing.T, pkg, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pkg), pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no %s: %v", pkg, pattern, err)
	}
	var all strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

func TestEveryFormIsInTheDocument(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range documented() {
		if !strings.Contains(string(text), "| `"+f.name+"` |") {
			t.Errorf("docs/reliability.md does not name the form %s", f.name)
		}
	}
}

func TestTheHelpTeaches(t *testing.T) {
	var help, list, refused bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, &help, &refused); code != exitOK {
		t.Errorf("%d", code)
	}
	if code := run(t.Context(), []string{"--list", "--seeds", "7"}, &list, &refused); code != exitOK || !strings.Contains(list.String(), "-sim.seeds=7\n") {
		t.Errorf("%d: %s", code, list.String())
	}
	for _, f := range documented() {
		if !strings.Contains(help.String(), "  "+f.name) || !strings.Contains(list.String(), "  "+f.name) {
			t.Errorf("%s is not named", f.name)
		}
	}
	for _, args := range [][]string{{"simulations"}, {"--seeds", "many"}, {"--sed", "1"}} {
		refused.Reset()
		if code := run(t.Context(), args, &help, &refused); code != exitUsage || !strings.Contains(refused.String(), "--help") {
			t.Errorf("%q: %d %s", args, code, refused.String())
		}
	}
}

// tortured runs torture, and reads the report.
func tortured(ctx context.Context, t *testing.T, follow io.Writer, args ...string) (code int, r report, stdout string) {
	t.Helper()
	t.Setenv("GOFLAGS", "") // those of this test's run, as -race, under which forms skip some tests
	out := t.TempDir()
	var said, complaints bytes.Buffer
	code = run(ctx, append(args, "--out", out), io.MultiWriter(&said, follow), &complaints)
	text, err := os.ReadFile(filepath.Join(out, "report.json"))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatalf("%d, %v: %s%s", code, err, said.String(), complaints.String())
	}
	if text, err := os.ReadFile(filepath.Join(out, "report.md")); err != nil || !strings.Contains(string(text), "## "+r.Forms[0].Form+": ") {
		t.Errorf("%v: %s", err, text)
	}
	return code, r, said.String()
}

// text is the report as people read it.
func (r report) text() string {
	var b strings.Builder
	r.markdown(&b)
	return b.String()
}

func TestAFormIsRunAndReportedOn(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the simulation")
	}
	code, r, said := tortured(t.Context(), t, io.Discard, "simulation", "--seeds", "20", "--progress", "200ms")
	if code != exitOK || len(r.Forms) != 1 || r.Environment.Cores == 0 || len(r.Environment.Go) == 0 || r.Ended.Before(r.Began) {
		t.Fatalf("%d: %+v\n%s", code, r, said)
	}
	f := r.Forms[0]
	if f.Outcome != passed || f.Seconds <= 0 || len(f.Tail) > 0 || len(f.Figures) != 2 || !strings.Contains(r.text(), "| seeds | 20 |") {
		t.Errorf("%+v", f)
	}
	if !strings.Contains(said, " simulation, for ") || !strings.Contains(said, "| simulation | passed |") {
		t.Error(said)
	}
}

// stopper stops a run as soon as it says how it gets on.
type stopper struct{ stop func() }

// Write implements io.Writer.
func (s stopper) Write(p []byte) (int, error) {
	if strings.Contains(string(p), " simulation, for ") {
		s.stop()
	}
	return len(p), nil
}

func TestWhatWasStoppedIsNoSuccess(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the simulation")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code, r, said := tortured(ctx, t, stopper{cancel}, "simulation", "crashes", "--progress", "100ms")
	if code != exitFailed || len(r.Forms) != 2 || r.Forms[0].Outcome != stopped || r.Forms[1].Outcome != notRun {
		t.Errorf("%d: %+v\n%s", code, r, said)
	}
}

func TestWhatFailsSkipsOrTestsNothingIsNoSuccess(t *testing.T) {
	for want, said := range map[string]string{
		passed:  "--- PASS: TestA (0.00s)\nPASS\n",
		skipped: "    a_test.go:7: SKIPPED, NOT TESTED: no root\n--- SKIP: TestA (0.00s)\n--- PASS: TestB (0.00s)\nPASS\n",
		failed:  "testing: warning: no tests to run\nPASS\n",
	} {
		var kept bytes.Buffer
		l := &lines{to: &kept}
		for half := range strings.SplitAfterSeq(said, " ") { // lines come in pieces
			if n, err := l.Write([]byte(half)); err != nil || n != len(half) {
				t.Fatal(n, err)
			}
		}
		if got := l.outcome(nil); got != want || kept.String() != said {
			t.Errorf("%q is %q, want %q", said, got, want)
		}
		l.fuzzed = []fuzzed{{Target: "FuzzA", Execs: 1}, {Target: "FuzzB"}}
		if want == passed && l.outcome(nil) != failed {
			t.Error("a target that was given nothing has passed")
		}
		if want == skipped && (len(l.skipped) != 1 || !strings.Contains(l.skipped[0], "TestA") || !strings.Contains(l.skipped[0], "no root")) {
			t.Errorf("%q", l.skipped)
		}
		if l.outcome(errors.New("exit status 1")) != failed {
			t.Error("a failure is none")
		}
	}
}
