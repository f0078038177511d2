package api

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
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
	return answerOf(status, newProblem(codeBadHeader, "the request line or a header is not what HTTP/1.1 allows, or too long: see RFC 9112"))
}

// answerOf is a whole answer that ends its connection, for where there is no handler to
// ask.
func answerOf(status int, p *problem) []byte {
	id := newRequestID()
	w := p.wire("/", id)
	if w.Status != status {
		w.Title, w.Status = http.StatusText(status), status
	}
	p.header.Set("Content-Type", mediaProblem)
	p.header.Set("Connection", "close")
	p.header.Set("Request-Id", id)
	p.header.Set("Cache-Control", "no-store")
	p.header.Set("X-Content-Type-Options", "nosniff")
	// Marshalling strings and numbers doesn't fail, nor does writing to a buffer.
	body, _ := json.Marshal(w)
	p.header.Set("Content-Length", strconv.Itoa(len(body)))
	var answer bytes.Buffer
	fmt.Fprintf(&answer, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = p.header.Write(&answer)
	answer.WriteString("\r\n")
	answer.Write(body)
	return answer.Bytes()
}

// lingerTime is how long a client may take to read an answer that nobody waits for: one
// that is cut off while it still sends may never look at it.
const lingerTime = 500 * time.Millisecond

// dismiss gives a client an answer and ends its connection.
func dismiss(c net.Conn, answer []byte) {
	defer c.Close()
	if c.SetDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	if _, err := c.Write(answer); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, c) // up to the deadline
	}
}
