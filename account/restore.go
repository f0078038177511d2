package account

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Restorer makes a [State] of the records of a frozen one. Records come in parts,
// each part's in ascending order of the numbers and all behind those of the parts
// before; the parts may be added in any order, by several goroutines at once.
type Restorer struct {
	state    *State
	position int64

	mu     sync.Mutex // guards all below
	digest Digest
	parts  map[int][][]Number // the leaves of each part
}

// NewRestorer prepares for the state at a position, of about so many accounts.
func NewRestorer(position, accounts int64) *Restorer {
	s := &State{}
	perShard := int(accounts/shardCount) * 9 / 8 // numbers spread nearly evenly
	for i := range s.shards {
		s.shards[i].accounts = make(map[Number]record, perShard)
	}
	s.position.Store(position)
	return &Restorer{state: s, position: position, parts: make(map[int][][]Number)}
}

// Add takes over one part: the records, and what they point to, belong to the
// state from then on. An error means that no state can have such records.
func (r *Restorer) Add(part int, records []Record) error {
	var digest Digest
	open := int64(0)
	numbers := make([]Number, 0, len(records))
	for _, rec := range records {
		a := rec.Account
		if len(numbers) > 0 && a.Number <= numbers[len(numbers)-1] {
			return fmt.Errorf("account %s stands behind account %s", a.Number, numbers[len(numbers)-1])
		}
		h, err := r.historyOf(rec)
		if err != nil {
			return fmt.Errorf("account %s: %w", a.Number, err)
		}
		sh := r.state.shard(a.Number)
		sh.mu.Lock()
		sh.accounts[a.Number] = record{a, h}
		sh.mu.Unlock()
		digest.add(digestOf(a))
		open += openness(a)
		numbers = append(numbers, a.Number)
	}
	r.state.open.Add(open)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.digest.add(digest)
	r.parts[part] = slices.Collect(slices.Chunk(numbers, leafSize))
	return nil
}

func (r *Restorer) historyOf(rec Record) (history, error) {
	h, err := parseHistory(rec.Deltas)
	switch a := rec.Account; {
	case err != nil:
		return h, err
	case h.last != a.Version:
		return h, fmt.Errorf("its last event is %d, its version %d", h.last, a.Version)
	case a.Version > r.position:
		return h, fmt.Errorf("its version is %d, behind the position %d", a.Version, r.position)
	case !ValidNumber(string(a.Number)):
		return h, errors.New("this is no account number")
	case a.Status != StatusOpen && a.Status != StatusClosed:
		return h, fmt.Errorf("there is no status %q", a.Status)
	}
	return h, nil
}

// Pass notes that so many events up to there touched no account.
func (r *Restorer) Pass(events int64) { r.state.passed.Add(events) }

// Finish gives the state, when all parts have been added. Its digest is made of
// what was added: compare it with what it should be.
func (r *Restorer) Finish() (*State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	index := &r.state.index
	for part := range len(r.parts) {
		leaves, ok := r.parts[part]
		if !ok {
			return nil, fmt.Errorf("part %d is missing", part)
		}
		for _, leaf := range leaves {
			if n := len(index.leaves); n > 0 && leaf[0] <= last(index.leaves[n-1]) {
				return nil, fmt.Errorf("account %s stands behind account %s", leaf[0], last(index.leaves[n-1]))
			}
			index.leaves = append(index.leaves, slices.Clip(leaf))
		}
	}
	r.state.digest = r.digest
	return r.state, nil
}

func last(leaf []Number) Number { return leaf[len(leaf)-1] }
