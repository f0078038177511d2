package histories

import (
	"encoding/json"
	"fmt"
	"slices"

	"openpayment/eventstore"
)

// ledger is what the log says of one group's accounts, and of the attempts at changing them.
type ledger struct {
	states   []group            // after each event of the group, and at first the empty one
	events   map[int64]int      // position → index of the state that it led to
	attempts map[string]int64   // request id → position of its event
	byID     map[string]*Input  // all attempts
	wrong    []string           // what must not be
	changes  map[string][]int64 // account → positions of its events
}

func (l *ledger) object(format string, args ...any) {
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// newLedger goes through the events of one group. Each must be that of an attempt at it, once, and
// allowed by the rules.
func newLedger(log []eventstore.Event, numbers []string, ops []Operation) *ledger {
	l := &ledger{states: []group{{}}, events: map[int64]int{}, attempts: map[string]int64{}, byID: map[string]*Input{}, changes: map[string][]int64{}}
	for i := range ops {
		l.byID[ops[i].Input.Request] = &ops[i].Input
	}
	for _, ev := range log {
		if number, ok := accountOf(ev); ok && slices.Contains(numbers, number) {
			l.enter(ev)
		}
	}
	return l
}

// types are the events that commands lead to.
var types = map[Kind]string{Open: "account.opened", Update: "account.updated", Replace: "account.updated", Close: "account.closed",
	Deposit: "funds.deposited", Withdraw: "funds.withdrawn", Transfer: "funds.transferred"}

func accountOf(ev eventstore.Event) (string, bool) {
	const prefix = "accounts/"
	if len(ev.Subject) <= len(prefix) {
		return "", false
	}
	return ev.Subject[len(prefix):], true
}

func (l *ledger) enter(ev eventstore.Event) {
	id, position := ev.Meta.Get("requestId"), int64(ev.Seq)
	in := l.byID[id]
	if in == nil {
		l.object("event %d is that of request %q, which nobody sent", position, id)
		return
	}
	number, _ := accountOf(ev)
	var data struct {
		To     string
		Amount int64
	}
	if err := json.Unmarshal([]byte(ev.Data), &data); err != nil || types[in.Kind] != ev.Type || number != in.Account ||
		in.Kind == Transfer && data.To != in.To || in.Amount != data.Amount || ev.Meta.Get("idempotencyKey") != in.Key {
		l.object("event %d (%s of %s: %s) is not what request %q asked for: %v", position, ev.Type, ev.Subject, ev.Data, id, in)
	}
	if before, twice := l.attempts[id]; twice {
		l.object("event %d is that of request %q once more, which is event %d", position, id, before)
	}
	g := l.states[len(l.states)-1]
	if code, _ := g.refuse(*in); code != "" {
		l.object("event %d (%v) should have been refused: %s", position, in, code)
	}
	if d := g.done.find(in.Key); d != nil {
		l.object("event %d is under key %q once more, which is event %d", position, in.Key, d.position)
	}
	l.attempts[id] = position
	l.events[position] = len(l.states)
	l.states = append(l.states, g.after(*in, position))
	l.changes[in.Account] = append(l.changes[in.Account], position)
	if in.Kind == Transfer {
		l.changes[in.To] = append(l.changes[in.To], position)
	}
}

// resolve gives unknown outcomes their positions, by the log.
func (l *ledger) resolve(ops []Operation) {
	for i := range ops {
		if out := &ops[i].Output; out.Outcome == Unknown {
			out.Position = l.attempts[ops[i].Input.Request]
		}
	}
}

// compare holds answers against the log.
func (l *ledger) compare(ops []Operation) {
	for _, op := range ops {
		in, out := op.Input, op.Output
		at, there := l.attempts[in.Request]
		switch {
		case len(out.Code) >= len(wrong) && out.Code[:len(wrong)] == wrong:
			l.object("%s (%v): %v", in.Request, in, out)
		case in.Kind.Reads():
			l.read(op)
		case (out.Outcome == Refused || out.Outcome == NotDone) && there:
			l.object("%s (%v) was answered %v, and is event %d", in.Request, in, out, at)
		case out.Outcome == OK && !out.Replayed && at != out.Position:
			l.object("%s (%v) was answered with event %d; in the log it is %d", in.Request, in, out.Position, at)
		case out.Replayed:
			if d := l.last().done.find(in.Key); d == nil || d.position != out.Position || there {
				l.object("%s (%v) was answered with event %d again, which is not that of its key; its own is %d", in.Request, in, out.Position, at)
			}
		}
	}
}

// read holds what a read showed against the log: a state that there was, no older than it had to be.
func (l *ledger) read(op Operation) {
	in, out := op.Input, op.Output
	if out.Outcome != OK && out.Outcome != Refused {
		return
	}
	least := out.Applied // the answer holds everything up to there
	if in.Kind == ReadFrom && least < in.Bound {
		l.object("%s (%v) was answered at %d", in.Request, in, least)
	}
	if in.Kind == ReadAt {
		i, ok := l.events[in.Bound]
		if !ok || !l.states[i].shows(in, out) {
			l.object("%s (%v) shows %v; the log's state there is %v", in.Request, in, out, l.states[i])
		}
		return
	}
	for i := len(l.states) - 1; i >= 0; i-- {
		if l.states[i].shows(in, out) {
			return
		}
		if l.states[i].at <= least {
			break
		}
	}
	l.object("%s (%v) at %d shows %v, which is not the account's state there, nor any since", in.Request, in, least, out)
}

// last is the group's state at the end.
func (l *ledger) last() group { return l.states[len(l.states)-1] }
