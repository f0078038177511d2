package cassandra

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
)

// The columns of an event that the driver would read by reflection, or into memory made
// for each: there may be millions of rows. All of them are set by every row.
type (
	// headColumn is a bucket's head, which is not known if it is null.
	headColumn struct {
		position int64
		known    bool
	}
	// metaColumn is empty if it is null.
	metaColumn eventstore.Meta
	// hashColumn is not whole if it has not the length of a hash.
	hashColumn struct {
		hash  eventstore.Hash
		whole bool
	}
	// kindColumn is mostly that of the row before.
	kindColumn string
)

var (
	_ gocql.Unmarshaler = (*headColumn)(nil)
	_ gocql.Unmarshaler = (*metaColumn)(nil)
	_ gocql.Unmarshaler = (*hashColumn)(nil)
	_ gocql.Unmarshaler = (*kindColumn)(nil)
)

// UnmarshalCQL implements [gocql.Unmarshaler].
func (c *headColumn) UnmarshalCQL(_ gocql.TypeInfo, data []byte) error {
	switch len(data) {
	case 0:
		*c = headColumn{}
	case 8:
		*c = headColumn{int64(binary.BigEndian.Uint64(data)), true}
	default:
		return fmt.Errorf("a head has %d bytes", len(data))
	}
	return nil
}

// UnmarshalCQL implements [gocql.Unmarshaler].
func (c *hashColumn) UnmarshalCQL(_ gocql.TypeInfo, data []byte) error {
	c.whole = copy(c.hash[:], data) == len(c.hash) && len(data) == len(c.hash)
	return nil
}

// UnmarshalCQL implements [gocql.Unmarshaler].
func (c *kindColumn) UnmarshalCQL(_ gocql.TypeInfo, data []byte) error {
	if string(data) != string(*c) {
		*c = kindColumn(data)
	}
	return nil
}

// UnmarshalCQL implements [gocql.Unmarshaler], for a map of texts in version 4 of the
// protocol (section 6.12): their number, then keys and values, each behind its length,
// which is negative for null.
func (c *metaColumn) UnmarshalCQL(_ gocql.TypeInfo, data []byte) error {
	if data == nil {
		*c = nil
		return nil
	}
	n, rest, err := cutNumber(string(data)) // of which all texts are pieces
	if err != nil || n < 0 {
		return errMeta
	}
	entries := make([]eventstore.Entry, 0, min(n, len(rest)/8)) // each takes more
	for range n {
		var key, value string
		if key, rest, err = cutText(rest); err != nil {
			return err
		}
		if value, rest, err = cutText(rest); err != nil {
			return err
		}
		entries = append(entries, eventstore.Entry{Name: key, Value: value})
	}
	*c = metaColumn(eventstore.MetaInOrder(entries))
	return nil
}

var errMeta = errors.New("meta is no map of texts")

// cutNumber reads what is at the front of data.
func cutNumber(data string) (n int, rest string, err error) {
	if len(data) < 4 {
		return 0, "", errMeta
	}
	return int(int32(binary.BigEndian.Uint32([]byte(data[:4])))), data[4:], nil
}

func cutText(data string) (text, rest string, err error) {
	n, data, err := cutNumber(data)
	if err != nil || n > len(data) {
		return "", "", errMeta
	}
	n = max(n, 0)
	return data[:n], data[n:], nil
}
