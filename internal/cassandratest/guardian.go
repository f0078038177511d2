package cassandratest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

// guardianEnv turns a program that links this package into a guardian, see init. Its value is a charge.
const guardianEnv = "OPENPAYMENT_CASSANDRATEST_GUARDIAN"

// guardianPoll is how often a guardian looks whether its owner still runs, and so most of what it takes a server to follow
// a killed test run.
const guardianPoll = 250 * time.Millisecond

// A charge is what a guardian looks after. All of it ends soon after Owner has ended, in whichever way that was.
type charge struct {
	Owner     process
	Command   []string // a server to run as the guardian's child; may be empty
	Log       string   // where the server's output goes
	Container string   // a container to remove, by name; may be empty
	Remove    string   // a directory to remove; may be empty
}

// A guardian is the handle on a guardian process.
type guardian struct {
	cmd *exec.Cmd
	// server is the process of Command, zero without one.
	server int
	// gone is closed by the reading goroutine once the server has ended and is reaped, or the guardian is gone itself.
	gone chan struct{}
}

// init makes a guardian of this program when it was started as one. It has to happen before main, as main belongs to the test
// binary. The guardian is the test binary itself, not a shell loop, because it compares start times, talks to Docker, and
// is the parent of the server: no PID it acts upon can belong to somebody else.
func init() {
	text, ok := os.LookupEnv(guardianEnv)
	if !ok {
		return
	}
	var c charge
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		os.Exit(2)
	}
	os.Unsetenv(guardianEnv)
	os.Exit(guard(c))
}

// startGuardian starts the process. It shares neither terminal nor output with ours: `go test` would wait for the last holder
// of a test's stdout to end.
func startGuardian(c charge) (*guardian, error) {
	if !supported {
		return nil, errors.New("servers of our own are not supported on this system")
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	g := &guardian{cmd: exec.Command(exe), gone: make(chan struct{})}
	g.cmd.Env = append(os.Environ(), guardianEnv+"="+string(text))
	g.cmd.Dir = os.TempDir()
	g.cmd.SysProcAttr = detached()
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start guardian: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		g.server, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		g.dismiss()
		return nil, fmt.Errorf("guardian did not start %v: %w", c.Command, err)
	}
	go g.watch(out) // owned by the guardian process: ends with it at the latest
	return g, nil
}

// watch waits until the guardian closes its output.
func (g *guardian) watch(out io.Reader) {
	io.Copy(io.Discard, out)
	close(g.gone)
}

// dismiss ends a guardian whose charge needs it no more. The server must have ended.
func (g *guardian) dismiss() {
	g.cmd.Process.Kill()
	g.cmd.Wait()
}

// guard is the guardian's life; its result is the exit status. It answers on stdout with one line, the server's PID or 0, and
// closes stdout when the server has ended. It stays until the owner ends even then, for the directory.
func guard(c charge) int {
	var ended chan struct{} // closed when the server has ended
	var server *exec.Cmd
	if len(c.Command) == 0 {
		fmt.Println(0)
	} else {
		log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return 1
		}
		server = exec.Command(c.Command[0], c.Command[1:]...)
		server.Stdout, server.Stderr = log, log
		if err := server.Start(); err != nil {
			fmt.Fprintln(log, err)
			return 1
		}
		fmt.Println(server.Process.Pid)
		ended = make(chan struct{})
		// Owned by guard, which outlives it.
		go func() {
			server.Wait()
			os.Stdout.Close()
			close(ended)
		}()
	}

	for c.Owner.alive() {
		time.Sleep(guardianPoll)
	}
	if server != nil {
		server.Process.Kill() // a no-op once it has been waited for
		<-ended
	}
	if c.Container != "" {
		removeContainer(c.Container)
	}
	if c.Remove != "" {
		removeDir(c.Remove)
	}
	return 0
}

// removeDir removes a directory. It tries for a while: another guardian's server may be writing to it for a moment more.
func removeDir(dir string) {
	for range 40 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(guardianPoll)
	}
}

// removeContainer removes a container with its volumes. It tries for a while: the owner may have ended between asking the
// engine for the container and getting it.
func removeContainer(name string) {
	pool, err := dockertest.NewPool("")
	if err != nil {
		return
	}
	for range 10 {
		err := pool.Client.RemoveContainer(docker.RemoveContainerOptions{ID: name, Force: true, RemoveVolumes: true})
		if err == nil {
			return
		}
		time.Sleep(guardianPoll)
	}
}
