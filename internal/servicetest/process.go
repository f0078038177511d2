// Package servicetest runs the service as a process of its own, for tests that kill it, stop
// it, or need more than one.
package servicetest

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a service that a test has started, or that runs elsewhere. It is safe for
// concurrent use.
type Process struct {
	T   testing.TB
	URL string // of its API

	cmd    *exec.Cmd     // nil: it runs elsewhere
	exited chan struct{} // closed when err is set
	err    error

	mu    sync.Mutex // guards lines
	lines []string   // of its log
}

// How long to wait for a service, on a machine that may be busy, and how much of its log to
// keep.
const (
	startLimit = 2 * time.Minute
	endLimit   = 2 * time.Minute
	waitLimit  = 5 * time.Minute
	keptLines  = 10_000
)

// Start runs a command that serves, in a folder of its own, and returns when its port is
// open. It is killed with the test.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{T: t, cmd: cmd, exited: make(chan struct{})}
	cmd.Dir = t.TempDir()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := make(chan string, 1)
	go p.follow(stderr, addresses)
	t.Cleanup(p.Kill)
	select {
	case p.URL = <-addresses:
	case <-p.exited:
		t.Fatalf("the service ended at once: %v\n%s", p.err, p.Log())
	case <-time.After(startLimit):
		t.Fatalf("the service does not listen\n%s", p.Log())
	}
	return p
}

// Elsewhere is a service that somebody else has started, and ends.
func Elsewhere(t testing.TB, url string) *Process {
	return &Process{T: t, URL: url, exited: make(chan struct{})}
}

// follow reads the log until the process ends; its owner is Start.
func (p *Process) follow(stderr io.Reader, addresses chan<- string) {
	scanner := bufio.NewScanner(stderr)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		p.keep(scanner.Text())
		var line struct{ Message, URL string }
		if json.Unmarshal(scanner.Bytes(), &line) == nil && line.Message == "listening" {
			addresses <- line.URL
		}
	}
	p.err = p.cmd.Wait()
	close(p.exited)
}

func (p *Process) keep(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lines = append(p.lines, line); len(p.lines) >= 2*keptLines {
		p.lines = slices.Clone(p.lines[len(p.lines)-keptLines:])
	}
}

// Log is what it has logged, or the newest ten thousand lines of it.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// PID is the process's.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Eventually polls a condition of the process, which has no other way of telling.
func (p *Process) Eventually(what string, condition func() bool) {
	p.T.Helper()
	deadline := time.After(waitLimit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-p.exited:
			p.T.Fatalf("waiting until %s, the service ended: %v\n%s", what, p.err, p.Log())
		case <-deadline:
			p.T.Fatalf("not within %v: %s\n%s", waitLimit, what, p.Log())
		}
	}
}

// Signal sends one.
func (p *Process) Signal(s syscall.Signal) {
	p.T.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.T.Fatal(err)
	}
}

// Kill is kill -9. It may have ended already.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Terminate sends SIGTERM, and gives the exit code.
func (p *Process) Terminate() int {
	p.T.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	return p.End().ExitCode()
}

// End waits for it, and tells how it was.
func (p *Process) End() *os.ProcessState {
	p.T.Helper()
	select {
	case <-p.exited:
	case <-time.After(endLimit):
		p.T.Fatalf("the service does not end\n%s", p.Log())
	}
	return p.cmd.ProcessState
}
