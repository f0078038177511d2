package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// line is one connection of a client that does no more than it must, so that what is
// measured is the server: it sends a request as text, and reads the whole answer.
type line struct {
	conn net.Conn
	read *bufio.Reader
	text []byte
	host string
}

type lines []*line

func (s *server) connect(ctx context.Context, n int) (all lines, err error) {
	var dialer net.Dialer
	for range n {
		conn, err := dialer.DialContext(ctx, "tcp", s.at)
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, &line{conn: conn, read: bufio.NewReader(conn), host: s.at})
	}
	return all, nil
}

func (all lines) close() {
	for _, l := range all {
		_ = l.conn.Close()
	}
}

// patience is how long an answer may take.
const patience = time.Minute

// exchange sends a request, and makes sure that the answer has the status.
func (l *line) exchange(ctx context.Context, method, path, body string, status int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_ = l.conn.SetDeadline(time.Now().Add(patience))
	l.text = fmt.Appendf(l.text[:0], "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, l.host)
	if body != "" {
		l.text = fmt.Appendf(l.text, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	l.text = append(append(l.text, "\r\n"...), body...)
	if _, err := l.conn.Write(l.text); err != nil {
		return err
	}
	answer, err := http.ReadResponse(l.read, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode == status {
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 500))
	return fmt.Errorf("%s %s: %s, %d was expected: %s", method, path, answer.Status, status, text)
}
