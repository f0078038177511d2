package cassandratest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A Forwarder stands between one client and a server, and can come between them: it is the network of that client alone. It
// forwards the bytes of every connection made to its Host.
//
// A driver that learns addresses from the server combines them with the port it has connected to. So a Forwarder listens on the
// server's address and another port, and the driver takes no other way. With a server that is not on this machine it would;
// that is refused. For a ring there is [Ring.Forward].
//
// It is safe for concurrent use, and ends with the test.
type Forwarder struct {
	target   string
	listener net.Listener
	answers  func(from net.Conn) chunks // how what the server sends is read
	running  sync.WaitGroup             // accept, and two goroutines for each connection

	mu      sync.Mutex    // guards all below
	changed chan struct{} // closed when state has changed, and replaced
	state   forwarderState
	delay   time.Duration // while forwarding
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
	return forward(t, target, net.JoinHostPort(host, "0"), plain)
}

// forward starts a Forwarder that listens on an address.
func forward(t testing.TB, target, listen string, answers func(net.Conn) chunks) *Forwarder {
	t.Helper()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	f := &Forwarder{target: target, listener: listener, answers: answers, changed: make(chan struct{}), conns: make(map[net.Conn]bool)}
	f.running.Go(f.accept)
	t.Cleanup(func() {
		f.set(ended, 0)
		listener.Close()
		f.running.Wait()
	})
	return f
}

// Host is where to connect to ("host:port").
func (f *Forwarder) Host() string { return f.listener.Addr().String() }

// Cut ends all connections, and new ones at once: as when the network is switched off.
func (f *Forwarder) Cut() { f.set(cut, 0) }

// Hold keeps all connections and lets nothing through: as when packets get lost. What was sent meanwhile arrives after Restore, as
// it does with TCP.
func (f *Forwarder) Hold() { f.set(holding, 0) }

// Delay has everything arrive later by d, in both directions, and what is sent meanwhile arrive together with what comes next:
// a network that is far, or busy.
func (f *Forwarder) Delay(d time.Duration) { f.set(forwarding, d) }

// Restore undoes Cut, Hold and Delay.
func (f *Forwarder) Restore() { f.set(forwarding, 0) }

func (f *Forwarder) set(s forwarderState, delay time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.delay = s, delay
	if s == cut || s == ended {
		for c := range f.conns {
			c.Close()
		}
	}
	close(f.changed)
	f.changed = make(chan struct{})
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
	copying := func(to, from net.Conn, next chunks) {
		// Whatever ends it, both connections end.
		for {
			b, err := next()
			if err != nil || !f.pass(to) {
				break
			}
			if _, err := to.Write(b); err != nil {
				break
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, c := range []net.Conn{to, from} {
			c.Close()
			delete(f.conns, c)
		}
	}
	f.running.Go(func() { copying(server, client, plain(client)) })
	f.running.Go(func() { copying(client, server, f.answers(server)) })
	return true
}

// pass waits until something may be written to a connection; false if never.
func (f *Forwarder) pass(to net.Conn) bool {
	var late *time.Timer // nil until the delay has begun
	for {
		f.mu.Lock()
		state, delay, changed, dead := f.state, f.delay, f.changed, !f.conns[to] || f.state == cut || f.state == ended
		f.mu.Unlock()
		switch {
		case dead:
			return false
		case state == holding:
			<-changed
		case delay == 0:
			return true
		default:
			if late == nil {
				late = time.NewTimer(delay)
				defer late.Stop()
			}
			select {
			case <-late.C:
				return true
			case <-changed:
			}
		}
	}
}

// chunks gives what has come on a connection, piece by piece. A piece is valid until the next.
type chunks func() ([]byte, error)

// plain gives bytes as they come.
func plain(from net.Conn) chunks {
	buffer := make([]byte, 32<<10)
	return func() ([]byte, error) {
		n, err := from.Read(buffer)
		if n > 0 {
			err = nil // comes again with the next
		}
		return buffer[:n], err
	}
}
