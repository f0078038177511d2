package simulation

import (
	"time"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// maxSteps is how long it may go wild.
const maxSteps = 1500

// run lets things go wild, and then sees whether all gets well.
func (w *world) run() {
	w.prehistory()
	for _, n := range w.nodes {
		w.start(n)
	}
	for w.steps = 0; w.steps < maxSteps && !w.bad(); w.steps++ {
		w.settleDown()
		if w.commands <= 0 && w.idle() && w.dice.IntN(20) == 0 {
			break
		}
		w.happen()
		w.attach(0.05)
		w.subscribe(0.05)
		w.step()
		pass(w.moment())
	}
	if !w.bad() {
		w.calm()
	}
}

func (w *world) idle() bool {
	for _, c := range w.clients {
		if c.now != nil || c.retry != nil {
			return false
		}
	}
	return true
}

// moment is how long until the next step.
func (w *world) moment() time.Duration {
	switch d := w.dice.IntN(1000); {
	case d < 940:
		return time.Duration(w.dice.IntN(2_000_000))
	case d < 990:
		return time.Duration(w.dice.IntN(100_000_000))
	case d < 999:
		return time.Duration(w.dice.IntN(7_000_000_000))
	default: // the whole world stands still
		return time.Duration(w.dice.IntN(100)) * time.Minute
	}
}

// step does one thing: a call is answered, something is asked for, or an append lands.
func (w *world) step() {
	var free []*client
	up := w.up()
	if len(up) > 0 {
		for _, c := range w.clients {
			if c.now == nil && (w.commands > 0 || c.retry != nil) {
				free = append(free, c)
			}
		}
	}
	able := w.able()
	late := 0
	if len(w.store.late) > 0 {
		late = 1 + 100/w.profile.late
	}
	switch d := w.dice.IntN(1 + 20*len(able) + 10*len(free) + late); {
	case d < 20*len(able):
		w.advance(able[d/20])
	case d < 20*len(able)+10*len(free):
		w.begin(free[(d-20*len(able))/10], choose(w.dice, up...))
	case d < 20*len(able)+10*len(free)+late:
		w.land()
	}
}

// happen lets something befall a node, or the log; mostly nothing does.
func (w *world) happen() {
	p := &w.profile
	n := choose(w.dice, w.nodes...)
	span := time.Duration(w.dice.IntN(6_000_000_000))
	switch {
	case n.process == nil:
		if w.dice.IntN(20) == 0 {
			w.start(n)
		}
	case w.oneOf(p.crash):
		w.kill(n)
	case w.oneOf(p.stop) && (n.process.service != nil || n.process.relay != nil) && !n.process.stopping:
		w.stop(n)
	case w.oneOf(p.standstill):
		w.happened["stood still"]++
		w.tell("%s stands still for %s", n.name, span)
		n.still = time.Now().Add(span)
	case w.oneOf(p.cut):
		w.happened["cut off"]++
		w.tell("%s is cut off for %s", n.name, span)
		n.apart = time.Now().Add(span)
	case w.oneOf(p.skew):
		w.jump(n)
	}
	switch {
	case w.oneOf(p.foreign) && !w.strange:
		w.appendForeign(false)
	case p.strange && !w.strange && w.commands < p.commands/2 && w.oneOf(100):
		w.appendForeign(true)
	case p.regresses && !w.regressed && w.commands < p.commands/2 && w.store.position() > eventstore.Position(w.profile.history)+5 && w.oneOf(100):
		w.regress()
	}
	for _, n := range w.up() {
		if w.oneOf(p.replay) {
			w.replay(n)
		} else if w.oneOf(p.snapshot) {
			w.snapshot(n)
		}
	}
}

// jump puts a clock wrong, or right.
func (w *world) jump(n *node) {
	d := choose(w.dice, -w.profile.behind, time.Duration(w.dice.IntN(40)-20)*time.Second)
	if w.profile.maxSkew == 0 {
		d = choose(w.dice, d, d, 25*time.Hour, -25*time.Hour, time.Duration(w.dice.IntN(200)-100)*time.Hour)
	}
	w.happened["clock put wrong"]++
	w.tell("the clock of %s is now wrong by %s", n.name, d)
	n.skew.Store(int64(d))
}

func (w *world) regress() {
	n := 1 + w.dice.IntN(4)
	w.happened["log lost its end"]++
	w.tell("the log loses its last %d events", n)
	w.regressed = true
	w.store.lose(n)
}

func (w *world) replay(n *node) {
	o := journal.ReplayOptions{From: choose(w.dice, journal.ReplayFromStart, journal.ReplayFromSnapshot), Swap: w.dice.IntN(2) == 0}
	_, err := n.process.service.StartReplay(o)
	w.tell("%s replays from %s, swap: %t → %v", n.process.name, o.From, o.Swap, err == nil)
}

// snapshot has one taken, without waiting for it.
func (w *world) snapshot(n *node) {
	p := n.process
	w.tell("%s is asked for a snapshot", p.name)
	go func() { // ends with the process, or with the run
		ctx, cancel := w.limited(20 * time.Second)
		defer cancel()
		m, err := p.service.TakeSnapshot(ctx)
		if err == nil {
			w.tell("%s has taken a snapshot at %d", p.name, m.At.Head.Position)
		}
	}()
}

// judgeReplay holds a replay that has ended against what must come of it.
func (w *world) judgeReplay(r replayed) {
	kind := eventstore.KindOf(r.replay.Err)
	w.happened["replay "+string(r.replay.State)]++
	w.tell("%s: replay %s at %d (%s)", r.by.name, r.replay.State, r.replay.Position, kind)
	if w.regressed {
		return
	}
	switch r.replay.State {
	case journal.ReplayDone:
		if !r.replay.Match() || len(r.replay.SnapshotFaults) > 0 || r.replay.Options.Swap != r.replay.Swapped {
			w.violated("%s: the replay found %d accounts and %d keys to differ, and %q", r.by.name, r.replay.Differing, r.replay.DifferingKeys, r.replay.SnapshotFaults)
		}
	case journal.ReplayFailed:
		if !eventstore.IsKind(r.replay.Err, eventstore.KindUnavailable) && !eventstore.IsKind(r.replay.Err, eventstore.KindMissing) {
			w.violated("%s: the replay failed: %v", r.by.name, r.replay.Err)
		}
	}
}
