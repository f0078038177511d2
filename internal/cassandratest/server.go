package cassandratest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A server is one Cassandra, in whichever way it is run. Its methods are called by one goroutine at a time.
type server interface {
	// start starts it, for the first time or again with the port and the data it had, and returns the version once it
	// answers CQL.
	start(ctx context.Context) (version string, err error)
	// end ends it with SIGTERM or SIGKILL and returns when it has gone. Ending a server that does not run does nothing.
	end(sig syscall.Signal) error
	// freeze stops it in its tracks or lets it go on. Its connections stay open meanwhile.
	freeze(on bool) error
	// hostPort is where it answers CQL.
	hostPort() string
	// tail returns the last lines of its log.
	tail() string
	// discard removes what is left of it, running or not.
	discard()
}

// logLines is how much of a server's log goes into an error.
const logLines = 25

// endTimeout is how long a server may take to shut down before it is killed.
const endTimeout = time.Minute

// A jarServer is a Java process on this machine, the child of a guardian.
type jarServer struct {
	config   config
	command  []string
	guardian *guardian // of the latest start; nil before the first
}

var _ server = (*jarServer)(nil)

func (s *jarServer) start(ctx context.Context) (string, error) {
	g, err := startGuardian(charge{
		Owner: s.config.owner, Command: s.command, Log: s.log(), Remove: s.config.remove,
	})
	if err != nil {
		return "", err
	}
	if s.guardian != nil {
		s.guardian.dismiss() // only now, so that the directory always has a guardian
	}
	s.guardian = g
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	version, err := await(ctx, []string{s.config.hostPort()}, s.config.cluster(), g.gone)
	if err != nil {
		return "", fmt.Errorf("%w; its log ends with:\n%s", err, s.tail())
	}
	return version, nil
}

func (s *jarServer) end(sig syscall.Signal) error {
	if s.guardian == nil {
		return nil
	}
	s.freeze(false) // a frozen process would not see SIGTERM
	if err := s.signal(sig); err != nil {
		return err
	}
	select {
	case <-s.guardian.gone:
		return nil
	case <-time.After(endTimeout):
	}
	if err := s.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-s.guardian.gone
	return fmt.Errorf("still there %v after %v, killed", endTimeout, sig)
}

func (s *jarServer) freeze(on bool) error {
	if !on {
		return s.signal(sigResume)
	}
	if err := s.signal(sigPause); err != nil || s.guardian == nil {
		return err
	}
	// The signal is sent, not obeyed: on a busy machine the server's threads may still answer
	// for some milliseconds.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(endTimeout)
	for !standsStill(s.guardian.server) {
		select {
		case <-tick.C:
		case <-s.guardian.gone:
			return nil
		case <-limit:
			return fmt.Errorf("it still runs %v after it was told to stand still", endTimeout)
		}
	}
	return nil
}

// signal sends sig to the server if it runs. The guardian reaps it and tells by gone, so the PID is still the server's.
func (s *jarServer) signal(sig syscall.Signal) error {
	if s.guardian == nil {
		return nil
	}
	select {
	case <-s.guardian.gone:
		return nil
	default:
	}
	p, err := os.FindProcess(s.guardian.server)
	if err != nil {
		return err
	}
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func (s *jarServer) hostPort() string { return s.config.hostPort() }

func (s *jarServer) tail() string {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	return lastLines(string(text), logLines)
}

func (s *jarServer) discard() {
	s.end(syscall.SIGKILL)
	if s.guardian != nil {
		s.guardian.dismiss()
	}
	if s.config.remove != "" {
		os.RemoveAll(s.config.remove)
	}
}

func (s *jarServer) log() string { return filepath.Join(s.config.dir, "cassandra.log") }

// portTaken tells from a failed start's error that somebody else was faster to take the port. Text is all there is: a log, or
// an answer of the Docker engine.
func portTaken(err error) bool {
	for _, sign := range []string{"Address already in use", "port is already allocated", "is in use by another process"} {
		if strings.Contains(err.Error(), sign) {
			return true
		}
	}
	return false
}
