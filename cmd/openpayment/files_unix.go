//go:build unix

package main

import (
	"syscall"

	"github.com/sirupsen/logrus"
)

// reservedFiles are for what is no client's connection: the store, snapshots, logs.
const reservedFiles = 256

// withinFiles is the number of connections that this process can have open at once, of those
// it should. Without it the store would be the first to find that there are no more files.
func withinFiles(connections int, log *logrus.Logger) int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > 1<<30 {
		return connections
	}
	possible := max(int(limit.Cur)-reservedFiles, 1)
	if connections == 0 || connections > possible {
		log.WithField("connections", possible).Warnf("this process may have %d files open, which is too few for --max-connections %d: raise the limit (ulimit -n)", limit.Cur, connections)
		return possible
	}
	return connections
}
