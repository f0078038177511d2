package cassandratest

import (
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that answers with what it was sent.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() { // ends with the listener
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return listener.Addr().String()
}

func dial(t *testing.T, f *Forwarder) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", f.Host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a word and gives the answer that comes within d.
func ask(c net.Conn, word string, d time.Duration) (string, error) {
	if _, err := io.WriteString(c, word); err != nil {
		return "", err
	}
	return hear(c, len(word), d)
}

func hear(c net.Conn, n int, d time.Duration) (string, error) {
	answer := make([]byte, n)
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		return "", err
	}
	n, err := io.ReadFull(c, answer)
	return string(answer[:n]), err
}

func TestAForwarderCutsHoldsAndRestores(t *testing.T) {
	f := Forward(t, echo(t))
	c := dial(t, f)
	if got, err := ask(c, "one", time.Minute); got != "one" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}

	f.Hold()
	if got, err := ask(c, "two", 50*time.Millisecond); err == nil {
		t.Errorf("held, but it answers %q", got)
	}
	f.Restore()
	if got, err := hear(c, 3, time.Minute); got != "two" || err != nil {
		t.Errorf("what was held came as %q, %v", got, err)
	}

	f.Cut()
	if got, err := ask(c, "three", time.Minute); err == nil {
		t.Errorf("cut, but it answers %q", got)
	}
	if got, err := ask(dial(t, f), "four", time.Minute); err == nil {
		t.Errorf("cut, but a new connection answers %q", got)
	}
	f.Restore()
	if got, err := ask(dial(t, f), "five", time.Minute); got != "five" || err != nil {
		t.Errorf("restored: %q, %v", got, err)
	}
}
