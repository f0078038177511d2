package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"openpayment/internal/faults/figures"
)

// torture runs forms.
type torture struct {
	root   string // of the module
	out    string
	every  time.Duration // between two words on how it gets on
	stdout io.Writer
	report report
}

func newTorture(ctx context.Context, out string, every time.Duration, stdout io.Writer) (*torture, error) {
	root, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	if out == "" {
		out, err = os.MkdirTemp("", "openpayment-torture-")
	} else if out, err = filepath.Abs(out); err == nil {
		err = os.MkdirAll(out, 0o750)
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(stdout, "the report will be in %s\n", out)
	t := &torture{root: root, out: out, every: every, stdout: stdout}
	t.report = report{Began: now(), Environment: environmentOf(ctx, root), Forms: []result{}}
	return t, nil
}

// now is as exact as reports are.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// output is what a command says, without its end of line.
func output(ctx context.Context, dir string, line ...string) (string, error) {
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w", strings.Join(line, " "), err)
	}
	return strings.TrimSpace(string(out)), err
}

// do runs a form, unless everything was stopped, and adds what became of it to the report.
func (t *torture) do(ctx context.Context, f form) {
	r := result{Form: f.name, What: f.what, Command: f.commandLine(), Began: now(), Outcome: notRun}
	if ctx.Err() == nil {
		began := time.Now()
		fmt.Fprintf(t.stdout, "%s %s begins: %s\n", clock(), f.name, r.Command)
		t.start(ctx, f, &r)
		r.Seconds = float64(time.Since(began).Round(100*time.Millisecond)) / float64(time.Second)
		fmt.Fprintf(t.stdout, "%s %s: %s, after %s\n", clock(), f.name, r.Outcome, r.took())
	}
	t.report.Ended = now()
	t.report.Forms = append(t.report.Forms, r)
}

func clock() string { return time.Now().Format(time.TimeOnly) }

// start starts the form's command, in a process group of its own, and waits for its end.
func (t *torture) start(ctx context.Context, f form, r *result) {
	log, err := os.Create(filepath.Join(t.out, f.name+".log"))
	if err != nil {
		r.Outcome, r.Tail = failed, []string{err.Error()}
		return
	}
	defer log.Close()
	notes := filepath.Join(t.out, f.name+".figures")
	_ = os.Remove(notes) // of an earlier run
	said := &lines{to: log}
	began, line := time.Now(), f.line()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.root, said, said
	cmd.Env = append(append(os.Environ(), "REQUIRE_CASSANDRA=1", figures.Env+"="+notes), f.env...)
	ownGroup(cmd)
	cmd.WaitDelay = time.Minute // until it is killed, after it was interrupted
	ended := make(chan struct{})
	var progress sync.WaitGroup
	progress.Go(func() { t.tell(f, said, ended) })
	err = cmd.Run()
	close(ended)
	progress.Wait()
	killGroup(cmd) // whatever it has left
	r.Outcome, r.Skipped = said.outcome(err), said.skipped
	if ctx.Err() != nil {
		r.Outcome = stopped
	}
	if r.Outcome != passed {
		r.Tail = said.tail
	}
	if r.Figures, err = notesIn(notes); err != nil {
		r.Outcome, r.Tail = failed, append(r.Tail, err.Error())
	}
	if len(said.fuzzed) > 0 {
		r.Figures = append(r.Figures, said.fuzzNote(time.Since(began), r.Outcome == passed))
	}
}

// tell says from time to time what runs, since when, and what it said last.
func (t *torture) tell(f form, said *lines, ended <-chan struct{}) {
	began := time.Now()
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			fmt.Fprintf(t.stdout, "%s %s, for %s: %s\n", clock(), f.name, time.Since(began).Round(time.Second), said.last())
		}
	}
}

// notesIn reads the figures that tests have kept; there may be none.
func notesIn(name string) (notes []figures.Note, err error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for dec := json.NewDecoder(bytes.NewReader(text)); err == nil && dec.More(); {
		var n figures.Note
		if err = dec.Decode(&n); err == nil {
			notes = append(notes, n)
		}
	}
	return notes, err
}

const tailLines = 60

// lines keeps what a command says in a file, and of that what the report is made of.
type lines struct {
	to io.Writer

	mu      sync.Mutex // guards what follows
	rest    []byte     // of a line that has not ended
	tail    []string
	skipped []string
	passes  int // of tests
	fuzzed  []fuzzed
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			break
		}
		l.take(string(line))
		l.rest = slices.Clone(rest)
	}
	return l.to.Write(p)
}

func (l *lines) take(line string) {
	before := ""
	if len(l.tail) > 0 {
		before = strings.TrimSpace(l.tail[len(l.tail)-1])
	}
	l.tail = append(l.tail[max(0, len(l.tail)+1-tailLines):], line)
	trimmed := strings.TrimSpace(line)
	switch name, isSkip := strings.CutPrefix(trimmed, "--- SKIP: "); {
	case isSkip:
		l.skipped = append(l.skipped, name+": "+before) // which is the reason
	case strings.HasPrefix(trimmed, "--- PASS: "):
		l.passes++
	}
	l.fuzz(line)
}

// last is the last line that says something, cut to the width of a terminal.
func (l *lines) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range slices.Backward(l.tail) {
		if line = strings.TrimSpace(line); line != "" {
			return fmt.Sprintf("%.120s", line)
		}
	}
	return "it has not said anything yet"
}

// outcome is that of a command that has ended with err.
func (l *lines) outcome(err error) string {
	switch {
	case err != nil:
		l.tail = append(l.tail, err.Error())
		return failed
	case len(l.skipped) > 0:
		return skipped
	case l.passes == 0 && len(l.fuzzed) == 0:
		l.tail = append(l.tail, "nothing was tested")
		return failed
	}
	for _, f := range l.fuzzed {
		if f.Execs == 0 {
			l.tail = append(l.tail, f.Target+" was given nothing: its time was over before")
			return failed
		}
	}
	return passed
}

// write writes the report, as it is by now.
func (t *torture) write() error {
	text, err := json.MarshalIndent(t.report, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.out, "report.json"), append(text, '\n'), 0o600); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(t.out, "report.md"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	t.report.markdown(w)
	return errors.Join(w.Flush(), f.Close())
}
