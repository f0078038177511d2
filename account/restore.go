package account

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Restorer makes a [State] of the records of a frozen one, of its keys and of its
// subjects. All come in parts, records in ascending order of the numbers, keys in the order of the
// log, and all of a part behind those of the parts before; the parts may be added in
// any order, by several goroutines at once. Subjects come in whatever order.
type Restorer struct {
	state    *State
	position int64

	mu     sync.Mutex // guards all below
	digest Digest
	parts  map[int][][]Number // the leaves of each part
	keys   map[int][]KeyUse
}

// NewRestorer prepares for the state at a position, of about so many accounts.
func NewRestorer(position, accounts int64) *Restorer {
	s := newState(int(accounts/shardCount) * 9 / 8) // numbers spread nearly evenly
	s.position.Store(position)
	return &Restorer{state: s, position: position, parts: make(map[int][][]Number), keys: make(map[int][]KeyUse)}
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
		sum := digestOf(a)
		sh := r.state.shard(a.Number)
		sh.mu.Lock()
		sh.accounts[a.Number] = &record{a, h, sum}
		sh.mu.Unlock()
		digest.add(sum)
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
	h, last, err := parseHistory(rec.Deltas)
	switch a := rec.Account; {
	case err != nil:
		return h, err
	case last != a.Version:
		return h, fmt.Errorf("its last event is %d, its version %d", last, a.Version)
	case a.Version > r.position:
		return h, fmt.Errorf("its version is %d, behind the position %d", a.Version, r.position)
	case !ValidNumber(string(a.Number)):
		return h, errors.New("this is no account number")
	case a.Status != StatusOpen && a.Status != StatusClosed:
		return h, fmt.Errorf("there is no status %q", a.Status)
	case a.Balance < 0 || a.Balance > MaxBalance:
		return h, fmt.Errorf("no account can have a balance of %d", a.Balance)
	}
	return h, nil
}

// AddKeys takes over one part of the keys. Parts of keys are numbered apart from
// those of records, and numbers may be left out.
func (r *Restorer) AddKeys(part int, uses []KeyUse) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[part] = uses
}

// restoreKeys makes the keys of all parts; with mu held.
func (r *Restorer) restoreKeys() error {
	k := &r.state.keys
	for _, part := range slices.Sorted(maps.Keys(r.keys)) {
		for i := range r.keys[part] {
			u := &r.keys[part][i]
			if err := r.checkKey(u, k.newest()); err != nil {
				return err
			}
			if k.byText[u.Text] != nil {
				return fmt.Errorf("the key of event %d is there twice", u.First)
			}
			r.digest.add(k.append(u))
		}
	}
	return nil
}

// checkKey finds what no use of a key can be like; before may be nil.
func (r *Restorer) checkKey(u, before *KeyUse) error {
	switch {
	case !ValidKey(u.Text):
		return fmt.Errorf("the key of event %d is none", u.First)
	case u.First < 1 || u.Last < u.First || u.Last > r.position:
		return fmt.Errorf("a key was used from event %d to event %d, and the position is %d", u.First, u.Last, r.position)
	case before != nil && u.First <= before.Last:
		return fmt.Errorf("the key of event %d stands behind that of event %d", u.First, before.Last)
	case before != nil && u.Time.Before(before.Time):
		return fmt.Errorf("the key of event %d is older than that of event %d", u.First, before.Last)
	}
	return nil
}

// AddSubjects takes over some of the subjects. An error means that no state can have
// them.
func (r *Restorer) AddSubjects(some []SubjectVersion) error {
	var digest Digest
	s := &r.state.subjects
	for _, v := range some {
		if v.Version < 1 || v.Version > r.position {
			return fmt.Errorf("the last event about subject %q is %d, and the position is %d", v.Subject, v.Version, r.position)
		}
		sh := s.shard(v.Subject)
		sh.mu.Lock()
		before := sh.set(v.Subject, v.Version)
		sh.mu.Unlock()
		if before != 0 {
			return fmt.Errorf("subject %q is there twice", v.Subject)
		}
		digest.add(v.digest())
	}
	s.count.Add(int64(len(some)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.digest.add(digest)
	return nil
}

// Pass notes that so many events up to there touched no account.
func (r *Restorer) Pass(events int64) { r.state.passed.Add(events) }

// Finish gives the state, when all parts have been added. Its digest is made of
// what was added: compare it with what it should be. An error means that no state
// can be made of the parts.
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
	if err := r.restoreKeys(); err != nil {
		return nil, err
	}
	switch passed, about := r.state.Passed(), r.state.ForeignSubjects(); {
	case passed < 0 || passed > r.position:
		return nil, fmt.Errorf("of %d events, %d touched no account", r.position, passed)
	case int64(about) > passed:
		return nil, fmt.Errorf("%d events touched no account, but are about %d subjects", passed, about)
	}
	r.state.sum.total = r.digest
	return r.state, nil
}

func last(leaf []Number) Number { return leaf[len(leaf)-1] }
