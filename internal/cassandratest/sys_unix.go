//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package cassandratest

import (
	"os"
	"syscall"
)

// supported says whether this system can run and end servers of our own. Elsewhere CASSANDRA_HOSTS is the only provider.
const supported = true

const (
	sigPause  = syscall.SIGSTOP
	sigResume = syscall.SIGCONT
)

// detached puts a child into a session of its own: Ctrl-C at the terminal ends the test run, and the guardian then cleans up
// after it instead of dying beside it.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// lock waits for the exclusive lock of f. It ends with the file's closing or the process, however that ends.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			return err
		}
	}
}
