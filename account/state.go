package account

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// State is all accounts as the events of a log have made them, up to one position,
// the idempotency keys these came with, as long as they are remembered, and where the
// last event about each subject of other services stands. Make it with [NewState]: that
// of the empty log.
//
// One goroutine at a time applies events; any number read meanwhile. A reader
// sees each account before or after an event, never in between; [State.Position]
// moves last, so what is read after it holds at least everything up to there.
type State struct {
	shards   [shardCount]shard
	index    index
	keys     keys
	subjects subjects

	position atomic.Int64 // of the last event applied or passed over
	open     atomic.Int64 // accounts that are open
	passed   atomic.Int64 // events that touched no account

	sum digestSum

	freezing chan struct{} // one slot: held while the state is frozen
}

// shardCount splits the accounts so that readers seldom meet the writer on one
// lock.
const shardCount = 256

type shard struct {
	mu sync.RWMutex // guards all below; held for one look-up or one change
	// accounts and what they point to are changed by the goroutine only that applies
	// events: it may read them without the lock.
	accounts map[Number]*record
	// before has, while the state is frozen, what each account was that has changed
	// since; nil while it is not.
	before map[Number]record
}

// record is an account, where its events stand, and its part of the state's digest,
// which is as dear to make again as all else that an event takes.
type record struct {
	account *Account
	history history
	digest  Digest // zero while it is due
}

var _ Base = (*State)(nil)

// NewState is the state before the first event.
func NewState() *State {
	return newState(0)
}

// newState has room for so many accounts in each shard.
func newState(perShard int) *State {
	s := &State{freezing: make(chan struct{}, 1)}
	for i := range s.shards {
		s.shards[i].accounts = make(map[Number]*record, perShard)
	}
	return s
}

func (s *State) shard(n Number) *shard { return &s.shards[shardOf(string(n))] }

// shardOf chooses by FNV-1a, which spreads digits well.
func shardOf(text string) int {
	h := uint32(2166136261)
	for i := range len(text) {
		h = (h ^ uint32(text[i])) * 16777619
	}
	return int(h % shardCount)
}

func (s *State) record(n Number) record {
	sh := s.shard(n)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.record(n)
}

// record is what is known of an account, nothing if there is none; with mu held.
func (sh *shard) record(n Number) record {
	if r := sh.accounts[n]; r != nil {
		return *r
	}
	return record{}
}

// Account implements [View].
func (s *State) Account(n Number) *Account { return s.record(n).account }

// History gives the positions of all events that touched the account, oldest
// first; none when no account ever had the number.
func (s *State) History(n Number) []int64 { return s.record(n).history.positions() }

// Position is that of the last event the state includes; 0 for none.
func (s *State) Position() int64 { return s.position.Load() }

// Open is the number of open accounts.
func (s *State) Open() int { return int(s.open.Load()) }

// Passed is the number of events that touch no account: those of other services.
func (s *State) Passed() int64 { return s.passed.Load() }

// KeyUse implements [KeyView].
func (s *State) KeyUse(text string) (KeyUse, bool) { return s.keys.use(text) }

// KeysAt implements [KeyView].
func (s *State) KeysAt(at time.Time) int { return s.keys.at(at) }

// Keys is how many idempotency keys are remembered.
func (s *State) Keys() int { return s.keys.len() }

// ForeignVersion implements [SubjectView].
func (s *State) ForeignVersion(subject string) int64 { return s.subjects.version(subject) }

// ForeignSubjects is how many subjects events of other services are about.
func (s *State) ForeignSubjects() int { return int(s.subjects.count.Load()) }

// Apply makes ev, which stands at the given stamp, part of the state. It either
// succeeds or changes nothing; for errors see [Evolve].
func (s *State) Apply(ev Event, at Stamp) error {
	if err := s.follows(at.Seq); err != nil {
		return err
	}
	s.sum.mu.Lock()
	defer s.sum.mu.Unlock()
	var room [2]changed // most events touch no more
	all := room[:0]
	for _, n := range ev.Accounts() {
		c := changed{shard: s.shard(n)}
		var before *Account
		if c.record = c.shard.accounts[n]; c.record != nil {
			before = c.record.account
		}
		var err error
		if c.after, err = Evolve(before, ev, at); err != nil {
			return err
		}
		all = append(all, c)
	}
	var change Digest
	for _, c := range all {
		change.add(s.replace(c))
	}
	change.add(s.keys.apply(at)) // last: who finds a key finds what it was used for
	s.advance(at.Seq, change)
	return nil
}

// Pass notes that the event at the given stamp touches no account: it is another
// service's, about the given subject. Its key counts all the same.
func (s *State) Pass(subject string, at Stamp) error {
	if err := s.follows(at.Seq); err != nil {
		return err
	}
	s.sum.mu.Lock()
	defer s.sum.mu.Unlock()
	s.passed.Add(1)
	change := s.subjects.move(subject, at.Seq)
	change.add(s.keys.apply(at))
	s.advance(at.Seq, change)
	return nil
}

func (s *State) follows(seq int64) error {
	if last := s.Position(); seq != last+1 {
		return fmt.Errorf("event %d was received where event %d belongs", seq, last+1)
	}
	return nil
}

// advance ends an event, with what it changes in the digest; with sum.mu held.
func (s *State) advance(seq int64, change Digest) {
	s.sum.total.add(change)
	s.position.Store(seq)
}

// changed is an account as it is after an event, and where it belongs.
type changed struct {
	shard  *shard
	record *record // nil: there was no such account
	after  *Account
}

// replace puts an account in the place of what it was before, and gives the
// difference for the digest; with sum.mu held.
func (s *State) replace(c changed) Digest {
	after := c.after
	now, before := record{account: after}, record{}
	if !s.sum.postponed {
		now.digest = digestOf(after)
	}
	if c.record == nil {
		now.history = history(nil).append(0, after.Version)
	} else {
		before = *c.record
		now.history = before.history.append(before.account.Version, after.Version)
	}
	c.shard.mu.Lock()
	c.shard.keep(after.Number, before)
	if c.record == nil {
		c.record = new(now)
		c.shard.accounts[after.Number] = c.record
	} else {
		*c.record = now
	}
	c.shard.mu.Unlock()

	if before.account == nil {
		s.index.insert(after.Number)
	}
	if s.sum.postponed && (before.account == nil || before.digest != Digest{}) {
		s.sum.due = append(s.sum.due, c.record)
	}
	difference := now.digest
	difference.subtract(before.digest)
	if opened := openness(after) - openness(before.account); opened != 0 {
		s.open.Add(opened)
	}
	return difference
}

func openness(a *Account) int64 {
	if a != nil && a.Status == StatusOpen {
		return 1
	}
	return 0
}
