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

// element is the index in a known list that a fault is about, or about a part of, -1
// for none.
func (f *form) element(fault account.Fault) int {
	_, rest, _ := strings.Cut(strings.TrimPrefix(fault.Pointer, "/"), "/")
	index, _, _ := strings.Cut(rest, "/")
	i, err := strconv.Atoi(index)
	if err != nil || f.rank(fault) == len(f.known) {
		return -1
	}
	return i
}
