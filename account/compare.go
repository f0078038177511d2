package account

import (
	"bytes"
	"iter"
	"slices"
)

// Difference is an account on which two states at one position do not agree.
type Difference struct {
	Number Number
	// Left and Right are the account in the one state and in the other; nil where
	// there is none.
	Left, Right *Account
	// Fields names what differs, in the words of the JSON form; "history" for the
	// positions of the account's events. None when one of the two is nil.
	Fields []string
}

// Compare yields the accounts on which two frozen states differ, in ascending
// order of their numbers. It looks at every field of every account, and trusts no
// digest.
func Compare(left, right *Frozen) iter.Seq[Difference] {
	return func(yield func(Difference) bool) {
		next, stop := iter.Pull(right.All())
		defer stop()
		r, more := next()
		for l := range left.All() {
			for ; more && r.Account.Number < l.Account.Number; r, more = next() {
				if !yield(Difference{Number: r.Account.Number, Right: r.Account}) {
					return
				}
			}
			d := Difference{Number: l.Account.Number, Left: l.Account}
			if more && r.Account.Number == l.Account.Number {
				if d.Right, d.Fields = r.Account, differing(l, r); len(d.Fields) == 0 {
					r, more = next()
					continue
				}
				r, more = next()
			}
			if !yield(d) {
				return
			}
		}
		for ; more; r, more = next() {
			if !yield(Difference{Number: r.Account.Number, Right: r.Account}) {
				return
			}
		}
	}
}

// differing names the fields in which two records of one account differ.
func differing(l, r Record) []string {
	a, b := l.Account, r.Account
	var fields []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"sortCode", a.SortCode == b.SortCode},
		{"customerURLs", slices.Equal(a.CustomerURLs, b.CustomerURLs)},
		{"cardURLs", slices.Equal(a.CardURLs, b.CardURLs)},
		{"currency", a.Currency == b.Currency},
		{"balance", a.Balance == b.Balance},
		{"status", a.Status == b.Status},
		{"version", a.Version == b.Version},
		{"openedAt", a.OpenedAt.Equal(b.OpenedAt)},
		{"updatedAt", a.UpdatedAt.Equal(b.UpdatedAt)},
		{"history", bytes.Equal(l.Deltas, r.Deltas)},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	return fields
}
