package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"openpayment/internal/faults/figures"
)

// What becomes of a form.
const (
	passed  = "passed"
	failed  = "FAILED"
	skipped = "skipped in part or as a whole"
	stopped = "stopped"
	notRun  = "not run"
)

// report is on one run of torture.
type report struct {
	Began       time.Time   `json:"began"`
	Ended       time.Time   `json:"ended"`
	Environment environment `json:"environment"`
	Forms       []result    `json:"forms"`
}

// environment is what was tested, and where.
type environment struct {
	Commit      string `json:"commit"`
	Dirty       bool   `json:"dirty"` // with changes that are not committed
	Go          string `json:"go"`
	System      string `json:"system"`
	Cores       int    `json:"cores"`
	MemoryBytes int64  `json:"memoryBytes"` // 0: not known
}

// result is what became of a form.
type result struct {
	Form    string         `json:"form"`
	What    string         `json:"what"`
	Command string         `json:"command"`
	Began   time.Time      `json:"began"`
	Seconds float64        `json:"seconds"`
	Outcome string         `json:"outcome"`
	Skipped []string       `json:"skipped,omitempty"`
	Figures []figures.Note `json:"figures,omitempty"`
	Tail    []string       `json:"tail,omitempty"` // of what it said, unless it has passed
}

// took is how long, for people.
func (r result) took() string {
	return time.Duration(r.Seconds * float64(time.Second)).Round(100 * time.Millisecond).String()
}

// passed tells whether all forms have been run, and none has failed.
func (r report) passed() bool {
	for _, f := range r.Forms {
		if f.Outcome != passed && f.Outcome != skipped {
			return false
		}
	}
	return true
}

// environmentOf looks at the machine, and at the module in root; what can't be found out
// is empty.
func environmentOf(ctx context.Context, root string) environment {
	e := environment{Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU()}
	e.Commit, _ = output(ctx, root, "git", "rev-parse", "HEAD")
	changes, err := output(ctx, root, "git", "status", "--porcelain")
	e.Dirty = err != nil || changes != ""
	if release, err := output(ctx, root, "uname", "-r"); err == nil {
		e.System += " " + release
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil { // Linux
		if m := memTotal.FindSubmatch(text); m != nil {
			kib, _ := strconv.ParseInt(string(m[1]), 10, 64) // digits, by the pattern
			e.MemoryBytes = kib << 10
		}
	}
	return e
}

var memTotal = regexp.MustCompile(`(?m)^MemTotal: +(\d+) kB$`)

func (e environment) memory() string {
	if e.MemoryBytes == 0 {
		return "not known"
	}
	return fmt.Sprintf("%.1f GiB", float64(e.MemoryBytes)/(1<<30))
}

func (e environment) commit() string {
	switch {
	case e.Commit == "":
		return "not known"
	case e.Dirty:
		return e.Commit + ", with changes"
	}
	return e.Commit
}
