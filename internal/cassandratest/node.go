package cassandratest

import (
	"os"
	"syscall"
	"testing"
)

// A Node is a server that belongs to one test, which may do to it what happens to servers. It keeps its port and its data
// throughout, and is removed with them in the test's cleanup, or by its guardian if the test binary is killed.
//
// Its methods end the test if they fail, so they are for the test's own goroutine. One goroutine uses a Node at a time.
type Node struct {
	t      testing.TB
	server server
}

// An Option changes how StartNode or StartRing set up a server.
type Option func(*config)

// Setting sets a top-level key of cassandra.yaml, as in Setting("write_request_timeout", "200ms"). An empty value leaves the key
// at Cassandra's default: commitlog_sync needs that for its commitlog_sync_period when it is set to something other than
// periodic. It must not be one of the addresses, ports and directories.
func Setting(key, value string) Option {
	return func(c *config) { c.settings = append(c.settings, setting{key, value}) }
}

// nodeHeap is the -Xmx of a server of one test's own.
const nodeHeap = "512m"

// StartNode starts a server for this test alone and returns when it answers. It takes the providers of Hosts in their order,
// except CASSANDRA_HOSTS: those servers are somebody's. Without any it skips the test or fails it, as Hosts does.
//
// It costs 10 to 20 s and 1 GB of memory.
func StartNode(t testing.TB, opts ...Option) *Node {
	t.Helper()
	dir, err := os.MkdirTemp("", "openpayment-node-")
	if err != nil {
		t.Fatal(err)
	}
	c := config{owner: self(), dir: dir, remove: dir, address: "127.0.0.1", heap: nodeHeap}
	for _, o := range opts {
		o(&c)
	}
	l, err := launch(t.Context(), providers(), c)
	if err != nil {
		os.RemoveAll(dir)
	}
	return newNode(t, l, err)
}

// newNode wraps what launch returned.
func newNode(t testing.TB, l launched, err error) *Node {
	t.Helper()
	settle(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("cassandratest: the log of %s ends with:\n%s", l.hostPort(), l.tail())
		}
		l.discard()
	})
	t.Logf("cassandratest: %s at %s, private", l.about, l.hostPort())
	return &Node{t: t, server: l.server}
}

// Host returns the node's contact point ("host:port"), the same for all its life.
func (n *Node) Host() string { return n.server.hostPort() }

// Stop shuts the node down in an orderly way (SIGTERM) and returns when it has gone.
func (n *Node) Stop() {
	n.t.Helper()
	if err := n.server.end(syscall.SIGTERM); err != nil {
		n.t.Fatalf("cassandratest: stop %s: %v", n.Host(), err)
	}
}

// Kill ends the node without a chance to do anything about it (SIGKILL) and returns when it has gone. What Cassandra had
// written to its files is kept, fsync or not: it is a crash of the process, not of the machine.
func (n *Node) Kill() {
	n.t.Helper()
	if err := n.server.end(syscall.SIGKILL); err != nil {
		n.t.Fatalf("cassandratest: kill %s: %v", n.Host(), err)
	}
}

// Start starts a node that was stopped or killed and returns when it answers again.
func (n *Node) Start() {
	n.t.Helper()
	if err := <-n.Begin(); err != nil {
		n.t.Fatalf("cassandratest: start %s again: %v", n.Host(), err)
	}
}

// Begin is Start without waiting: what it returns gets nil or an error, and is closed, when the node answers again or can't. Nothing may
// be done to the node before.
func (n *Node) Begin() <-chan error {
	started := make(chan error, 1)
	go func() { // ends by itself: the start has a time limit, and ends with the test
		_, err := n.server.start(n.t.Context())
		started <- err
		close(started)
	}()
	return started
}

// Pause freezes the node (SIGSTOP): connections stay open and requests get no answer, as in a long garbage collection or
// behind a broken network. They may still take effect after Resume.
func (n *Node) Pause() {
	n.t.Helper()
	if err := n.server.freeze(true); err != nil {
		n.t.Fatalf("cassandratest: pause %s: %v", n.Host(), err)
	}
}

// Resume lets a paused node go on. Resuming one that is not paused does nothing.
func (n *Node) Resume() {
	n.t.Helper()
	if err := n.server.freeze(false); err != nil {
		n.t.Fatalf("cassandratest: resume %s: %v", n.Host(), err)
	}
}
