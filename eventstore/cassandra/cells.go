package cassandra

import (
	"encoding/binary"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
)

// cell is a value as it goes to the server: the driver has nothing to find out about
// it, and makes nothing of it.
type cell struct{ bytes []byte }

// MarshalCQL is for the driver.
func (c *cell) MarshalCQL(gocql.TypeInfo) ([]byte, error) { return c.bytes, nil }

// eventCells is how many columns of an event's row differ from one to the next: all of
// insertEvent but log and bucket.
const eventCells = 8

// cells writes the values of a batch's rows one after another into one piece of memory.
// Each is written in the format of the protocol, version 3 and later.
type cells struct {
	all  []cell
	room []byte
}

// newCells has room for the rows of batch, and for what is the same in all of them.
func newCells(batch []eventstore.Event, log string) *cells {
	size := len(log) + 8
	for i := range batch {
		size += batch[i].Size() + 4 + 8*len(batch[i].Meta)
	}
	return &cells{all: make([]cell, 0, len(batch)*eventCells+2), room: make([]byte, 0, size)}
}

// end makes a cell of what has been written since start.
func (c *cells) end(start int) *cell {
	c.all = append(c.all, cell{c.room[start:len(c.room):len(c.room)]})
	return &c.all[len(c.all)-1]
}

func (c *cells) number(n int64) *cell {
	c.room = binary.BigEndian.AppendUint64(c.room, uint64(n)) // #nosec G115 -- two's complement, as the server reads it
	return c.end(len(c.room) - 8)
}

func (c *cells) text(s string) *cell {
	c.room = append(c.room, s...)
	return c.end(len(c.room) - len(s))
}

func (c *cells) blob(b []byte) *cell {
	c.room = append(c.room, b...)
	return c.end(len(c.room) - len(b))
}

func (c *cells) texts(m eventstore.Meta) *cell {
	start := len(c.room)
	length := func(n int) { c.room = binary.BigEndian.AppendUint32(c.room, uint32(n)) } // #nosec G115 -- limited by MaxMetaBytes
	length(len(m))
	for i := range m {
		length(len(m[i].Name))
		c.room = append(c.room, m[i].Name...)
		length(len(m[i].Value))
		c.room = append(c.room, m[i].Value...)
	}
	return c.end(start)
}
