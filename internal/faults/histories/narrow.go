package histories

import (
	"cmp"
	"math"
	"slices"
)

// narrow gives one group's operations later calls, where the model leaves no choice anyway or a later
// call does no harm, so that Porcupine finds an order at once, if there is one: that of the calls.
// Otherwise it may take an event too early, and has to try all sets of what could come after it.
//
// Nothing rests on it: an order for narrowed operations is one for the operations. Those for which it
// finds no moment are returned too: either there is none, or Porcupine has to look harder.
func narrow(ops []Operation) (narrowed []Operation, stuck []*Operation) {
	ops = slices.Clone(ops)
	c := newChain(ops)
	for pass, changed := 0, true; changed && pass < passes; pass++ {
		changed, stuck = false, nil
		for i := range ops {
			if op := &ops[i]; !c.is[op] && counts(*op) {
				switch c.place(op) {
				case delayed:
					changed = true
				case nowhere:
					stuck = append(stuck, op)
				}
			}
		}
	}
	for k, op := range c.events {
		if c.earliest[k+1] > c.ends(op) {
			stuck = append(stuck, op)
		} else {
			op.Call = c.earliest[k+1]
		}
	}
	for i := range ops {
		op := &ops[i]
		if at, ok := c.moments[op]; ok {
			op.Call = at
		} else if !op.event() {
			op.Call = op.begins()
		}
	}
	return ops, stuck
}

// passes is how often moments are looked for, at most. Each time some events have been found to come
// later; mostly two are enough.
const passes = 50

// counts tells whether an operation says anything: what never happened, and what has no answer, does
// not.
func counts(op Operation) bool {
	return op.Output.Outcome != NotDone && (op.Output.Outcome != Unknown || op.Output.Position != 0)
}

// chain is a group's events, in their order, and the states that they make.
type chain struct {
	events   []*Operation
	is       map[*Operation]bool
	states   []group // before the first event, and after each
	earliest []int64 // when each state can be reached at the earliest, as far as is known
	moments  map[*Operation]int64
}

func newChain(ops []Operation) *chain {
	c := &chain{is: map[*Operation]bool{}, states: []group{{}}, earliest: []int64{0}, moments: map[*Operation]int64{}}
	for i := range ops {
		if op := &ops[i]; op.event() {
			c.events = append(c.events, op)
			c.is[op] = true
		}
	}
	slices.SortStableFunc(c.events, func(a, b *Operation) int { return cmp.Compare(a.Output.Position, b.Output.Position) })
	for k, op := range c.events {
		c.states = append(c.states, c.states[k].after(op.Input, op.Output.Position))
		c.earliest = append(c.earliest, 0)
	}
	c.delay(1, 0)
	return c
}

// event tells whether this attempt made an event.
func (op *Operation) event() bool {
	return !op.Input.Kind.Reads() && op.Output.Position != 0 && !op.Output.Replayed
}

// delay has state k be reached at a moment or later, and those after it after that.
func (c *chain) delay(k int, at int64) {
	for ; k < len(c.earliest); k++ {
		c.earliest[k] = max(c.earliest[k], at, c.events[k-1].Call, c.earliest[k-1]+1)
	}
}

func (c *chain) ends(op *Operation) int64 {
	if op.Output.Outcome == Unknown {
		return math.MaxInt64
	}
	return op.Return
}

// placed is what came of place.
type placed int

const (
	found placed = iota
	delayed
	nowhere
)

// place finds the earliest moment for what is no event: in a state in which it can be answered so. If
// there is none, the newest such state has to last longer.
func (c *chain) place(op *Operation) placed {
	call, last := op.begins(), -1
	for k, state := range c.states {
		if ok, _ := step(state, op.Input, op.Output); !ok || c.earliest[k] > op.Return {
			continue
		}
		last = k
		at, until := max(call, c.earliest[k]), int64(math.MaxInt64)
		if k+1 < len(c.states) {
			until = c.earliest[k+1] - 1
		}
		if at <= min(until, op.Return) {
			c.moments[op] = at
			return found
		}
	}
	if last < 0 {
		delete(c.moments, op)
		return nowhere
	}
	at := max(call, c.earliest[last])
	if at >= c.ends(c.events[last]) { // what ends that state can't be so late
		delete(c.moments, op)
		return nowhere
	}
	c.moments[op] = at
	c.delay(last+1, at+1)
	return delayed
}

// begins is when an operation can happen at the earliest. Reads of the past can have happened before
// they were asked for.
func (op *Operation) begins() int64 {
	if op.Input.Kind == ReadFrom || op.Input.Kind == ReadAt {
		return 0
	}
	return op.Call
}
