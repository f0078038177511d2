package simulation

import (
	"context"
	"errors"
	"fmt"
	"testing/synctest"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
)

// patience is how long it may take, when nothing fails any more, until all is well;
// illness how long it is watched when that will never be.
const (
	patience = 3 * time.Minute
	illness  = 20 * time.Second
)

// limited is for what nobody waits for: it ends with its time, or with the run.
func (w *world) limited(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

// calm ends all faults. Every node must come to the log's head and take a command;
// then all are stopped.
func (w *world) calm() {
	w.tell("it gets quiet")
	w.quiet = true
	for _, n := range w.nodes {
		n.still, n.apart = time.Time{}, time.Time{}
		n.skew.Store(int64(-w.profile.behind))
	}
	hopeless := w.strange || w.regressed
	if hopeless {
		w.until(illness, func() bool { return false }) // what is lost may show only then
		w.noticed = true
	} else if !w.until(patience, w.allWell) {
		w.violated("not all is well: %s", w.ill())
	}
	w.honest()
	if !hopeless {
		w.lastCommands()
	}
	for _, n := range w.nodes {
		if n.process != nil && !n.process.stopping && (n.process.service != nil || n.process.relay != nil) {
			w.stop(n)
		}
	}
	if !w.until(time.Minute, w.allStopped) && !hopeless {
		w.violated("not all have stopped")
	}
	w.finally()
}

// until goes on, answering all calls in turn, until something is so.
func (w *world) until(limit time.Duration, so func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end) && !w.bad(); {
		w.settleDown()
		w.steps++
		if so() {
			return true
		}
		for _, n := range w.nodes {
			if n.process == nil && !w.stopping() {
				w.start(n)
			}
		}
		if !w.stopping() {
			w.attach(1)
			w.subscribe(1)
		}
		if able := w.able(); len(able) > 0 {
			for _, c := range able {
				w.advance(c)
				synctest.Wait() // one after another: else chance would decide who goes on first
			}
			pass(time.Duration(w.dice.IntN(1_000_000)))
			continue
		}
		if len(w.store.late) > 0 {
			w.land()
			continue
		}
		pass(time.Duration(w.dice.IntN(200_000_000)))
	}
	return false
}

func (w *world) stopping() bool {
	for _, n := range w.nodes {
		if n.process != nil && n.process.stopping {
			return true
		}
	}
	return false
}

func (w *world) allStopped() bool {
	for _, n := range w.nodes {
		if n.process != nil {
			return false
		}
	}
	return true
}

func (w *world) allWell() bool { return w.ill() == "" }

// ill says what is not well yet.
func (w *world) ill() string {
	for _, c := range w.clients {
		if c.now != nil {
			return fmt.Sprintf("client %d waits for %s", c.number, c.now)
		}
	}
	for _, f := range w.followers {
		if f.from == nil || f.at != w.store.position() {
			return fmt.Sprintf("a follower stands at %d of %d", f.at, w.store.position())
		}
	}
	if w.named != nil && w.subscribed() != w.store.position() {
		return fmt.Sprintf("the named subscriber stands at %d of %d", w.subscribed(), w.store.position())
	}
	w.mu.Lock()
	relayed := w.relayed
	w.mu.Unlock()
	for _, n := range w.nodes {
		p := n.process
		switch {
		case p == nil || p.service == nil && p.relay == nil || p.stopping:
			return n.name + " is not up"
		case n.relay && relayed < w.store.position():
			return fmt.Sprintf("the subscriber stands at %d of %d", relayed, w.store.position())
		case n.relay:
		case p.service.Ready() != nil:
			return fmt.Sprintf("%s: %v", p.name, p.service.Ready())
		case p.service.Applied() != w.store.position():
			return fmt.Sprintf("%s stands at %d of %d", p.name, p.service.Applied(), w.store.position())
		}
	}
	return ""
}

// honest wants every node that shows its state to have that of the log, and none to be
// ready that can't go on.
func (w *world) honest() {
	for _, n := range w.up() {
		s := n.process.service
		status := s.Status()
		at := status.DigestAt
		if w.strange && status.Problem == nil {
			w.violated("%s is ready, though there is an event that it does not understand", n.process.name)
		}
		if s.Serving() == nil && (at > w.store.position() || status.Digest != w.oracle.digests[at]) {
			w.violated("%s shows its state, but at %d it is not what the log makes", n.process.name, at)
		}
	}
}

// lastCommands has every node take one more.
func (w *world) lastCommands() {
	c := w.clients[0]
	for i, n := range w.up() {
		number := account.Number(fmt.Sprintf("%06d", 900+i))
		o := &operation{how: execute, asked: []asked{{command: account.Open{Number: string(number), SortCode: "10-20-30"}, text: "open " + string(number)}}}
		done := func() bool {
			if c.now == nil && o.err != nil { // its clock may have been wrong when it was looked at last
				pass(time.Second)
				o = &operation{how: execute, asked: unanswered(o.asked)}
				w.ask(c, n, o, patience)
			}
			return c.now == nil
		}
		w.ask(c, n, o, patience)
		if !w.until(patience, done) {
			w.violated("%s does not take a command, though all is well: %v", n.name, o.err)
		}
	}
	if !w.until(patience, w.allWell) {
		w.violated("not all is well after the last commands: %s", w.ill())
	}
}

// inspect holds each node's state against what the log makes.
func (w *world) inspect() {
	for _, n := range w.nodes {
		p := n.process
		if p == nil || p.service == nil || p.seen == p.service.Applied() || w.regressed {
			continue
		}
		status := p.service.Status()
		at := status.DigestAt
		switch {
		case at > w.store.position():
			w.violated("%s has applied event %d; the log ends at %d", p.name, at, w.store.position())
		case status.Digest != w.oracle.digests[at]:
			w.violated("%s: the state at %d is not what the log makes", p.name, at)
		case status.Keys != w.oracle.keyCount[at]:
			w.violated("%s: the state at %d remembers %d keys, not %d", p.name, at, status.Keys, w.oracle.keyCount[at])
		case at < p.seen:
			w.violated("%s: the state went back from %d to %d", p.name, p.seen, at)
		}
		p.seen = at
	}
}

// finally counts the money.
func (w *world) finally() {
	sum := int64(0)
	for n := range w.oracle.balances {
		if a := w.oracle.now().Account(n); a != nil {
			sum += a.Balance
		}
	}
	if sum != w.oracle.total {
		w.violated("the accounts hold %d, and %d was paid in", sum, w.oracle.total)
	}
	if w.regressed {
		return
	}
	for _, m := range w.store.manifests {
		if w.oracle.tardy[m.ID] {
			continue
		}
		w.oracle.whole(m, w.store.chunks[m.ID])
	}
}

// sort is what kind of answer it got.
func (o *operation) sort() string {
	_, refused := errors.AsType[*account.Refusal](o.err)
	switch {
	case !o.settled || errors.Is(o.err, errGone):
		return "none"
	case o.err == nil:
		return "ok"
	case refused:
		return "refused"
	}
	return eventstore.KindOf(o.err).String()
}
