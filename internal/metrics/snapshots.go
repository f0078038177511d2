package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// snapshots are the figures of taking and loading snapshots.
type snapshots struct {
	took, stall prometheus.Histogram
	failures    prometheus.Counter
	loads       *prometheus.CounterVec
}

func newSnapshots(add adder) snapshots {
	return snapshots{
		took:     add.histogram("snapshot_duration_seconds", "Time that taking a snapshot took; the service goes on meanwhile.", []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60, 300}),
		stall:    add.histogram("snapshot_stall_seconds", "Time that events had to wait for a snapshot to begin.", []float64{.00001, .0001, .001, .01, .1, 1}),
		failures: add.counter("snapshot_failures_total", "Snapshots that could not be taken, listed or removed."),
		loads:    add.counters("snapshot_loads_total", "Snapshots looked at when the service started.", "outcome"),
	}
}

// Snapshots gives the observer of snapshots.
func (m *Metrics) Snapshots() journal.SnapshotObserver {
	s := &m.snapshots
	return journal.SnapshotObserver{
		Tried: func(_ eventstore.Manifest, _ time.Duration, err error) {
			if err != nil {
				s.loads.WithLabelValues("passed over").Inc()
				return
			}
			s.loads.WithLabelValues("loaded").Inc()
		},
		Taken: func(_ eventstore.Manifest, took, stall time.Duration) {
			s.took.Observe(took.Seconds())
			s.stall.Observe(stall.Seconds())
		},
		Failed: func(time.Duration, error) { s.failures.Inc() },
	}
}

func newReplays(add adder) *prometheus.CounterVec {
	replays := add.counters("replays_total", "Replays that have ended, and how.", "outcome")
	for _, outcome := range []string{replayMatches, replayDiffers, string(journal.ReplayFailed), string(journal.ReplayCancelled)} {
		replays.WithLabelValues(outcome)
	}
	return replays
}

// What a replay that is done has found.
const (
	replayMatches = "matches"
	replayDiffers = "differs"
)

// Replayed counts a replay that has ended.
func (m *Metrics) Replayed(r journal.Replay) {
	outcome := string(r.State)
	switch {
	case r.State != journal.ReplayDone:
	case r.Match():
		outcome = replayMatches
	default:
		outcome = replayDiffers
	}
	m.replays.WithLabelValues(outcome).Inc()
}
