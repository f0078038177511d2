package eventstoretest

import (
	"context"
	"flag"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"openpayment/eventstore"
)

var modelCases = []testCase{
	{"random operations agree with a model", 0, func(r *rig) { agree(r, 0, 12) }},
	{"random operations in buckets of 5 agree with a model", bucket, func(r *rig) { agree(r, bucket, bucket) }},
}

// model is what a log is: a slice; and what cursors are: a map. A few handles
// are open on the real one, some of them for longer than others.
type model struct {
	ctx      context.Context
	storage  Storage
	maxBatch int
	handles  []eventstore.Store
	log      []eventstore.Event
	cursors  map[string]eventstore.Head
}

// agree runs random operations, each check on a storage of its own. When it
// fails, rapid prints the operations and the seed that repeat it.
func agree(r *rig, bucketSize, maxBatch int) {
	defer limitChecks(r)()
	rapid.Check(r.T, func(t *rapid.T) {
		m := &model{
			ctx:      r.Context(),
			storage:  r.factory(r.T, bucketSize),
			maxBatch: maxBatch,
			cursors:  make(map[string]eventstore.Head),
		}
		defer m.closeAll(t)
		m.handles = []eventstore.Store{m.open(t), m.open(t)}
		t.Repeat(map[string]func(*rapid.T){
			"append":               m.append,
			"append again":         m.appendAgain,
			"append at a past":     m.appendAtPast,
			"append at a wrong":    m.appendAtWrong,
			"read":                 m.read,
			"head":                 m.head,
			"reopen":               m.reopen,
			"save cursor":          m.saveCursor,
			"load cursor":          m.loadCursor,
			"append out of a read": m.appendWhileReading,
		})
		m.compare(t)
	})
}

// limitChecks keeps slow backends within some ten seconds: it sets rapid's
// number of checks by how long one storage takes to open and be written to,
// unless the command line says how many. The returned function undoes it.
func limitChecks(r *rig) (restore func()) {
	const budget, opsPerCheck = 8 * time.Second, 30
	checks := flag.Lookup("rapid.checks")
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f == checks })
	if given {
		return func() {}
	}
	began := time.Now()
	r.write(r.open(), 1, 1, 1, 1, 1)
	n := int64(budget / max(1, time.Since(began)/5*opsPerCheck))
	was := checks.Value.String()
	standard, err := strconv.ParseInt(was, 0, 64)
	if err != nil {
		r.Fatalf("rapid.checks is %q: %v", was, err)
	}
	setFlag(r, "rapid.checks", strconv.FormatInt(min(standard, max(5, n)), 10))
	return func() { setFlag(r, "rapid.checks", was) }
}

func setFlag(t testing.TB, name, value string) {
	if err := flag.Lookup(name).Value.Set(value); err != nil {
		t.Fatal(err)
	}
}

func (m *model) open(t *rapid.T) eventstore.Store {
	b, err := m.storage.Open(m.ctx)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return b
}

