package cassandratest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Serve runs a Cassandra from Maven Central's jars on 127.0.0.1 until ctx is done, and shuts it down in an orderly way. It is for
// trying things out without Docker, not for tests. ready is called with the version and the contact point once the server
// answers.
//
// The data go to dir, to be found there by the next call; with dir "" to a temporary directory that is removed.
func Serve(ctx context.Context, port int, dir string, ready func(version, hostPort string)) error {
	c := config{owner: self(), address: "127.0.0.1", port: port, heap: sharedHeap}
	if err := canListen(port, []string{c.address}); err != nil {
		return err
	}
	var err error
	if c.storagePort, err = FreePort(c.address); err != nil {
		return err
	}
	// Cassandra compares the name with that of the data, so it must not depend on this start's storage port.
	c.name = "openpayment"
	if dir == "" {
		if c.dir, err = os.MkdirTemp("", "openpayment-server-"); err != nil {
			return err
		}
		c.remove = c.dir
	} else if c.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	s, err := newJarServer(ctx, c)
	if err != nil {
		return err
	}
	defer s.discard()
	version, err := s.start(ctx)
	if err != nil {
		return err
	}
	ready(version, s.hostPort())
	gone := s.(*jarServer).guardian.gone
	select {
	case <-ctx.Done():
		return s.end(syscall.SIGTERM)
	case <-gone:
		return errors.Join(errServerEnded, fmt.Errorf("its log ends with:\n%s", s.tail()))
	}
}
