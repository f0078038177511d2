package cassandratest

import (
	"os"
	"syscall"
)

// noWait: a pipe nobody reads must not stop a test, and a terminal must not become ours.
const noWait = syscall.O_NONBLOCK | syscall.O_NOCTTY

// The two calls have the same numbers on all architectures that Go supports; package syscall is frozen and lacks them.
const (
	sysPidfdOpen  = 434 // Linux 5.3
	sysPidfdGetfd = 438 // Linux 5.6
)

// dupStderr duplicates another process's stderr. It is the only way that is right for every kind of file, as both share one
// position in it, but it needs the right to trace that process, which hardened systems give to root alone.
func dupStderr(pid int) (*os.File, error) {
	pidfd, _, errno := syscall.Syscall(sysPidfdOpen, uintptr(pid), 0, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("pidfd_open", errno)
	}
	defer syscall.Close(int(pidfd))
	fd, _, errno := syscall.Syscall(sysPidfdGetfd, pidfd, 2, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("pidfd_getfd", errno)
	}
	return os.NewFile(fd, "stderr of the go command"), nil
}
