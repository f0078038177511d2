package journal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
)

// metaAtomic is the key in an event's meta that makes it part of a command with
// several events: "2/3" is the second of three. A lone event has none.
//
// The log holds all events of a command or none. This makes the state do so too:
// whoever applies such events waits for the last, and applies all at once, so that
// nothing is ever decided on half of a command, and no snapshot holds one.
//
// Events of other services that were appended together are marked for their readers,
// but applied one by one: nothing hangs on them together.
const metaAtomic = "atomic"

// Atomic marks the proposals of one command as belonging together. It changes
// copies of their meta.
func Atomic(proposals []eventstore.Proposal) []eventstore.Proposal {
	if len(proposals) < 2 {
		return proposals
	}
	for i, p := range proposals {
		mark := eventstore.Entry{Name: metaAtomic, Value: part{i + 1, len(proposals)}.String()}
		proposals[i] = p.WithMeta(p.Meta.With(mark))
	}
	return proposals
}

// part is an event's place in its command: it is the at-th of so many.
type part struct{ at, of int }

var alone = part{1, 1}

func (p part) String() string { return strconv.Itoa(p.at) + "/" + strconv.Itoa(p.of) }

// partOf is the place of an event to whoever applies it. Events of other services,
// decoded as nil, are alone whatever their meta says: a program that put them into the
// log by another way than this one's may have meant anything.
func partOf(ev eventstore.Event, decoded account.Event) (part, error) {
	if decoded == nil {
		return alone, nil
	}
	return placeOf(ev)
}

// placeOf reads an event's place. What Atomic can't have written is an error.
func placeOf(ev eventstore.Event) (part, error) {
	text, marked := ev.Meta.Lookup(metaAtomic)
	if !marked {
		return alone, nil
	}
	at, of, _ := strings.Cut(text, "/")
	var p part
	p.at, _ = strconv.Atoi(at) // 0 for what is no number
	p.of, _ = strconv.Atoi(of)
	if p.String() != text || p.at < 1 || p.at > p.of || p.of < 2 || p.of > eventstore.MaxBatchEvents {
		return part{}, fmt.Errorf("%q in meta %s is no place in a command of 2 to %d events", text, metaAtomic, eventstore.MaxBatchEvents)
	}
	return p, nil
}

// group gathers the events of one command until the last of them is there.
type group struct {
	members []member
	size    int
	since   time.Time // when the first came; of groups of several only
}

type member struct {
	ev      eventstore.Event
	decoded account.Event // nil for another service's
}

// add takes the next event of the log, and tells whether the group is whole.
func (g *group) add(m member, p part) (whole bool, err error) {
	if len(g.members) == 0 {
		if g.size = p.of; g.size > 1 {
			g.since = time.Now()
		}
	}
	if p.at != len(g.members)+1 || p.of != g.size {
		return false, fmt.Errorf("it is part %s of a command, where part %s is due: a log holds all of a command or nothing", p, part{len(g.members) + 1, g.size})
	}
	g.members = append(g.members, m)
	return p.at == p.of, nil
}

func (g *group) clear() {
	clear(g.members) // its memory is used again, for a group of one at every event
	g.members = g.members[:0]
}

// end is the position of the group's last event, 0 if there is no group.
func (g *group) end() eventstore.Position {
	if len(g.members) == 0 {
		return 0
	}
	return g.members[0].ev.Seq + eventstore.Position(g.size) - 1
}

// groupPatience is how long the rest of a command may take to become visible: the
// rows of one append may do so one after another.
const groupPatience = 5 * time.Second

// missing is an error of KindMissing if the rest of the group has not come for long.
func (g *group) missing() error {
	if len(g.members) == 0 || time.Since(g.since) < groupPatience {
		return nil
	}
	return eventstore.NewError("receive", eventstore.KindMissing, fmt.Errorf(
		"the log ends at part %s of a command: if it was imported, import the rest", part{len(g.members), g.size}))
}

// check is nil if all members can be applied, one after another: a state that
// took some of them and not the others would be wrong for good.
func (g *group) check(state *account.State) error {
	if len(g.members) < 2 {
		return nil // applying one is all or nothing by itself
	}
	draft := account.NewDraft(state)
	for _, m := range g.members {
		if err := draft.Apply(m.decoded, stamp(m.ev)); err != nil {
			return errors.Join(fmt.Errorf("part of a command of %d events, at event %d", g.size, m.ev.Seq), err)
		}
	}
	return nil
}
