package account

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// history holds increasing positions in few bytes: the distances between them,
// as varints. It is a value: append gives a new one, and readers of the old one
// are not disturbed, as long as each value is appended to at most once.
type history struct {
	deltas []byte
	last   int64
	count  int
}

func (h history) append(position int64) history {
	if len(h.deltas)+binary.MaxVarintLen64 > cap(h.deltas) {
		// Grow slowly: there is one for each account.
		h.deltas = slices.Grow(slices.Clip(h.deltas), binary.MaxVarintLen64)
	}
	h.deltas = binary.AppendUvarint(h.deltas, uint64(position-h.last))
	h.last = position
	h.count++
	return h
}

func (h history) positions() []int64 {
	all := make([]int64, 0, h.count)
	position := int64(0)
	for rest := h.deltas; len(rest) > 0; {
		delta, n := binary.Uvarint(rest)
		rest = rest[n:]
		position += int64(delta)
		all = append(all, position)
	}
	return all
}

// parseHistory is the history with these deltas, which it keeps.
func parseHistory(deltas []byte) (history, error) {
	h := history{deltas: slices.Clip(deltas)}
	for rest := deltas; len(rest) > 0; h.count++ {
		delta, n := binary.Uvarint(rest)
		if n <= 0 || delta == 0 || delta > uint64(math.MaxInt64-h.last) {
			return history{}, errors.New("its history cannot be read")
		}
		rest = rest[n:]
		h.last += int64(delta)
	}
	if h.count == 0 {
		return history{}, errors.New("it has no history")
	}
	return h, nil
}
