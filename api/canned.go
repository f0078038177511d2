package api

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// Listener makes problems of what package net/http answers by itself, before any
// handler: to a request line or header it cannot read, to headers that are too
// long, to expectations and encodings it does not know. It has no hook for these.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements [net.Listener].
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn{c}, nil
}

// conn exchanges such answers on their way out. Each of them is one Write.
type conn struct{ net.Conn }

// Write implements [net.Conn].
func (c conn) Write(p []byte) (int, error) {
	status, canned := cannedStatus(p)
	if !canned {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(unreadable(status)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// CloseWrite is what the server looks for, to let a client read its answer before
// the connection is cut.
func (c conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// cannedStatus tells whether p is an answer of net/http's own. It can be nothing
// else: no answer of this package is plain text or has status 417, and line breaks
// as in headers don't stand within JSON strings.
func cannedStatus(p []byte) (status int, canned bool) {
	const protocol, digits = "HTTP/1.1 ", 3
	if !bytes.HasPrefix(p, []byte(protocol)) || len(p) < len(protocol)+digits {
		return 0, false
	}
	status, err := strconv.Atoi(string(p[len(protocol) : len(protocol)+digits]))
	if err != nil || status < http.StatusBadRequest {
		return 0, false
	}
	const plain = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	return status, status == http.StatusExpectationFailed || bytes.Contains(p, []byte(plain))
}

// unreadable is the whole answer to a request that could not be read.
func unreadable(status int) []byte {
	id := uuid.NewString()
	p := newProblem(codeBadHeader, "the request line or a header is not what HTTP/1.1 allows, or too long: see RFC 9112")
	w := p.wire("/", id)
	w.Title, w.Status = http.StatusText(status), status
	// Marshalling strings and numbers doesn't fail.
	body, _ := json.Marshal(w)
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\nRequest-Id: %s\r\n"+
		"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n%s",
		status, http.StatusText(status), mediaProblem, len(body), id, body)
}
