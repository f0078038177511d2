package simulation

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"openpayment/eventstore"
)

// op is what a process asks the store for.
type op string

const (
	opAppend op = "append"
	opRead   op = "read"
	opHead   op = "head"
	opClock  op = "clock"
	opLoad   op = "load" // of cursors and snapshots
	opSave   op = "save" // likewise
)

// call is one call on the store, from when a goroutine makes it to when the scheduler
// has answered it.
type call struct {
	from    *process
	op      op
	number  int // of the calls of its process with this op
	detail  string
	batch   *attempt            // of an append
	perform func() (any, error) // what it does to the store
	result  *answer             // of perform, once that is done
	done    chan answer         // one slot, so that the scheduler never waits
}

type answer struct {
	value any
	err   error
}

// errFault is the cause of all errors that the scheduler makes up.
var errFault = errors.New("the simulation wants it so")

func fault(o op, kind eventstore.Kind) error { return eventstore.NewError(string(o), kind, errFault) }

// ask makes a call, and waits for the scheduler. It returns earlier when ctx ends,
// unless the process is dead: such calls stay for ever, which is until the end of the
// run.
func (p *process) ask(ctx context.Context, c *call) (any, error) {
	w := p.world
	c.from, c.done = p, make(chan answer, 1)
	w.mu.Lock()
	if w.over || ctx.Err() != nil {
		w.mu.Unlock()
		return nil, fault(c.op, eventstore.KindUnavailable)
	}
	p.calls[c.op]++
	c.number = p.calls[c.op]
	w.pending = append(w.pending, c)
	w.mu.Unlock()
	select {
	case a := <-c.done:
		return a.value, a.err
	case <-ctx.Done():
	}
	w.mu.Lock()
	if p.dead && !w.over {
		w.mu.Unlock()
		a := <-c.done
		return a.value, a.err
	}
	defer w.mu.Unlock()
	return nil, w.leave(c)
}

// leave takes a call away of which the caller has had enough; with mu held.
func (w *world) leave(c *call) error {
	w.pending = slices.DeleteFunc(w.pending, func(other *call) bool { return other == c })
	switch {
	case c.op == opAppend && c.result == nil:
		w.gone = append(w.gone, *c.batch)
		return fault(c.op, eventstore.KindUnknown)
	case c.op == opAppend, c.op == opSave:
		return fault(c.op, eventstore.KindUnknown)
	}
	return fault(c.op, eventstore.KindUnavailable)
}

// able gives the calls that can be answered.
func (w *world) able() []*call {
	return slices.DeleteFunc(w.waiting(nil), func(c *call) bool { return c.from.dead || c.from.node.standsStill() })
}

// waiting gives the calls of a process, or of all, in an order that does not depend on
// which goroutine came first.
func (w *world) waiting(of *process) []*call {
	w.mu.Lock()
	defer w.mu.Unlock()
	var able []*call
	for _, c := range w.pending {
		if of == nil || c.from == of {
			able = append(able, c)
		}
	}
	slices.SortFunc(able, func(a, b *call) int {
		return cmp.Or(cmp.Compare(a.from.number, b.from.number), cmp.Compare(a.op, b.op), cmp.Compare(a.detail, b.detail), cmp.Compare(a.number, b.number))
	})
	return able
}

// answer ends a call.
func (w *world) answer(c *call, value any, err error) {
	w.mu.Lock()
	w.pending = slices.DeleteFunc(w.pending, func(other *call) bool { return other == c })
	w.mu.Unlock()
	w.tell("%s %s %s → %s", c.from.name, c.op, c.detail, outcome(value, err))
	c.done <- answer{value, err}
}

// advance does the next thing with a call: it is done, answered, or fails.
func (w *world) advance(c *call) {
	if c.from.node.isCut() {
		w.failCall(c, true)
		return
	}
	rate := w.profile.otherFaults
	switch c.op {
	case opAppend:
		rate = w.profile.appendFaults
	case opRead:
		rate = w.profile.readFaults
	}
	if w.chance(rate) {
		w.failCall(c, false)
		return
	}
	if c.result == nil {
		value, err := c.perform()
		if c.op != opRead && w.chance(w.profile.slowAnswers) {
			c.result = &answer{value, err}
			w.tell("%s %s %s is done: %s", c.from.name, c.op, c.detail, outcome(value, err))
			return
		}
		w.deliver(c, value, err)
		return
	}
	w.deliver(c, c.result.value, c.result.err)
}

// deliver gives a call its answer.
func (w *world) deliver(c *call, value any, err error) {
	if c.op == opAppend && err == nil {
		last := c.batch.batch[len(c.batch.batch)-1]
		w.store.told = max(w.store.told, min(last.Seq, w.store.position()))
	}
	w.answer(c, value, err)
}

// failCall answers a call with an error: not done, done, or done later.
func (w *world) failCall(c *call, unsent bool) {
	kind := eventstore.KindUnavailable
	switch {
	case c.op != opAppend && c.op != opSave:
	case c.result != nil:
		kind = eventstore.KindUnknown
	case w.chance(0.25) || unsent && w.chance(0.5):
		// It did not get as far as the store.
	case c.op == opSave:
		if kind = eventstore.KindUnknown; w.chance(0.5) {
			_, _ = c.perform() // whose answer gets lost
		}
	default:
		kind = eventstore.KindUnknown
		w.happened["append in doubt"]++
		switch w.dice.IntN(3) {
		case 0:
			_, _ = c.perform()
		case 1:
			w.store.late = append(w.store.late, *c.batch)
		}
	}
	w.answer(c, nil, fault(c.op, kind))
}

// land has an append done that nobody waits for, or gives it up.
func (w *world) land() {
	late := w.store.late
	i := w.dice.IntN(len(late))
	a := late[i]
	w.store.late = slices.Delete(late, i, i+1)
	if w.chance(0.2) {
		w.tell("an append of %s after %d is given up", a.from.name, a.head.Position)
		return
	}
	err := w.store.append(a.head, a.batch)
	if err == nil {
		w.happened["append landed late"]++
	}
	w.tell("an append of %s after %d comes late → %s", a.from.name, a.head.Position, outcome(nil, err))
}
