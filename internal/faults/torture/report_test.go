package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"openpayment/internal/faults/figures"
)

var update = flag.Bool("torture.update", false, "write testdata/report.md anew")

// example has one of everything.
func example() report {
	began := time.Date(2026, 11, 28, 19, 0, 0, 0, time.UTC)
	note := func(test, text string) figures.Note {
		return figures.Note{Test: test, At: began, Seconds: 90.04, Passed: test != "TestEveryMutantIsCaught", Figures: json.RawMessage(text)}
	}
	said := &lines{to: &bytes.Buffer{}}
	for _, line := range []string{
		"== openpayment/api FuzzCursor",
		"fuzz: elapsed: 0s, gathering baseline coverage: 0/63 completed",
		"fuzz: elapsed: 3s, execs: 20000 (6600/sec), new interesting: 0 (total: 63)",
		"fuzz: elapsed: 1m0s, execs: 325017 (5416/sec), new interesting: 2 (total: 65)",
		"PASS", "ok  	openpayment/api	61.041s",
		"== openpayment/api FuzzOpen",
		"fuzz: elapsed: 1m1s, execs: 1000 (0/sec), new interesting: 11 (total: 202)",
	} {
		said.take(line)
	}
	fuzz := said.fuzzNote(2*time.Minute, true)
	return report{
		Began: began, Ended: began.Add(12*time.Minute + 3*time.Second),
		Environment: environment{Commit: "0123456789abcdef", Dirty: true, Go: "go1.26.0", System: "linux/amd64 6.1", Cores: 2, MemoryBytes: 24 << 30},
		Forms: []result{
			{Form: "simulation", What: "seeds", Command: "go test ./internal/faults/simulation -run '^(TestA)$'", Began: began, Seconds: 90.1, Outcome: passed, Figures: []figures.Note{
				note("TestA", `{"seeds":100000,"answers":{"ok":7,"refused":3},"rate":0.5,"of nothing":null}`), note("TestB", `{"same":999}`),
			}},
			{Form: "mutants", What: "mutants", Command: "go test -tags mutants", Began: began, Seconds: 61, Outcome: failed, Figures: []figures.Note{
				note("TestEveryMutantIsCaught", `{"caught":2,"mutants":[{"mutant":"one","which says":"a | b\nc"},{"mutant":"two","after (s)":0.5}]}`),
			}, Tail: []string{"--- FAIL: TestEveryMutantIsCaught", "```", "exit status 1"}},
			{Form: "soak", What: "soak", Command: "go test", Began: began, Seconds: 3600, Outcome: passed, Figures: []figures.Note{
				note("TestLong", `{"tenths":[{"minute":6,"heap":[1.5,2]}]}`), note("TestOdd", `7`),
			}},
			{Form: "disks", What: "disks", Command: "go test", Began: began, Seconds: 0.4, Outcome: skipped, Skipped: []string{"TestADisk (0.00s): no root"}},
			{Form: "fuzz", What: "fuzz", Command: ".ci/fuzz 1m0s", Began: began, Seconds: 122, Outcome: passed, Figures: []figures.Note{fuzz}},
			{Form: "crashes", What: "crashes", Command: "go test", Began: began, Outcome: notRun},
		},
	}
}

func TestTheReportIsForPeople(t *testing.T) {
	var got bytes.Buffer
	example().markdown(&got)
	const name = "testdata/report.md"
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the report is not as in %s, %v; -torture.update writes it anew:\n%s", name, err, got.Bytes())
	}
}

func TestAReportIsASuccessIfEverythingIs(t *testing.T) {
	r := example()
	if r.passed() {
		t.Error("a form has failed")
	}
	r.Forms = r.Forms[2:5]
	if !r.passed() {
		t.Error("no form has failed")
	}
	r.Forms[0].Outcome = stopped
	if r.passed() {
		t.Error("a form was stopped")
	}
}
