package api

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"openpayment/account"
)

// sort puts faults in the order in which a reader goes through the form: known
// fields first, elements of lists by number, and then all others as they came.
func (f *form) sort() {
	slices.SortStableFunc(f.faults, func(a, b account.Fault) int {
		return cmp.Or(
			cmp.Compare(f.rank(a), f.rank(b)),
			cmp.Compare(f.element(a), f.element(b)),
		)
	})
}

// rank is the place of the field that a fault is about.
func (f *form) rank(fault account.Fault) int {
	name, _, _ := strings.Cut(strings.TrimPrefix(fault.Pointer, "/"), "/")
	if i := slices.Index(f.known, name); i >= 0 {
		return i
	}
	return len(f.known)
}

// element is the index in a known list that a fault is about, -1 for none.
func (f *form) element(fault account.Fault) int {
	i, err := strconv.Atoi(fault.Pointer[strings.LastIndexByte(fault.Pointer, '/')+1:])
	if err != nil || f.rank(fault) == len(f.known) {
		return -1
	}
	return i
}

// nearest is the name that somebody who wrote given may have meant, empty if
// none is near.
func nearest(given string, names []string) string {
	const near, longest = 2, 32
	best, least := "", near+1
	for _, name := range names {
		if len(given) > longest {
			break
		}
		if d := distance(strings.ToLower(given), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is how many bytes must be inserted, removed or replaced to make b of
// a (Levenshtein 1965).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances from a[:i] to each b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
