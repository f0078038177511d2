//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package cassandratest

import (
	"errors"
	"os"
	"syscall"
)

const supported = false

const (
	sigPause  = syscall.Signal(0)
	sigResume = syscall.Signal(0)
)

func detached() *syscall.SysProcAttr { return nil }

func lock(*os.File) error { return errors.ErrUnsupported }