func (m *model) closeAll(t *rapid.T) {
	for _, b := range m.handles {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

func (m *model) handle(t *rapid.T) eventstore.Store {
	return rapid.SampledFrom(m.handles).Draw(t, "handle")
}

func (m *model) end() eventstore.Head { return headAt(m.log, eventstore.Position(len(m.log))) }

func (m *model) batch(t *rapid.T, after eventstore.Head) []eventstore.Event {
	return batchAfter(after, rapid.IntRange(1, m.maxBatch).Draw(t, "events"))
}

func (m *model) append(t *rapid.T) {
	batch := m.batch(t, m.end())
	if err := m.handle(t).Append(m.ctx, m.end(), batch); err != nil {
		t.Fatalf("append %d events after %d: %v", len(batch), len(m.log), err)
	}
	m.log = append(m.log, batch...)
}

func (m *model) mustConflict(t *rapid.T, head eventstore.Head, batch []eventstore.Event) {
	err := m.handle(t).Append(m.ctx, head, batch)
	if eventstore.KindOf(err) != eventstore.KindConflict {
		t.Fatalf("append after %v when the head is %v: %v, want a conflict", head, m.end(), err)
	}
}

func (m *model) appendAgain(t *rapid.T) {
	if len(m.log) == 0 {
		t.Skip("nothing to repeat")
	}
	n := rapid.IntRange(1, min(m.maxBatch, len(m.log))).Draw(t, "events")
	first := len(m.log) - n
	m.mustConflict(t, headAt(m.log, eventstore.Position(first)), m.log[first:])
}

func (m *model) appendAtPast(t *rapid.T) {
	if len(m.log) == 0 {
		t.Skip("no past")
	}
	head := headAt(m.log, eventstore.Position(rapid.IntRange(0, len(m.log)-1).Draw(t, "past")))
	m.mustConflict(t, head, m.batch(t, head))
}

// appendAtWrong appends after something that was never a head.
func (m *model) appendAtWrong(t *rapid.T) {
	head := m.end()
	if ahead := rapid.IntRange(0, 6).Draw(t, "ahead"); ahead > 0 {
		head.Position += eventstore.Position(ahead)
	} else {
		head.Hash[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
	}
	m.mustConflict(t, head, m.batch(t, head))
}

func (m *model) read(t *rapid.T) {
	after := rapid.IntRange(0, len(m.log)+3).Draw(t, "after")
	limit := rapid.IntRange(0, len(m.log)+2).Draw(t, "limit")
	want := m.log[min(after, len(m.log)):]
	if limit > 0 {
		want = want[:min(limit, len(want))]
	}
	got, err := collect(m.handle(t).Read(m.ctx, eventstore.Position(after), limit))
	if err == nil {
		err = diffAll(got, want)
	}
	if err != nil {
		t.Fatalf("read at most %d after %d of %d: %v", limit, after, len(m.log), err)
	}
}

// appendWhileReading appends at a random place in a read through the same
// handle.
func (m *model) appendWhileReading(t *rapid.T) {
	if len(m.log) == 0 {
		t.Skip("nothing to read")
	}
	b := m.handle(t)
	stop := rapid.IntRange(0, len(m.log)-1).Draw(t, "pause")
	n := 0
	for ev, err := range b.Read(m.ctx, 0, 0) {
		if err == nil {
			err = diff(ev, m.log[n])
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if n == stop {
			m.append(t)
		}
		n++
	}
	if n <= stop {
		t.Fatalf("the read ended after %d events", n)
	}
}

func (m *model) head(t *rapid.T) {
	got, err := m.handle(t).Head(m.ctx)
	if err != nil || got != m.end() {
		t.Fatalf("head %v (%v), want %v", got, err, m.end())
	}
}

func (m *model) reopen(t *rapid.T) {
	i := rapid.IntRange(0, len(m.handles)-1).Draw(t, "which")
	if err := m.handles[i].Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	m.handles[i] = m.open(t)
}

var cursorNames = rapid.SampledFrom([]string{"mail", "Mail", "漢字 😀"})

func (m *model) saveCursor(t *rapid.T) {
	name := cursorNames.Draw(t, "name")
	at := headAt(m.log, eventstore.Position(rapid.IntRange(0, len(m.log)).Draw(t, "at")))
	if err := m.handle(t).SaveCursor(m.ctx, name, at); err != nil {
		t.Fatalf("save cursor: %v", err)
	}
	m.cursors[name] = at
}

func (m *model) loadCursor(t *rapid.T) {
	name := cursorNames.Draw(t, "name")
	got, err := m.handle(t).LoadCursor(m.ctx, name)
	if err != nil || got != m.cursors[name] {
		t.Fatalf("cursor %q is %v (%v), want %v", name, got, err, m.cursors[name])
	}
}

// compare is the end of every check: model and log through every handle.
func (m *model) compare(t *rapid.T) {
	for _, b := range m.handles {
		got, err := collect(b.Read(m.ctx, 0, 0))
		if err == nil {
			err = diffAll(got, m.log)
		}
		if err == nil {
			err = checkInvariants(m.ctx, b)
		}
		if err != nil {
			t.Fatalf("at the end: %v", err)
		}
	}
}
