package account

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// history holds increasing positions in few bytes: the distances between them,
// as varints. The last of them is its account's version. It is a value: append
// gives a new one, and readers of the old one are not disturbed, as long as each
// value is appended to at most once.
type history []byte

// append adds a position, where last is the one before, 0 for none.
func (h history) append(last, position int64) history {
	if len(h)+binary.MaxVarintLen64 > cap(h) {
		// Grow slowly: there is one for each account.
		h = slices.Grow(slices.Clip(h), binary.MaxVarintLen64)
	}
	return binary.AppendUvarint(h, uint64(position-last))
}

func (h history) positions() []int64 {
	count := 0
	for _, b := range h {
		if b < 0x80 { // a varint ends
			count++
		}
	}
	all := make([]int64, 0, count)
	position := int64(0)
	for rest := h; len(rest) > 0; {
		delta, n := binary.Uvarint(rest)
		rest = rest[n:]
		position += int64(delta)
		all = append(all, position)
	}
	return all
}

// parseHistory is the history with these deltas, which it keeps, and the last
// position in it.
func parseHistory(deltas []byte) (h history, last int64, err error) {
	for rest := deltas; len(rest) > 0; {
		delta, n := binary.Uvarint(rest)
		if n <= 0 || delta == 0 || delta > uint64(math.MaxInt64-last) {
			return nil, 0, errors.New("its history cannot be read")
		}
		rest = rest[n:]
		last += int64(delta)
	}
	if len(deltas) == 0 {
		return nil, 0, errors.New("it has no history")
	}
	return slices.Clip(deltas), last, nil
}
