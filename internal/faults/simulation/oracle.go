package simulation

import (
	"crypto/sha256"
	"strconv"
	"time"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// oracle knows what must be true of the log, of every answer, and of every state:
//
//   - positions are 1, 2, 3, …; the hash chain holds; ids are unique; times never go
//     back;
//   - what was acknowledged is in the log, once, where it was said to be; what was
//     refused or not taken is not, nor ever will be; of the rest, each is there once
//     at most;
//   - each event follows from its command and the accounts just before it, and each
//     refusal from its command and the accounts at some moment between question and
//     answer;
//   - a key leads to one event within 24 hours of the log's time, and every answer
//     under it is that event's;
//   - money is neither made nor lost, and no balance is below zero;
//   - a node's state is what the events up to its position make, and so equal to every
//     other's there; no subscriber is given an event out of order, and none is skipped;
//   - a snapshot that has a manifest is whole, and of a state the log had; a replay
//     finds no difference;
//   - nothing follows an event that no node understands, and no node goes on as if
//     nothing were wrong with a log that has lost its end.
//
// Money, keys and other services' events it counts by itself; for the rest it uses the domain (account), which
// has tests of its own.
type oracle struct {
	world    *world
	state    *account.State
	versions map[account.Number][]*account.Account // oldest first
	digests  []account.Digest                      // at each position, from 0
	keyCount []int                                 // likewise
	foreign  map[string][]int64                    // where other services' events are, by subject
	ids      map[uuid.UUID]bool
	balances map[account.Number]int64
	total    int64 // paid in and not paid out
	keys     map[string]*use
	inUse    []*use // oldest first
	last     eventstore.Event
	past     map[string][]account.Fingerprint // of every key, all it was ever used with
	tardy    map[uuid.UUID]bool               // snapshots that need not be whole
}

// use is a key and what it was used for.
type use struct {
	key         account.Key
	operation   string
	first, last eventstore.Position
	time        time.Time
}

func newOracle(w *world) *oracle {
	return &oracle{
		world: w, state: account.NewState(), versions: make(map[account.Number][]*account.Account),
		digests: []account.Digest{{}}, keyCount: []int{0}, foreign: make(map[string][]int64), ids: make(map[uuid.UUID]bool),
		balances: make(map[account.Number]int64), keys: make(map[string]*use), past: make(map[string][]account.Fingerprint), tardy: make(map[uuid.UUID]bool),
	}
}

// view is the accounts as they were at a position.
type view struct {
	oracle *oracle
	at     int64
}

var _ account.Base = view{}

func (v view) Account(n account.Number) *account.Account {
	versions := v.oracle.versions[n]
	for i := len(versions) - 1; i >= 0; i-- {
		if versions[i].Version <= v.at {
			return versions[i]
		}
	}
	return nil
}

func (v view) ForeignVersion(subject string) (last int64) {
	for _, at := range v.oracle.foreign[subject] {
		if at <= v.at {
			last = at
		}
	}
	return last
}

func (view) KeyUse(string) (account.KeyUse, bool) { return account.KeyUse{}, false }
func (view) KeysAt(time.Time) int                 { return 0 }

func (o *oracle) now() view                             { return view{o, int64(o.last.Seq)} }
func (o *oracle) atPosition(p eventstore.Position) view { return view{o, int64(p)} }

// time is that of the newest event.
func (o *oracle) time() time.Time {
	if o.last.Seq == 0 {
		return time.Now().UTC().Truncate(time.Millisecond)
	}
	return o.last.Time
}

// lands takes in the next event of the log.
func (o *oracle) lands(ev eventstore.Event) {
	w := o.world
	if err := ev.Follows(o.last.Head()); err != nil {
		w.violated("%v", err)
	}
	if ev.Time.Before(o.last.Time) {
		w.violated("event %d is older than the one before it", ev.Seq)
	}
	if o.ids[ev.ID] {
		w.violated("event %d has the id of another", ev.Seq)
	}
	if w.strange && ev.Type != "funds.frozen" {
		w.violated("event %d follows one that no node understands", ev.Seq)
	}
	o.ids[ev.ID] = true
	decoded, err := o.decode(ev)
	if err != nil {
		w.violated("event %d: %v", ev.Seq, err)
		return
	}
	if number, ours := ev.Meta.Lookup("requestId"); ours {
		w.follows(ev, number, decoded)
	}
	o.last = ev
	key := keyOf(ev)
	o.count(ev, decoded)
	o.countKeys(ev, key)
	o.apply(ev, decoded, key)
}

// decode is [journal.Decode], but for the event that is strange.
func (o *oracle) decode(ev eventstore.Event) (account.Event, error) {
	if ev.Type == "funds.frozen" {
		return nil, nil
	}
	return journal.Decode(ev)
}

// count keeps the books.
func (o *oracle) count(ev eventstore.Event, decoded account.Event) {
	pay := func(n account.Number, amount int64) {
		if o.balances[n] += amount; o.balances[n] < 0 {
			o.world.violated("account %s has %d behind event %d", n, o.balances[n], ev.Seq)
		}
	}
	switch e := decoded.(type) {
	case account.Deposited:
		pay(e.Number, e.Amount)
		o.total += e.Amount
	case account.Withdrawn:
		pay(e.Number, -e.Amount)
		o.total -= e.Amount
	case account.Transferred:
		pay(e.From, -e.Amount)
		pay(e.To, e.Amount)
	}
}

// keyOf reads the key an event came with.
func keyOf(ev eventstore.Event) (k account.Key) {
	if k.Text = ev.Meta.Get("idempotencyKey"); k.Given() {
		first, err := strconv.ParseUint(ev.Meta.Get("idempotencyFingerprint")[:2], 16, 8)
		if err != nil {
			panic(err)
		}
		k.Fingerprint[0] = byte(first)
	}
	return k
}

// countKeys sees that no key leads to two things.
func (o *oracle) countKeys(ev eventstore.Event, k account.Key) {
	for len(o.inUse) > 0 && o.inUse[0].time.Before(ev.Time.Add(-account.KeyLife)) {
		delete(o.keys, o.inUse[0].key.Text)
		o.inUse = o.inUse[1:]
	}
	if k.Given() {
		op := ev.Meta.Get("requestId")
		switch u := o.keys[k.Text]; {
		case u == nil:
			u = &use{k, op, ev.Seq, ev.Seq, ev.Time}
			o.keys[k.Text], o.inUse = u, append(o.inUse, u)
			o.past[k.Text] = append(o.past[k.Text], k.Fingerprint)
		case u.operation == op && u.last+1 == ev.Seq && u.key == k:
			u.last = ev.Seq
		default:
			o.world.violated("key %s led to event %d, and now to event %d", k.Text, u.first, ev.Seq)
		}
	}
	o.keyCount = append(o.keyCount, len(o.inUse))
}

// apply makes the state of the event, as every node has to.
func (o *oracle) apply(ev eventstore.Event, decoded account.Event, k account.Key) {
	at := account.Stamp{Seq: int64(ev.Seq), Time: ev.Time, Key: k}
	var err error
	if decoded == nil {
		err = o.state.Pass(ev.Subject, at)
		o.foreign[ev.Subject] = append(o.foreign[ev.Subject], at.Seq)
	} else {
		err = o.state.Apply(decoded, at)
	}
	if err != nil {
		o.world.violated("event %d: %v", ev.Seq, err)
	}
	_, digest := o.state.Digest()
	o.digests = append(o.digests, digest)
	if decoded == nil {
		return
	}
	for _, n := range decoded.Accounts() {
		if a := o.state.Account(n); a != nil {
			o.versions[n] = append(o.versions[n], a)
			if a.Balance != o.balances[n] {
				o.world.violated("account %s has %d behind event %d, and not %d", n, a.Balance, ev.Seq, o.balances[n])
			}
		}
	}
}

// loses forgets events that the log has lost.
func (o *oracle) loses(lost []eventstore.Event) {
	w := o.world
	for _, ev := range lost {
		op := w.operation(ev.Meta.Get("requestId"))
		if op == nil {
			continue
		}
		op.lost = true
		for i := range op.asked { // it may be stored again
			if op.asked[i].landed == ev.Seq {
				op.asked[i].landed = 0
			}
		}
	}
	lostKeys := o.past
	*o = *newOracle(w)
	o.past = lostKeys
	for _, ev := range w.store.events {
		decoded, err := o.decode(ev)
		if err != nil {
			panic(err) // it could be read before
		}
		o.ids[ev.ID], o.last = true, ev
		o.count(ev, decoded)
		o.countKeys(ev, keyOf(ev))
		o.apply(ev, decoded, keyOf(ev))
	}
}

// completes looks at a snapshot whose manifest is being stored.
func (o *oracle) completes(m eventstore.Manifest, chunks map[int][]byte) {
	w := o.world
	at := m.At.Head.Position
	if w.regressed && !w.noticed {
		return // it may be of what the log has lost
	}
	if !w.store.had(m.At.Head) {
		w.violated("a snapshot was taken at %d, which the log does not hold", at)
		return
	}
	if m.Digest != eventstore.Hash(o.digests[at]) {
		w.violated("the snapshot at %d is not of the state there", at)
	}
	begun := time.Unix(m.ID.Time().UnixTime())
	if o.tardy[m.ID] = time.Since(begun) > tardiness; !o.tardy[m.ID] {
		o.whole(m, chunks)
	}
}

// tardiness is how long after its beginning a snapshot may lack chunks in spite of its
// manifest: others may have cleared them away, and its node, which stood still, will
// see to that when it wakes. Whoever loads it will find out.
const tardiness = 30 * time.Minute

// whole tells whether all chunks of a snapshot are there.
func (o *oracle) whole(m eventstore.Manifest, chunks map[int][]byte) {
	for i, hash := range m.Chunks {
		if data, ok := chunks[i]; !ok || sha256.Sum256(data) != hash {
			o.world.violated("the snapshot at %d has a manifest, but not its chunk %d", m.At.Head.Position, i)
			return
		}
	}
}
