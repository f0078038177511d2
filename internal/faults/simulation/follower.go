package simulation

import (
	"context"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// follower is a client that follows the log, on whatever node is up, as those of the
// streams do. When its node goes it goes on behind the last event it was given.
type follower struct {
	at     eventstore.Position
	from   *process // nil while it follows nothing
	cancel context.CancelFunc
}

// fed is an event that a follower was given.
type fed struct {
	to      *follower
	from    *process
	ev      eventstore.Event
	applied eventstore.Position // at that node, then
}

// follow has a follower follow a node.
func (w *world) follow(f *follower, p *process) {
	ctx, cancel := context.WithCancel(context.Background())
	f.from, f.cancel = p, cancel
	w.cancels = append(w.cancels, cancel)
	w.tell("a follower goes on behind %d at %s", f.at, p.name)
	feed := p.service.Follow(f.at, journal.Filter{})
	go func() { // ends with cancel, or when there is nothing to follow any more
		defer feed.Close()
		for ctx.Err() == nil {
			err := feed.Next(ctx, func(ev eventstore.Event) bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.fed = append(w.fed, fed{f, p, ev, p.service.Applied()})
				return ev.Seq%3 > 0
			})
			if err != nil && eventstore.KindOf(err) != eventstore.KindUnavailable {
				break
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.unfollowed = append(w.unfollowed, f)
	}()
}

// leaveFollowers ends what is followed at a node that goes.
func (w *world) leaveFollowers(p *process) {
	for i, f := range w.followers {
		if f.from == p {
			f.cancel()
			w.followers[i] = &follower{at: f.at} // the old one may never come to its end
		}
	}
}

// feed takes in what the followers were given since the last step. Each must be given
// every event, in order, and none before its node shows its effect.
func (w *world) feed() {
	w.mu.Lock()
	given, ended := w.fed, w.unfollowed
	w.fed, w.unfollowed = nil, nil
	w.mu.Unlock()
	for _, g := range given {
		switch {
		case g.from.dead:
			continue
		case g.ev.Seq != g.to.at+1:
			w.violated("a follower at %s is given event %d behind event %d", g.from.name, g.ev.Seq, g.to.at)
		case g.applied < g.ev.Seq:
			w.violated("a follower at %s is given event %d, and its state is at %d", g.from.name, g.ev.Seq, g.applied)
		case !w.regressed && !same(w.store.events[g.ev.Seq-1], g.ev):
			w.violated("a follower at %s is given another event %d than the log holds", g.from.name, g.ev.Seq)
		}
		g.to.at = g.ev.Seq
	}
	for _, f := range ended {
		f.from = nil
	}
}

// attach gives followers without a node one.
func (w *world) attach(often float64) {
	for _, f := range w.followers {
		if up := w.up(); f.from == nil && len(up) > 0 && w.dice.Float64() < often {
			w.follow(f, choose(w.dice, up...).process)
		}
	}
}
