package subscriptions_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"openpayment/eventstore"
	"openpayment/eventstore/memory"
	"openpayment/eventstore/subscriptions"
)

// model is what a subscription is, in a few lines, beside two nodes that have one.
type model struct {
	*rapid.T
	nodes []*node
	log   []string // the types of the events

	exists bool
	filter subscriptions.Filter
	acked  eventstore.Position // or known to be passed
	given  eventstore.Position // the last event of the present reader
	reader *visit
	at     *node    // where it reads
	gone   []*visit // those that others have superseded, and that may not have heard of it
}

// TestRandomVisitsAgreeWithAModel has a subscription made, changed, read, acknowledged
// and deleted at random on two nodes, while the log grows and readers are killed.
func TestRandomVisitsAgreeWithAModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(timeless{t}, func(t *rapid.T) {
			log := memory.New()
			m := &model{T: t}
			m.nodes = []*node{newNode(m, log), newNode(m, log)}
			t.Repeat(map[string]func(*rapid.T){
				"append": m.append, "put": m.put, "delete": m.delete, "read": m.read, "next": m.next,
				"ack": m.ack, "kill": m.kill, "wait": m.wait, "get": m.get,
			})
		})
	})
}

// timeless has no deadline: one of real time means nothing in a bubble.
type timeless struct{ *testing.T }

func (timeless) Deadline() (time.Time, bool) { return time.Time{}, false }

var types = []string{"x", "y"}

func (m *model) node(t *rapid.T) *node { return rapid.SampledFrom(m.nodes).Draw(t, "node") }

func (m *model) append(t *rapid.T) {
	batch := rapid.SliceOfN(rapid.SampledFrom(types), 1, 5).Draw(t, "types")
	m.nodes[0].append(batch...)
	m.log = append(m.log, batch...)
}

func (m *model) put(t *rapid.T) {
	d := subscriptions.Definition{Filter: subscriptions.Filter{Type: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "filter")}}
	if !m.exists && rapid.Bool().Draw(t, "at the end") {
		d.Start = subscriptions.StartEnd
	}
	n := m.node(t)
	if m.exists {
		m.check(n.get("s")) // by the filter that there is so far
	}
	s := n.put("s", d)
	switch {
	case !m.exists && d.Start == subscriptions.StartEnd:
		m.acked = eventstore.Position(len(m.log))
	case !m.exists:
		m.acked = 0
	}
	if m.exists && m.filter != d.Filter {
		m.superseded()
	}
	m.exists, m.filter = true, d.Filter
	if s.Filter() != d.Filter || s.Done().Position != m.acked {
		t.Fatalf("put %v: %+v, want %d done", d, s, m.acked)
	}
}

func (m *model) delete(t *rapid.T) {
	if !m.exists {
		t.Skip()
	}
	m.node(t).delete("s")
	m.exists = false
	m.superseded()
}

// superseded: the present reader's time is over, whether it knows or not.
func (m *model) superseded() {
	if m.reader != nil {
		m.gone = append(m.gone, m.reader)
	}
	m.reader = nil
}

func (m *model) read(t *rapid.T) {
	n := m.node(t)
	if !m.exists {
		if _, err := n.Read(context.Background(), anybody, "s", 1); !errors.Is(err, subscriptions.ErrNotFound) {
			t.Fatalf("read what is not there: %v", err)
		}
		return
	}
	m.superseded()
	m.reader, m.at, m.given = n.read("s", rapid.IntRange(1, 4).Draw(t, "unacked")), n, 0
}

// next takes a page: exactly the events that are wanted, from the next one on.
func (m *model) next(t *rapid.T) {
	if m.reader == nil {
		t.Skip()
	}
	if err := m.at.CatchUp(context.Background()); err != nil {
		t.Fatalf("%v", err)
	}
	for range 2 { // the second gives what there was no room for in the first, mostly nothing
		ctx, cancel := context.WithTimeout(m.reader.ctx, 3*tick)
		err := m.reader.Next(ctx, func(ev eventstore.Event) bool {
			if want := m.following(); ev.Seq != want {
				t.Fatalf("event %d came, want %d", ev.Seq, want)
			}
			m.given = ev.Seq
			return rapid.Bool().Draw(t, "more")
		})
		if err != nil && ctx.Err() == nil {
			t.Fatalf("next: %v", err)
		}
		cancel()
	}
	if err := context.Cause(m.reader.ctx); err != nil {
		t.Fatalf("the reader has ended: %v", err)
	}
}

// following is the next event that the present reader is to be given, 0 if none is
// there.
func (m *model) following() eventstore.Position {
	from := max(m.acked, m.given)
	for i, typ := range m.log[from:] {
		if m.filter.Type == "" || m.filter.Type == typ {
			return from + eventstore.Position(i) + 1
		}
	}
	return 0
}

func (m *model) ack(t *rapid.T) {
	n := m.node(t)
	seq := eventstore.Position(rapid.IntRange(1, len(m.log)+2).Draw(t, "seq"))
	got, err := n.Ack(context.Background(), anybody, "s", seq)
	switch {
	case !m.exists && errors.Is(err, subscriptions.ErrNotFound):
	case m.exists && int(seq) > len(m.log) && errors.As(err, new(*subscriptions.BeyondError)):
	case m.exists && int(seq) <= len(m.log) && err == nil && got >= seq:
		m.acked = max(m.acked, seq)
		if m.reader != nil && m.at != n {
			<-time.After(2 * tick) // until then it may be given what was acknowledged elsewhere
		}
	default:
		t.Fatalf("acknowledge %d of %d: %d, %v", seq, len(m.log), got, err)
	}
}

// kill ends a reader without a word, as a crash of its node would, or with one.
func (m *model) kill(t *rapid.T) {
	if m.reader != nil && rapid.Bool().Draw(t, "with a word") {
		m.reader.Close()
	}
	m.reader = nil
}

// wait lets every node look at the store: whoever was superseded knows it then.
func (m *model) wait(t *rapid.T) {
	<-time.After(2 * tick)
	for _, v := range m.gone {
		if v.ctx.Err() == nil {
			t.Fatalf("a reader that was superseded goes on")
		}
		v.Close()
	}
	m.gone = nil
}

func (m *model) get(t *rapid.T) {
	n := m.node(t)
	if m.exists {
		m.check(n.get("s"))
	} else if _, err := n.Get(context.Background(), anybody, "s"); !errors.Is(err, subscriptions.ErrNotFound) {
		t.Fatalf("it is there: %v", err)
	}
}

// check demands that nothing is called done that was not acknowledged and is wanted.
func (m *model) check(s subscriptions.Status) {
	done := s.Done().Position
	if done < m.acked || int(done) > len(m.log) {
		m.Fatalf("done %d of %d, of which %d were acknowledged", done, len(m.log), m.acked)
	}
	unwanted := func(typ string) bool { return m.filter.Type != "" && m.filter.Type != typ }
	if i := slices.IndexFunc(m.log[m.acked:done], func(typ string) bool { return !unwanted(typ) }); i >= 0 {
		m.Fatalf("event %d is done and was never acknowledged", int(m.acked)+i+1)
	}
	m.acked = done // it may say so, and then it stays
}
