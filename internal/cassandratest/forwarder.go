package cassandratest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// A Forwarder stands between one client and a server, and can come between them: it is the network of that client alone. It
// forwards the bytes of every connection made to its Host.
//
// A driver that learns addresses from the server combines them with the port it has connected to. So a Forwarder listens on the
// server's address and another port, and the driver takes no other way. With a server that is not on this machine, or a ring, it
// would; those are refused.
//
// It is safe for concurrent use, and ends with the test.
type Forwarder struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup // accept, and two goroutines for each connection

	mu      sync.Mutex // guards all below
	changed *sync.Cond // of state
	state   forwarderState
	conns   map[net.Conn]bool
}

type forwarderState int

const (
	forwarding forwarderState = iota
	holding                   // bytes wait
	cut                       // connections end
	ended                     // with the test
)

// Forward starts a Forwarder to a server on this machine, as given by Hosts or Node.Host. It skips the test if the server is
// elsewhere.
func Forward(t testing.TB, target string) *Forwarder {
	t.Helper()
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		t.Fatal(err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		t.Skipf("cassandratest: SKIPPED: %s is not on this machine, and the driver would find its way around a forwarder", target)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	f := &Forwarder{target: target, listener: listener, conns: make(map[net.Conn]bool)}
	f.changed = sync.NewCond(&f.mu)
	f.running.Go(f.accept)
	t.Cleanup(func() {
		f.set(ended)
		listener.Close()
		f.running.Wait()
	})
	return f
}

// Host is where to connect to ("host:port").
func (f *Forwarder) Host() string { return f.listener.Addr().String() }

// Cut ends all connections, and new ones at once: as when the network is switched off.
func (f *Forwarder) Cut() { f.set(cut) }

// Hold keeps all connections and lets nothing through: as when packets get lost. What was sent meanwhile arrives after Restore, as
// it does with TCP.
func (f *Forwarder) Hold() { f.set(holding) }

// Restore undoes Cut and Hold.
func (f *Forwarder) Restore() { f.set(forwarding) }

func (f *Forwarder) set(s forwarderState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = s
	if s == cut || s == ended {
		for c := range f.conns {
			c.Close()
		}
	}
	f.changed.Broadcast()
}

// accept is the listener's goroutine.
func (f *Forwarder) accept() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return // closed
		}
		if server, err := net.Dial("tcp", f.target); err != nil || !f.admit(client, server) {
			client.Close()
			if err == nil {
				server.Close()
			}
		}
	}
}

// admit begins to forward between two connections, unless the way is cut.
func (f *Forwarder) admit(client, server net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == cut || f.state == ended {
		return false
	}
	f.conns[client], f.conns[server] = true, true
	forward := func(to, from net.Conn) {
		// Whatever ends it, both connections end.
		_, _ = io.Copy(gated{f, to}, from)
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, c := range []net.Conn{to, from} {
			c.Close()
			delete(f.conns, c)
		}
	}
	f.running.Go(func() { forward(server, client) })
	f.running.Go(func() { forward(client, server) })
	return true
}

// gated writes while the Forwarder forwards, and waits while it holds.
type gated struct {
	f  *Forwarder
	to net.Conn
}

var errCut = errors.New("the connection is cut")

func (g gated) Write(b []byte) (int, error) {
	g.f.mu.Lock()
	for g.f.state == holding {
		g.f.changed.Wait()
	}
	dead := !g.f.conns[g.to]
	g.f.mu.Unlock()
	if dead {
		return 0, errCut
	}
	return g.to.Write(b)
}
