package histories

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// model is a group of accounts as Porcupine takes it.
var model = porcupine.Model{
	Init: func() any { return group{} },
	Step: func(state, input, output any) (bool, any) {
		return step(state.(group), input.(Input), output.(Output))
	},
	// Events come in the order of their positions, so one position has one state.
	Equal: func(a, b any) bool { return a.(group).at == b.(group).at },
	Hash:  func(state any) uint64 { return uint64(state.(group).at) },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%v: %v", input.(Input), output.(Output))
	},
	DescribeState: func(state any) string { return state.(group).String() },
}

func (g group) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "at %d", g.at)
	for number, a := range g.accounts {
		fmt.Fprintf(&b, "; %s %+v", number, a)
	}
	return b.String()
}

// step tells whether in state g an attempt can be answered so, and what the state is then.
func step(g group, in Input, out Output) (bool, group) {
	before := g.done.find(in.Key)
	switch {
	case in.Kind == ReadStrong:
		return g.shows(in, out), g
	case in.Kind == ReadFrom:
		return g.at >= in.Bound && g.shows(in, out), g
	case in.Kind == ReadAt:
		return g.at == in.Bound && g.shows(in, out), g
	case out.Replayed:
		return before != nil && before.position == out.Position && (out.View == nil || *out.View == before.view), g
	case before != nil: // what is done is neither done again nor refused
		return false, g
	}
	code, actual := g.refuse(in)
	if out.Outcome == Refused {
		return code == out.Code && actual == out.Actual, g
	}
	if code != "" || g.at != out.After || out.Position <= g.at {
		return false, g
	}
	next := g.after(in, out.Position)
	return out.View == nil || *out.View == next.accounts[in.Account], next
}

// Verdict is what Porcupine says of a group's operations.
type Verdict struct {
	Result porcupine.CheckResult
	Info   porcupine.LinearizationInfo
	Took   time.Duration
	Ops    int          // that were looked at
	Stuck  []*Operation // that may be why: see narrow
}

// Check has Porcupine look for an order of one group's operations. Unknown outcomes must have been
// looked up: those of which the log has an event have its position, and may have happened at any
// time since they were sent; those of which it has none have never happened, and are left out, as
// are reads without an answer.
func Check(ops []Operation, limit time.Duration) Verdict {
	began := time.Now()
	narrowed, stuck := narrow(chained(ops))
	var history []porcupine.Operation
	for _, op := range narrowed {
		if !counts(op) {
			continue
		}
		o := porcupine.Operation{ClientId: op.Client, Input: op.Input, Output: op.Output, Call: op.Call, Return: op.Return}
		if op.Output.Outcome == Unknown {
			o.Return = math.MaxInt64
		}
		history = append(history, o)
	}
	result, info := porcupine.CheckOperationsVerbose(model, history, limit)
	return Verdict{result, info, time.Since(began), len(history), stuck}
}

// chained sets what event each event comes after. That is no knowledge beside the history: in no
// order that the model takes do positions go back. But it spares Porcupine all those in which a
// command of unknown outcome comes later than it can.
func chained(ops []Operation) []Operation {
	ops = slices.Clone(ops)
	var events []*Operation
	for i := range ops {
		if op := &ops[i]; op.event() {
			events = append(events, op)
		}
	}
	slices.SortStableFunc(events, func(a, b *Operation) int { return cmp.Compare(a.Output.Position, b.Output.Position) })
	for i, op := range events[min(1, len(events)):] {
		op.Output.After = events[i].Output.Position
	}
	return ops
}
