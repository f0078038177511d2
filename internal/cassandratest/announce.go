package cassandratest

import (
	"fmt"
	"os"
	"path/filepath"
)

// announce writes text to where the person or the log that runs the tests will see it.
//
// That takes some doing. `go test ./...` prints what a package's tests print only if one of them failed, or with -v, and a
// t.Skip is no exception: a run without Cassandra would look like a run with it. So the text goes to the go command's own
// stderr where the system lets us (Linux, same user), else to the terminal the run was started from, else, as the best that is
// left, to our own stderr.
func announce(text string) {
	owner := runOwner()
	if owner.PID != os.Getpid() {
		for _, open := range []func(pid int) (*os.File, error){dupStderr, reopenStderr, openTerminal} {
			f, err := open(owner.PID)
			if err != nil {
				continue
			}
			_, err = f.WriteString(text)
			f.Close()
			if err == nil {
				return
			}
		}
	}
	os.Stderr.WriteString(text)
}

// reopenStderr opens the file behind another process's stderr. That is right for a terminal or a pipe. A regular file would get
// a second position, and the two writers would overwrite each other.
func reopenStderr(pid int) (*os.File, error) {
	path := fmt.Sprintf("/proc/%d/fd/2", pid)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&(os.ModeCharDevice|os.ModeNamedPipe) == 0 {
		return nil, fmt.Errorf("%s is %v", path, info.Mode())
	}
	return os.OpenFile(path, os.O_WRONLY|noWait, 0)
}

func openTerminal(int) (*os.File, error) {
	return os.OpenFile(filepath.FromSlash("/dev/tty"), os.O_WRONLY|noWait, 0)
}
