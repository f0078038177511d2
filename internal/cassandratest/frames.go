package cassandratest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"testing"
)

// Forward starts a Forwarder to each node, all of them on one port: the network of one client. That client must be told their
// hosts, and speak version 4 of Cassandra's protocol without compression.
//
// Since Cassandra 4 nodes tell drivers the port of each node too. A Forwarder changes it to its own, or the driver would find
// its way around it.
func (r *Ring) Forward(t testing.TB) []*Forwarder {
	t.Helper()
	port, err := FreePort(ringAddresses...)
	if err != nil {
		t.Fatal(err)
	}
	var all []*Forwarder
	for _, n := range r.Nodes {
		address, theirs, err := net.SplitHostPort(n.Host())
		if err != nil {
			t.Fatal(err)
		}
		old, err := strconv.Atoi(theirs)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, forward(t, n.Host(), net.JoinHostPort(address, strconv.Itoa(port)), func(from net.Conn) chunks {
			return frames(from, old, port)
		}))
	}
	return all
}

// frameHeader is how long a frame's header is; its last four bytes say how long the body is.
const frameHeader = 9

// frames gives whole frames, in which one port is replaced by another wherever it is the value of a column.
func frames(from io.Reader, old, port int) chunks {
	r := bufio.NewReaderSize(from, 32<<10)
	seek, put := portValue(old), portValue(port)
	var frame bytes.Buffer
	return func() ([]byte, error) {
		frame.Reset()
		if _, err := io.CopyN(&frame, r, frameHeader); err != nil {
			return nil, err
		}
		length := binary.BigEndian.Uint32(frame.Bytes()[frameHeader-4:])
		if _, err := io.CopyN(&frame, r, int64(length)); err != nil {
			return nil, err
		}
		return bytes.ReplaceAll(frame.Bytes(), seek, put), nil
	}
}

// portValue is a port as the value of a column: its length and an int.
func portValue(port int) []byte {
	return binary.BigEndian.AppendUint32([]byte{0, 0, 0, 4}, uint32(port))
}
