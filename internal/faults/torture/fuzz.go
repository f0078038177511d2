package main

import (
	"encoding/json"
	"regexp"
	"strconv"
	"time"

	"openpayment/internal/faults/figures"
)

// fuzzed is what one target has come to.
type fuzzed struct {
	Target  string `json:"target"`
	Package string `json:"package"`
	Execs   int    `json:"executions"`
	New     int    `json:"new inputs"`  // that reach new code, of this run
	Inputs  int    `json:"inputs kept"` // that reach all the code that was ever reached
}

var (
	fuzzTarget = regexp.MustCompile(`^== (\S+) (Fuzz\S+)$`)
	fuzzState  = regexp.MustCompile(`^fuzz: elapsed: .* execs: (\d+) .*new interesting: (\d+) \(total: (\d+)\)`)
)

// fuzz reads what .ci/fuzz says, and go test for it.
func (l *lines) fuzz(line string) {
	if m := fuzzTarget.FindStringSubmatch(line); m != nil {
		l.fuzzed = append(l.fuzzed, fuzzed{Target: m[2], Package: m[1]})
	}
	if m := fuzzState.FindStringSubmatch(line); m != nil && len(l.fuzzed) > 0 {
		f := &l.fuzzed[len(l.fuzzed)-1]
		f.Execs, _ = strconv.Atoi(m[1]) // digits, by the pattern
		f.New, _ = strconv.Atoi(m[2])
		f.Inputs, _ = strconv.Atoi(m[3])
	}
}

// fuzzNote has the figures of all targets.
func (l *lines) fuzzNote(took time.Duration, passed bool) figures.Note {
	total := struct {
		Targets int      `json:"targets"`
		Execs   int      `json:"executions"`
		New     int      `json:"new inputs"`
		Each    []fuzzed `json:"each"`
	}{Targets: len(l.fuzzed), Each: l.fuzzed}
	for _, f := range l.fuzzed {
		total.Execs += f.Execs
		total.New += f.New
	}
	text, err := json.Marshal(total)
	if err != nil {
		panic(err) // there is nothing in it that can't be
	}
	return figures.Note{Test: "all targets", At: now(), Seconds: took.Seconds(), Passed: passed, Figures: text}
}
