package histories

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"openpayment/internal/cassandratest"
)

// moment is one of a plan.
type moment struct {
	at time.Duration
	do func()
}

// disturb carries out the plan, and returns when the time of the load is over and nothing fails
// any more, but for a Cassandra node that may still be starting.
func (h *history) disturb() {
	var steps []moment
	for _, f := range h.plan {
		begin, end := h.carryOut(f)
		steps = append(steps, moment{f.at, begin})
		if end != nil {
			steps = append(steps, moment{f.at + f.last, end})
		}
	}
	steps = append(steps, moment{length, func() {}})
	slices.SortStableFunc(steps, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	for _, s := range steps {
		<-time.After(s.at - time.Since(h.began))
		s.do()
	}
}

// carryOut gives what begins a fault, and what ends it.
func (h *history) carryOut(f fault) (begin, end func()) {
	s := h.services[f.node]
	switch f.kind {
	case killService:
		return h.counted(f, s.kill), s.start
	case skewService:
		with := func(clock time.Duration) func() {
			return func() { s.kill(); s.clock = clock; s.start() }
		}
		if f.by.Abs() <= bearable {
			return h.counted(f, with(f.by)), func() {}
		}
		return h.counted(f, with(f.by)), with(0)
	case stopService:
		return h.counted(f, func() { s.freeze(true) }), func() { s.freeze(false) }
	case stopCassandra:
		return h.ifWhole(f, h.ring.Nodes[f.node].Pause, h.ring.Nodes[f.node].Resume)
	case killCassandra:
		return h.ifWhole(f, h.ring.Nodes[f.node].Kill, func() { h.starting = append(h.starting, h.ring.Nodes[f.node].Begin()) })
	case restartRing:
		return h.killRing(f), nil
	case cutNetwork:
		return h.counted(f, h.onNetwork(f, (*cassandratest.Forwarder).Cut)), h.onNetwork(f, (*cassandratest.Forwarder).Restore)
	case holdNetwork:
		return h.counted(f, h.onNetwork(f, (*cassandratest.Forwarder).Hold)), h.onNetwork(f, (*cassandratest.Forwarder).Restore)
	case delayNetwork:
		return h.counted(f, h.onNetwork(f, func(w *cassandratest.Forwarder) { w.Delay(f.by) })), h.onNetwork(f, (*cassandratest.Forwarder).Restore)
	case takeSnapshot:
		return h.snapshot(f), nil
	}
	return h.replay(f), nil
}

// bearable is a fault of clocks that may stay: the nodes' are apart by twice that, and may be by
// more.
const bearable = 2 * time.Second

func (h *history) counted(f fault, do func()) func() {
	return func() {
		h.counts.Faults[string(f.kind)]++
		do()
	}
}

// ifWhole is a fault of one Cassandra node, which does not happen while another is missing: two are
// needed.
func (h *history) ifWhole(f fault, do, undo func()) (begin, end func()) {
	happens := false
	begin = func() {
		if happens = h.whole(false); happens {
			h.counted(f, do)()
		}
	}
	end = func() {
		if happens {
			undo()
		}
	}
	return begin, end
}

// afterRing is how long the load goes on once the ring is back.
const afterRing = 4 * time.Second

// killRing kills all Cassandra nodes at once and starts them again: first the one that the others
// ask for the ring, without which they give up.
func (h *history) killRing(f fault) func() {
	return h.counted(f, func() {
		h.whole(true)
		for _, n := range h.ring.Nodes {
			n.Kill()
		}
		<-time.After(f.last)
		for i, n := range h.ring.Nodes {
			h.starting = append(h.starting, n.Begin())
			if i == 0 {
				h.whole(true)
			}
		}
		h.whole(true)
		<-time.After(afterRing)
	})
}

// onNetwork does something to the ways of a service to Cassandra, or to one of them.
func (h *history) onNetwork(f fault, do func(*cassandratest.Forwarder)) func() {
	return func() {
		for i, way := range h.networks[f.node] {
			if f.to < 0 || f.to == i {
				do(way)
			}
		}
	}
}

// asideLimit is how long what is done beside the load waits for an answer.
const asideLimit = 2 * time.Second

// snapshot asks for one. It may well not be taken.
func (h *history) snapshot(f fault) func() {
	return h.aside(f, "/v1/admin/snapshots", "", func(status int, body []byte) {
		switch status {
		case http.StatusCreated:
			h.counts.Snapshots++
		case http.StatusServiceUnavailable, 0:
		default:
			h.t.Errorf("a snapshot: %d %s", status, body)
		}
	})
}

// replay begins one, which takes the live state's place when it is done.
func (h *history) replay(f fault) func() {
	return h.aside(f, "/v1/admin/replays", `{"from":"start","swap":true}`, func(status int, body []byte) {
		switch status {
		case http.StatusAccepted:
			var r struct{ ID string }
			if err := json.Unmarshal(body, &r); err != nil {
				h.t.Errorf("a replay: %v: %s", err, body)
			}
			h.replays[f.node] = "/v1/admin/replays/" + r.ID
		case http.StatusServiceUnavailable, http.StatusConflict, 0:
		default:
			h.t.Errorf("a replay: %d %s", status, body)
		}
	})
}

// aside sends a request of administration. The plan goes on when it is answered, or was not in time.
func (h *history) aside(f fault, path, body string, then func(status int, body []byte)) func() {
	return h.counted(f, func() {
		status, answer := h.ask(http.MethodPost, h.services[f.node].url+path, body, nil, asideLimit)
		then(status, answer)
	})
}
