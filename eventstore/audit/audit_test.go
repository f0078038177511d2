package audit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"openpayment/eventstore"
	"openpayment/eventstore/audit"
	"openpayment/eventstore/eventstoretest"
)

// table is a backend whose rows can be tampered with.
type table struct {
	rows    map[eventstore.Position]eventstore.Event
	garbled map[eventstore.Position]bool
	head    eventstore.Head
	headErr error
	blind   bool // does not say how far a hole reaches
	silent  bool // ends a read at a hole as if the log ended there
}

var origin = time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)

func newTable(n int) *table {
	t := &table{rows: map[eventstore.Position]eventstore.Event{}, garbled: map[eventstore.Position]bool{}}
	for _, ev := range eventstoretest.NewBatch(eventstore.Head{}, origin, n, func(i int, ev *eventstore.Event) {
		ev.Time = origin.Add(time.Duration(i) * time.Second)
	}) {
		t.rows[ev.Seq] = ev
		t.head = ev.Head()
	}
	return t
}

func (t *table) Append(context.Context, eventstore.Head, []eventstore.Event) error {
	return errors.ErrUnsupported
}
func (t *table) Close() error                                  { return nil }
func (t *table) Head(context.Context) (eventstore.Head, error) { return t.head, t.headErr }
func (t *table) change(p eventstore.Position, f func(*eventstore.Event)) {
	ev := t.rows[p]
	f(&ev)
	t.rows[p] = ev
}

func (t *table) last() eventstore.Position {
	last := t.head.Position
	for p := range t.rows {
		last = max(last, p)
	}
	return last
}

func (t *table) Read(ctx context.Context, after eventstore.Position, limit int) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for p, n := after+1, 0; (limit == 0 || n < limit) && p <= t.last(); p, n = p+1, n+1 {
			ev, ok := t.rows[p]
			switch {
			case ctx.Err() != nil:
				yield(ev, eventstore.NewError("read", eventstore.KindUnavailable, ctx.Err()))
				return
			case t.garbled[p]:
				yield(ev, eventstore.NewError("read", eventstore.KindDamaged, fmt.Errorf("row %d cannot be an event", p)))
				return
			case !ok && t.silent && p < t.last():
				return
			case !ok:
				yield(ev, t.gap(p))
				return
			case !yield(ev, nil):
				return
			}
		}
	}
}

func (t *table) gap(p eventstore.Position) error {
	next := p
	for !t.blind && next <= t.last() {
		if _, ok := t.rows[next]; ok {
			break
		}
		next++
	}
	return eventstore.NewGap("read", p, next, errors.New("later ones are"))
}

func (t *table) swap(a, b eventstore.Position) {
	x, y := t.rows[a], t.rows[b]
	x.Seq, y.Seq = b, a
	t.rows[a], t.rows[b] = y, x
}

// failer is a test, rapid's or Go's.
type failer interface {
	Helper()
	Fatal(...any)
}

