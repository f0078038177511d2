package cassandratest

import (
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A process is one process and no other: a PID alone may be given out again, a PID with the moment it started may not.
type process struct {
	PID     int
	Started string // opaque; the same for as long as the process lives
}

// identify returns the process that has this PID now; false if there is none, or only the remains of one (a zombie, which
// still takes signals and so looks alive to kill -0).
func identify(pid int) (process, bool) {
	state, started := procStat(pid)
	if state == "" {
		state, started = psStat(pid)
	}
	if state == "" || state[0] == 'Z' || state[0] == 'X' {
		return process{}, false
	}
	return process{PID: pid, Started: started}, true
}

// alive reports whether the process still runs.
func (p process) alive() bool {
	now, ok := identify(p.PID)
	return ok && now == p
}

// name is a legal file name that no other process of this machine has had since it was booted.
func (p process) name() string {
	h := fnv.New32a()
	h.Write([]byte(p.Started))
	return fmt.Sprintf("%d-%08x", p.PID, h.Sum32())
}

// self is this test binary.
func self() process {
	p, ok := identify(os.Getpid())
	if !ok {
		// Neither /proc nor ps: nothing to compare with, the PID has to do.
		return process{PID: os.Getpid()}
	}
	return p
}

// runOwner returns the process whose end is the end of the whole test run: the go command when it is our parent, which is
// parent to the test binaries of all the other packages too; else this test binary itself, since a shell, a debugger or an
// editor that started it may go on for days.
func runOwner() process {
	parent, ok := identify(os.Getppid())
	if ok && strings.TrimSuffix(commandName(parent.PID), ".exe") == "go" {
		return parent
	}
	return self()
}

// standsStill reports whether a process has been stopped, with all of its threads.
func standsStill(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, thread := range threads {
		if state, _ := statOf(thread); state != "T" && state != "" { // or it has just ended
			return false
		}
	}
	if len(threads) > 0 {
		return true
	}
	state, _ := psStat(pid)
	return strings.HasPrefix(state, "T")
}

// procStat reads state and start time from Linux's /proc; both empty if there is no such process or no such file system.
func procStat(pid int) (state, started string) {
	return statOf(fmt.Sprintf("/proc/%d/stat", pid))
}

func statOf(path string) (state, started string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", ""
	}
	// The second field is the command's name in parentheses and may hold blanks and parentheses itself.
	_, rest, ok := cutLast(string(text), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return "", ""
	}
	return fields[0], fields[19]
}

// psStat asks ps, for systems without /proc (macOS, the BSDs).
func psStat(pid int) (state, started string) {
	if _, err := os.Stat("/proc/self/stat"); err == nil {
		return "", "" // Linux has answered already
	}
	cmd := exec.Command("ps", "-o", "stat=", "-o", "lstart=", "-p", strconv.Itoa(pid))
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		return "", ""
	}
	state, started, _ = strings.Cut(strings.TrimSpace(string(out)), " ")
	return state, strings.TrimSpace(started)
}

// commandName returns the base name of a process's program, or "".
func commandName(pid int) string {
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
		return strings.TrimSpace(string(text))
	}
	out, err := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return filepath.Base(strings.TrimSpace(string(out)))
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
