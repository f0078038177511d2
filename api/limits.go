package api

import (
	"net"
	"net/netip"
	"sync"

	"openpayment/api/access"
)

// Limits say how many connections a listener takes at once. 0 is any number.
type Limits struct {
	Connections int
	PerAddress  int // of one client, as of [access.Client]
	// Secret is for connections on which the client waits for TLS: one that is too many
	// is cut, since telling it why would take the handshake that is to be spared.
	Secret bool
}

// Limit answers what is too many with 503 overloaded, and ends it. It does not let it
// wait: who waits in the kernel's queue is told nothing, and can't be told from one who
// never will be served, by load balancers above all.
func Limit(l net.Listener, limits Limits) net.Listener {
	return &limited{Listener: l, limits: limits, each: make(map[netip.Prefix]int), refusing: make(chan struct{}, maxRefusing)}
}

// maxRefusing is how many clients are told at once that there are too many. Others
// are cut.
const maxRefusing = 256

type limited struct {
	net.Listener
	limits   Limits
	refusing chan struct{} // holds one for each that is being told

	mu   sync.Mutex // guards what follows
	all  int
	each map[netip.Prefix]int
}

// Accept implements [net.Listener].
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := access.Client(c.RemoteAddr().String())
		if l.enter(client) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { l.leave(client) })}, nil
		}
		l.refuse(c)
	}
}

func (l *limited) enter(client netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limits.Connections > 0 && l.all >= l.limits.Connections || l.limits.PerAddress > 0 && l.each[client] >= l.limits.PerAddress {
		return false
	}
	l.all++
	l.each[client]++
	return true
}

func (l *limited) leave(client netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.each[client]--; l.each[client] == 0 {
		delete(l.each, client)
	}
}

// refuse does not keep the next from being accepted: a goroutine of its own, that ends
// with lingerTime, tells the client.
func (l *limited) refuse(c net.Conn) {
	if l.limits.Secret {
		c.Close()
		return
	}
	select {
	case l.refusing <- struct{}{}:
		go func() {
			defer func() { <-l.refusing }()
			p := newProblem(codeOverloaded, "as many connections are open as this node takes, in all or from one address; nothing was done: try again after Retry-After seconds, over connections that are kept open")
			dismiss(c, answerOf(problemKinds[codeOverloaded].status, p))
		}()
	default:
		c.Close()
	}
}

// counted is a connection that counts until it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite is for [conn.CloseWrite].
func (c *counted) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
