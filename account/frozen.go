package account

import (
	"context"
	"iter"
)

// Record is all that a state knows of one account: what restores it.
type Record struct {
	Account *Account
	// Deltas are the distances between the positions of the account's events, the
	// first from 0, as unsigned varints (encoding/binary). It is not to be changed.
	Deltas []byte
}

// Frozen is a [State] as it stood at one position, while the state itself goes on.
// Nothing is copied but what changes meanwhile: the first change of an account or a
// subject keeps aside what it was (copy on write), which costs the reducer a fraction of a
// microsecond and never a pause. It is safe for concurrent use.
type Frozen struct {
	state    *State
	position int64
	passed   int64
	digest   Digest
	keys     frozenKeys
}

var _ View = (*Frozen)(nil)

// Freeze gives the state as it stands when hold calls mark, which it must do once
// and while no event is being applied; any number may be afterwards. A state is
// frozen once at a time: Freeze waits for the [Frozen.Thaw] of the one before, not
// inside hold. When ctx ends first, the error is ctx's, and hold is not called.
func (s *State) Freeze(ctx context.Context, hold func(mark func())) (*Frozen, error) {
	select {
	case s.freezing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f := &Frozen{state: s}
	hold(func() {
		s.setBefore(func() map[Number]record { return make(map[Number]record) })
		s.subjects.setFrozen(true)
		f.position, f.digest = s.Digest()
		f.passed, f.keys = s.Passed(), s.keys.freeze()
	})
	return f, nil
}

// Thaw ends it: f must not be used any more.
func (f *Frozen) Thaw() {
	f.state.setBefore(func() map[Number]record { return nil })
	f.state.subjects.setFrozen(false)
	<-f.state.freezing
}

func (s *State) setBefore(value func() map[Number]record) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sh.before = value()
		sh.mu.Unlock()
	}
}

// keep puts what an account was aside, if the state is frozen and this is its
// first change since; with mu held.
func (sh *shard) keep(n Number, before record) {
	if sh.before == nil {
		return
	}
	if _, kept := sh.before[n]; !kept {
		sh.before[n] = before
	}
}

// Position is that of the last event the frozen state includes.
func (f *Frozen) Position() int64 { return f.position }

// Passed is [State.Passed] at that position.
func (f *Frozen) Passed() int64 { return f.passed }

// Digest is what the state's digest was, kept up to date event by event;
// [Frozen.Sum] makes it anew.
func (f *Frozen) Digest() Digest { return f.digest }

// Account implements [View].
func (f *Frozen) Account(n Number) *Account { return f.record(n).account }

func (f *Frozen) record(n Number) record {
	sh := f.state.shard(n)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if before, changed := sh.before[n]; changed {
		return before
	}
	return sh.record(n)
}

// Records gives up to limit records of accounts with numbers behind after, closed
// ones too, in ascending order of their numbers as text; none when there are no
// more.
func (f *Frozen) Records(after Number, limit int) []Record {
	records := make([]Record, 0, limit)
	chunk := make([]Number, 0, min(limit, 256))
	for len(records) < limit {
		chunk = f.state.index.after(after, chunk[:0])
		for _, n := range chunk {
			after = n
			r := f.record(n)
			if r.account == nil {
				continue // opened since
			}
			if records = append(records, Record{r.account, r.history}); len(records) == limit {
				break
			}
		}
		if len(chunk) < cap(chunk) {
			break
		}
	}
	return records
}

// All yields every record, in ascending order of the numbers as text. It looks at
// some hundreds at a time, and holds nothing in between.
func (f *Frozen) All() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		after := Number("")
		for {
			records := f.Records(after, recordsAtOnce)
			for _, r := range records {
				if !yield(r) {
					return
				}
			}
			if len(records) < recordsAtOnce {
				return
			}
			after = records[len(records)-1].Account.Number
		}
	}
}

const recordsAtOnce = 512

// Sum is the digest of what is there, made anew from every account, every key and
// every subject.
func (f *Frozen) Sum() Digest {
	var sum Digest
	for r := range f.All() {
		sum.add(digestOf(r.Account))
	}
	for u := range f.Keys() {
		sum.add(u.digest())
	}
	for v := range f.Subjects() {
		sum.add(v.digest())
	}
	return sum
}
