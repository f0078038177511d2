//go:build !linux

package cassandratest

import (
	"errors"
	"os"
)

const noWait = 0

func dupStderr(int) (*os.File, error) { return nil, errors.ErrUnsupported }