func check(t failer, b eventstore.Backend, cfg audit.Config) audit.Report {
	t.Helper()
	r, err := audit.Check(context.Background(), b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told is what a report names, as "5 changed, 7-9 missing".
func told(faults []audit.Fault) string {
	var words []string
	for _, f := range faults {
		words = append(words, f.String())
	}
	return strings.Join(words, ", ")
}

func changeData(ev *eventstore.Event) { ev.Data = `{"forged":true}` }
func changeHash(ev *eventstore.Event) { ev.Hash[31] ^= 1 }

var cases = []struct {
	name             string
	tamper           func(*table)
	faults, unproven string
}{
	{"nothing", func(*table) {}, "", ""},
	{"the first changed", func(t *table) { t.change(1, changeData) }, "1 changed", ""},
	{"one changed", func(t *table) { t.change(5, changeData) }, "5 changed", ""},
	{"two changed", func(t *table) { t.change(5, changeData); t.change(9, changeData) }, "5 changed, 9 changed", ""},
	{"neighbours changed", func(t *table) { t.change(5, changeData); t.change(6, changeData) }, "5 changed", "6 unproven"},
	{"the last changed", func(t *table) { t.change(20, changeData) }, "20 changed", ""},
	{"one hash", func(t *table) { t.change(5, changeHash) }, "5 hash-changed", ""},
	{"the first hash", func(t *table) { t.change(1, changeHash) }, "1 hash-changed", ""},
	{"two hashes in a row", func(t *table) { t.change(5, changeHash); t.change(6, changeHash) }, "5-6 hash-changed", ""},
	{"one changed, the next one's hash too", func(t *table) { t.change(5, changeData); t.change(6, changeHash) }, "5 changed, 6 hash-changed", ""},
	{"the last hash, of which the head knows", func(t *table) { t.change(20, changeHash) }, "20 hash-changed", ""},
	{"data, and a new hash", func(t *table) {
		t.change(5, changeData)
		t.change(5, func(ev *eventstore.Event) { ev.Hash = ev.ChainHash(t.rows[4].Hash) })
	}, "6 changed", ""},
	{"one missing", func(t *table) { delete(t.rows, 5) }, "5 missing", "6 unproven"},
	{"the first missing", func(t *table) { delete(t.rows, 1) }, "1 missing", "2 unproven"},
	{"several missing", func(t *table) {
		for p := eventstore.Position(5); p < 12; p++ {
			delete(t.rows, p)
		}
		delete(t.rows, 14)
	}, "5-11 missing, 14 missing", "12 unproven, 15 unproven"},
	{"the end missing", func(t *table) { delete(t.rows, 19); delete(t.rows, 20) }, "19-20 missing", ""},
	{"one garbled", func(t *table) { t.garbled[5] = true }, "5 garbled", "6 unproven"},
	{"the last garbled", func(t *table) { t.garbled[20] = true }, "20 garbled", ""},
	{"neighbours swapped", func(t *table) { t.swap(5, 6) }, "5 misplaced, 6 misplaced", ""},
	{"two swapped", func(t *table) { t.swap(5, 15) }, "5 misplaced, 15 misplaced", ""},
	{"the ends swapped", func(t *table) { t.swap(1, 20) }, "1 misplaced, 20 misplaced", ""},
	{"swapped and changed elsewhere", func(t *table) { t.swap(5, 15); t.change(10, changeData) }, "5 misplaced, 10 changed, 15 misplaced", ""},
	{"moved into a hole's neighbour", func(t *table) {
		ev := t.rows[8]
		ev.Seq = 12
		t.rows[12] = ev
		delete(t.rows, 8)
	}, "8 missing, 12 misplaced", "13 unproven"},
	{"a row behind the head", func(t *table) {
		t.rows[21] = eventstoretest.NewBatch(t.head, origin.Add(time.Hour), 1)[0]
	}, "21 beyond-head", ""},
	{"an id", func(t *table) { t.change(7, func(ev *eventstore.Event) { ev.ID = uuid.Must(uuid.NewV7()) }) }, "7 changed", ""},
}

func TestEveryFaultIsNamedAndNothingElse(t *testing.T) {
	for _, c := range cases {
		for _, span := range []int{0, 1, 2, 3, 7} {
			for _, blind := range []bool{false, true} {
				tab := newTable(20)
				tab.blind = blind
				c.tamper(tab)
				r := check(t, tab, audit.Config{SpanEvents: span})
				if told(r.Faults) != c.faults || told(r.Unproven) != c.unproven || r.HeadFault != "" {
					t.Errorf("%s, in ranges of %d: %q and %q, want %q and %q; head %q", c.name, span,
						told(r.Faults), told(r.Unproven), c.faults, c.unproven, r.HeadFault)
				}
				if r.Intact() != (c.faults == "") {
					t.Errorf("%s: intact is %t", c.name, r.Intact())
				}
			}
		}
	}
}

func TestTimesThatGoBackwardsAreNamed(t *testing.T) {
	tab := newTable(0)
	for _, ev := range eventstoretest.NewBatch(eventstore.Head{}, origin, 9, func(i int, ev *eventstore.Event) {
		if i == 4 {
			ev.Time = ev.Time.Add(-time.Millisecond)
		}
	}) {
		tab.rows[ev.Seq], tab.head = ev, ev.Head()
	}
	if r := check(t, tab, audit.Config{}); told(r.Faults) != "5 time-backwards" {
		t.Error(told(r.Faults))
	}
}

func TestAHeadThatDoesNotFitIsTold(t *testing.T) {
	tab := newTable(9)
	tab.head.Hash[0] ^= 1
	if r := check(t, tab, audit.Config{}); r.HeadFault == "" || len(r.Faults) > 0 {
		t.Errorf("%q, %s", r.HeadFault, told(r.Faults))
	}
	tab.headErr = eventstore.NewError("head", eventstore.KindDamaged, errors.New("no hash"))
	tab.garbled[9] = true
	r := check(t, tab, audit.Config{})
	if r.HeadFault == "" || told(r.Faults) != "9 garbled" || r.Last != 9 || r.Events != 8 {
		t.Errorf("%q, %s, up to %d, %d events", r.HeadFault, told(r.Faults), r.Last, r.Events)
	}
}

func TestAPartOfALog(t *testing.T) {
	tab := newTable(20)
	for _, p := range []eventstore.Position{4, 10, 16} {
		tab.change(p, changeData)
	}
	delete(tab.rows, 6)
	r := check(t, tab, audit.Config{First: 7, Last: 15, SpanEvents: 4})
	if told(r.Faults) != "10 changed" || r.First != 7 || r.Last != 15 || r.Events != 9 {
		t.Errorf("%s, %d to %d, %d events", told(r.Faults), r.First, r.Last, r.Events)
	}
	if r := check(t, tab, audit.Config{First: 30}); !r.Intact() || r.Events != 0 {
		t.Errorf("behind the end: %+v", r)
	}
	if r := check(t, newTable(0), audit.Config{}); !r.Intact() || r.Last != 0 {
		t.Errorf("an empty log: %+v", r)
	}
}

// TestAStoreThatGoesSilentAtAHole: the partitions behind are gone without trace,
// though the head is further on.
func TestAStoreThatGoesSilentAtAHole(t *testing.T) {
	tab := newTable(9000)
	tab.silent = true
	for p := eventstore.Position(1001); p <= 7003; p++ {
		delete(tab.rows, p)
	}
	r := check(t, tab, audit.Config{SpanEvents: 4000})
	if told(r.Faults) != "1001-7003 missing" || told(r.Unproven) != "7004 unproven" {
		t.Error(told(r.Faults), told(r.Unproven))
	}
}

// TestWhateverIsDoneToALogItIsNoticed tampers at random.
func TestWhateverIsDoneToALogItIsNoticed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "events")
		tab := newTable(n)
		var touched []eventstore.Position
		for range rapid.IntRange(1, 4).Draw(t, "damages") {
			p := eventstore.Position(rapid.IntRange(1, n).Draw(t, "at"))
			if slices.Contains(touched, p) {
				continue
			}
			touched = append(touched, p)
			switch rapid.IntRange(0, 3).Draw(t, "how") {
			case 0:
				delete(tab.rows, p)
			case 1:
				tab.garbled[p] = true
			case 2:
				tab.change(p, changeData)
			case 3:
				tab.change(p, changeHash)
			}
		}
		r := check(t, tab, audit.Config{SpanEvents: rapid.IntRange(1, 40).Draw(t, "span")})
		named := map[eventstore.Position]bool{}
		for _, f := range append(slices.Clone(r.Faults), r.Unproven...) {
			for p := f.First; p <= f.Last; p++ {
				if named[p] {
					t.Fatalf("event %d is named twice", p)
				}
				named[p] = true
			}
		}
		if r.Intact() {
			t.Fatal("intact")
		}
		for _, p := range touched {
			// A hash that was changed behind a row that is lost shows in the next
			// row: one of the two is named.
			if !named[p] && !named[p+1] {
				t.Errorf("event %d is not named: %s; %s", p, told(r.Faults), told(r.Unproven))
			}
		}
		for p := range named {
			if !slices.Contains(touched, p) && !slices.Contains(touched, p-1) && !slices.Contains(touched, p-2) {
				t.Errorf("event %d is named for nothing", p)
			}
		}
	})
}

func TestACheckThatIsInterruptedSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var last eventstore.Position
	_, err := audit.Check(ctx, newTable(5000), audit.Config{
		Started:  func(p eventstore.Position) { last = p },
		Progress: func(int64, int64) { cancel() },
	})
	if !errors.Is(err, context.Canceled) || last != 5000 {
		t.Errorf("%v, up to %d", err, last)
	}
}
