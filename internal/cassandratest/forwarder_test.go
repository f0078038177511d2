package cassandratest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"
	"testing/iotest"
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

func TestAForwarderDelays(t *testing.T) {
	f := Forward(t, echo(t))
	c := dial(t, f)
	const delay = 50 * time.Millisecond
	f.Delay(delay)
	began := time.Now()
	if got, err := ask(c, "late", time.Minute); got != "late" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if took := time.Since(began); took < 2*delay {
		t.Errorf("there and back in %s", took)
	}
	f.Delay(time.Hour)
	if got, err := ask(c, "never", delay); err == nil {
		t.Errorf("%q", got)
	}
	f.Restore()
	if got, err := hear(c, 5, time.Minute); got != "never" || err != nil {
		t.Errorf("restored: %q, %v", got, err)
	}
}

func TestAForwarderOfARingChangesThePortInWhateverFrame(t *testing.T) {
	frame := func(body ...byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0x84, 0, 0, 1, 8}, uint32(len(body))), body...)
	}
	old, put := portValue(9042), portValue(20007)
	in := slices.Concat(frame(), frame(old...), frame(1, 2, 3), frame(slices.Concat([]byte{7}, old, old, []byte{0})...), frame(old[1:]...))
	want := slices.Concat(frame(), frame(put...), frame(1, 2, 3), frame(slices.Concat([]byte{7}, put, put, []byte{0})...), frame(old[1:]...))
	next := frames(iotest.OneByteReader(bytes.NewReader(in)), 9042, 20007)
	var got []byte
	for range 5 {
		f, err := next()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f...)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
	if f, err := next(); err == nil {
		t.Errorf("another frame: %x", f)
	}
}
