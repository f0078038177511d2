package account

import "slices"

// Filter chooses among open accounts; empty fields choose all.
type Filter struct {
	SortCode string // NN-NN-NN or NNNNNN
	Customer string // one of the account's CustomerURLs
}

// matches expects SortCode in its stored form.
func (f Filter) matches(a *Account) bool {
	return a.Status == StatusOpen &&
		(f.SortCode == "" || f.SortCode == a.SortCode) &&
		(f.Customer == "" || slices.Contains(a.CustomerURLs, f.Customer))
}

// List gives the first limit open accounts behind the given number that match,
// in ascending order of their numbers, compared as text. Accounts opened or closed
// meanwhile may or may not be among them. It takes time in proportion to the
// accounts looked at, which is all of them for a filter that nothing matches.
func (s *State) List(after Number, limit int, f Filter) []*Account {
	if limit <= 0 {
		return nil
	}
	if stored, ok := ParseSortCode(f.SortCode); ok {
		f.SortCode = stored
	}
	var found []*Account
	chunk := make([]Number, 0, 256)
	for {
		chunk = s.index.after(after, chunk[:0])
		for _, n := range chunk {
			if a := s.Account(n); f.matches(a) {
				if found = append(found, a); len(found) == limit {
					return found
				}
			}
		}
		if len(chunk) < cap(chunk) {
			return found
		}
		after = chunk[len(chunk)-1]
	}
}
