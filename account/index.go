package account

import (
	"slices"
	"sync"
)

// index is the set of all numbers ever used, in ascending order: sorted leaves of
// bounded size in one sorted list, so that an insertion moves little memory even
// among millions.
type index struct {
	mu     sync.RWMutex // guards leaves; held for one insertion or one chunk
	leaves [][]Number   // none empty, each sorted, and all before those of the next
}

const leafSize = 512

// leaf finds the leaf that n belongs into.
func (x *index) leaf(n Number) int {
	i, found := slices.BinarySearchFunc(x.leaves, n, func(leaf []Number, n Number) int {
		return compare(leaf[0], n)
	})
	if !found && i > 0 {
		i--
	}
	return i
}

func compare(a, b Number) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (x *index) insert(n Number) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.leaves) == 0 {
		x.leaves = [][]Number{{n}}
		return
	}
	i := x.leaf(n)
	at, _ := slices.BinarySearch(x.leaves[i], n)
	leaf := slices.Insert(x.leaves[i], at, n)
	x.leaves[i] = leaf
	if len(leaf) > leafSize {
		// Numbers often come in ascending order: leave the full part full.
		half := len(leaf) / 2
		if at == len(leaf)-1 {
			half = len(leaf) - 1
		}
		x.leaves = slices.Insert(x.leaves, i+1, slices.Clone(leaf[half:]))
		x.leaves[i] = slices.Clip(leaf[:half])
	}
}

// after appends to buf up to its capacity of the numbers that follow n.
func (x *index) after(n Number, buf []Number) []Number {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(x.leaves) == 0 {
		return buf
	}
	i := x.leaf(n)
	at, found := slices.BinarySearch(x.leaves[i], n)
	if found {
		at++
	}
	for ; i < len(x.leaves) && len(buf) < cap(buf); i, at = i+1, 0 {
		room := cap(buf) - len(buf)
		rest := x.leaves[i][at:]
		buf = append(buf, rest[:min(room, len(rest))]...)
	}
	return buf
}
