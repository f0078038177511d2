package simulation

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// node is a machine: it has a clock, a way to the store, and mostly a process.
type node struct {
	name         string
	skew         atomic.Int64 // by how much its clock is fast, a time.Duration
	still, apart time.Time    // until when it stands still, and is cut off from the store
	process      *process     // nil while there is none
	relay        bool         // its process is a subscriber, not a service
	lives        int          // processes so far
}

func (n *node) skewed() time.Duration { return time.Duration(n.skew.Load()) }
func (n *node) standsStill() bool     { return time.Now().Before(n.still) }
func (n *node) isCut() bool           { return time.Now().Before(n.apart) }

// process is one life of a node, from its start to its stop or death.
type process struct {
	world  *world
	node   *node
	name   string
	number int // of all processes

	// Guarded by the world's mu.
	calls    map[op]int
	dead     bool             // killed: it never gets another answer
	service  *journal.Service // nil until started
	relay    *relay
	failed   error               // why it could not start
	stopped  bool                // and has come to its end
	received eventstore.Position // the last event that the reducer was given
	refused  eventstore.Position // the last event that the subscriber did not take

	stopping bool
	seen     eventstore.Position // applied when last inspected
}

// start gives a node a process.
func (w *world) start(n *node) {
	n.lives++
	p := &process{world: w, node: n, number: len(w.processes), name: fmt.Sprintf("%s.%d", n.name, n.lives), calls: make(map[op]int)}
	w.processes, n.process = append(w.processes, p), p
	w.happened["started"]++
	w.tell("%s starts", p.name)
	go func() { // ends when Start does, which is at the end of the run if the process dies
		if n.relay {
			p.startRelay()
			return
		}
		s, err := journal.Start(context.Background(), p, p.config())
		w.mu.Lock()
		defer w.mu.Unlock()
		p.service, p.failed = s, err
	}()
}

func (p *process) config() journal.Config {
	f := &p.world.profile
	var names eventstore.SubscriptionStore
	if f.named {
		names = p
	}
	return journal.Config{
		Subscriptions: names,
		Writer: eventstore.WriterConfig{
			BatchEvents: f.batchEvents, QueueLimit: f.queueLimit,
			Now: func() time.Time { return time.Now().Add(p.node.skewed()) },
		},
		Poller:       eventstore.PollerConfig{WindowEvents: f.windowEvents},
		Observer:     p.observer(),
		MaxClockSkew: f.maxSkew,
		MaxKeys:      f.maxKeys,
		Snapshots: journal.SnapshotConfig{Store: p, Events: f.snapshotEvents, AtClose: f.snapshotAtClose, Keep: 2,
			Observer: journal.SnapshotObserver{Rebuilding: p.rebuilds}},
		Replayed: func(r journal.Replay) {
			p.world.mu.Lock()
			defer p.world.mu.Unlock()
			p.world.replayed = append(p.world.replayed, replayed{p, r})
		},
	}
}

func (p *process) observer() eventstore.Observer {
	return eventstore.Observer{
		Received: p.receives,
		Conflict: func(head eventstore.Head, events, attempt int) {
			p.world.tell("%s finds that %d is the head no more", p.name, head.Position)
		},
		Halted: func(who string, err error) {
			p.world.tell("%s: %s halts: %v", p.name, who, eventstore.KindOf(err))
		},
	}
}

// rebuilds notes where the reducer begins.
func (p *process) rebuilds(from eventstore.Position) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	p.received = max(p.received, from)
}

// receives checks that the reducer is given every event, in order.
func (p *process) receives(_ string, ev eventstore.Event) {
	w := p.world
	w.mu.Lock()
	first, last := p.received == 0, p.received
	p.received = ev.Seq
	w.mu.Unlock()
	if ev.Seq != last+1 && !first {
		w.violated("%s: the reducer is given event %d behind event %d", p.name, ev.Seq, last)
	}
}

// kill ends a process at once: it gets no more answers. What it has sent may be done
// all the same.
func (w *world) kill(n *node) {
	p := n.process
	n.process = nil
	w.leaveFollowers(p)
	w.unsubscribe(p)
	w.happened["killed"]++
	w.tell("%s is killed", p.name)
	sent := w.waiting(p)
	w.mu.Lock()
	p.dead = true
	w.mu.Unlock()
	for _, c := range sent {
		switch {
		case c.result != nil:
		case c.op == opAppend:
			w.store.late = append(w.store.late, *c.batch)
		case c.op == opSave && w.chance(0.5):
			w.tell("%s %s of %s is done all the same", c.op, c.detail, p.name)
			_, _ = c.perform()
		}
	}
	for _, c := range w.clients {
		if c.now != nil && c.now.at == p {
			w.tell("client %d gets no answer to %s", c.number, c.now)
			w.settle(c.now, errGone)
			c.now = nil
		}
	}
}

// stop ends a process as one should.
func (w *world) stop(n *node) {
	p := n.process
	p.stopping = true
	w.leaveFollowers(p)
	w.unsubscribe(p)
	w.happened["stopped"]++
	w.tell("%s is told to stop", p.name)
	go func() { // ends with the process, or at the end of the run
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		p.close(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		p.stopped = true
	}()
}

func (p *process) close(ctx context.Context) {
	if p.service != nil {
		_ = p.service.Close(ctx)
	}
	if p.relay != nil {
		p.relay.poller.Close()
	}
}

// up gives the nodes with a service that takes commands.
func (w *world) up() []*node {
	var up []*node
	for _, n := range w.nodes {
		if p := n.process; p != nil && p.service != nil && !p.stopping {
			up = append(up, n)
		}
	}
	return up
}

// look notes which processes have started, failed to, or stopped.
func (w *world) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.nodes {
		p := n.process
		switch {
		case p == nil:
		case p.failed != nil:
			w.note("%s could not start: %v", p.name, eventstore.KindOf(p.failed))
			n.process = nil
		case p.stopped:
			w.note("%s has stopped", p.name)
			n.process = nil
		}
	}
}
