package account

import "sync"

// digestSum is the digest of a state, kept up to date event by event; or, while it is
// postponed, as it is without the accounts that are due.
type digestSum struct {
	mu        sync.Mutex // held while an event is applied; guards all below, and every record's digest
	total     Digest
	postponed bool
	due       []*record // each once
}

// Digest sums up all accounts, keys and subjects, and gives the position at which they were
// like that: two states at one position have the same digest, whatever way they were
// built.
func (s *State) Digest() (int64, Digest) {
	s.sum.mu.Lock()
	defer s.sum.mu.Unlock()
	s.settle()
	return s.position.Load(), s.sum.total
}

// PostponeDigest leaves it to the next [State.Digest] or [State.SettleDigest] to look at
// the accounts that change from now on: when many events are applied one after another,
// most accounts change again before anybody asks.
func (s *State) PostponeDigest() {
	s.sum.mu.Lock()
	defer s.sum.mu.Unlock()
	s.sum.postponed = true
}

// SettleDigest has the digest be up to date with every event again. It takes up to a
// microsecond for each account that has changed, during which no event is applied.
func (s *State) SettleDigest() {
	s.sum.mu.Lock()
	defer s.sum.mu.Unlock()
	s.settle()
	s.sum.postponed, s.sum.due = false, nil
}

// settle adds what is due; with sum.mu held.
func (s *State) settle() {
	for _, r := range s.sum.due {
		digest := digestOf(r.account)
		s.sum.total.add(digest)
		sh := s.shard(r.account.Number)
		sh.mu.Lock()
		r.digest = digest
		sh.mu.Unlock()
	}
	s.sum.due = s.sum.due[:0]
}
