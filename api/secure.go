package api

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// Secure makes TLS connections of those of l, and does what [Listener] does. It shakes
// hands itself: package net/http would not speak HTTP/2 over anything but a [tls.Conn],
// whose answers can't be exchanged. A client that speaks HTTP without TLS is told so.
// A handshake may take as long as timeout, and holds up no other. Those that fail are
// logged, at debug level: anybody can cause them.
func Secure(l net.Listener, config *tls.Config, timeout time.Duration, log *logrus.Logger) net.Listener {
	s := &secure{Listener: l, config: config, timeout: timeout, log: log, ready: make(chan accepted)}
	s.life, s.stop = context.WithCancel(context.Background())
	s.busy.Go(s.run)
	return s
}

type secure struct {
	net.Listener
	config  *tls.Config
	timeout time.Duration
	log     *logrus.Logger

	ready chan accepted
	life  context.Context // ends with stop
	stop  context.CancelFunc
	busy  sync.WaitGroup // the goroutine that accepts, and those that shake hands
}

// accepted is what Accept gives.
type accepted struct {
	conn net.Conn
	err  error
}

// Accept implements [net.Listener].
func (s *secure) Accept() (net.Conn, error) {
	select {
	case a := <-s.ready:
		return a.conn, a.err
	case <-s.life.Done():
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. It ends the handshakes that are under way.
func (s *secure) Close() error {
	err := s.Listener.Close()
	s.stop()
	s.busy.Wait()
	return err
}

// run accepts connections until the listener is closed. Its owner is Close.
func (s *secure) run() {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			if !s.give(accepted{err: err}) || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // how long to wait after an error is up to whoever accepts
		}
		s.busy.Go(func() { s.shake(c) })
	}
}

// give hands over to Accept, unless nobody accepts any more.
func (s *secure) give(a accepted) bool {
	select {
	case s.ready <- a:
		return true
	case <-s.life.Done():
		return false
	}
}

// shake makes one connection ready to be accepted.
func (s *secure) shake(c net.Conn) {
	ctx, cancel := context.WithTimeout(s.life, s.timeout)
	defer cancel()
	secured := tls.Server(c, s.config)
	if err := secured.HandshakeContext(ctx); err != nil {
		s.failed(c, err)
		return
	}
	a := accepted{conn: secured}
	if secured.ConnectionState().NegotiatedProtocol != "h2" {
		a.conn = secureConn{conn{secured}, secured}
	}
	if !s.give(a) {
		secured.Close()
	}
}

// failed ends a connection without TLS.
func (s *secure) failed(c net.Conn, err error) {
	s.log.WithFields(logrus.Fields{"address": c.RemoteAddr().String(), "error": err}).Debug("TLS handshake failed")
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader) {
		dismiss(c, answerOf(http.StatusBadRequest, newProblem(codeBadHeader, "this port speaks HTTPS, and the request came without TLS: send it to https://")))
		return
	}
	c.Close()
}

// looksLikeHTTP tells whether bytes that are no TLS record begin with a method.
func looksLikeHTTP(start [5]byte) bool {
	for _, b := range start[:3] { // the shortest method has as many letters
		if b < 'A' || b > 'Z' {
			return false
		}
	}
	return true
}

// secureConn is a conn over TLS, as [http.Request.TLS] is to show it.
type secureConn struct {
	conn
	secured *tls.Conn
}

// ConnectionState is what the server looks for.
func (c secureConn) ConnectionState() tls.ConnectionState { return c.secured.ConnectionState() }
