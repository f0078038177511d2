package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"openpayment/eventstore"
)

// appends are the figures of the Writer, the Poller, and the log they work on.
type appends struct {
	took      prometheus.Histogram
	batch     prometheus.Histogram
	events    prometheus.Counter
	conflicts prometheus.Counter
	doubts    prometheus.Counter
	inDoubt   prometheus.Gauge
	cleared   *prometheus.CounterVec
	unread    *prometheus.CounterVec
	refused   *prometheus.CounterVec
}

func newAppends(add adder) appends {
	a := appends{
		took:      add.histogram("append_duration_seconds", "Time that the store took for an append that succeeded; its last attempt, if there were several.", seconds),
		batch:     add.histogram("append_batch_events", "Events in an append that succeeded.", []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}),
		events:    add.counter("events_appended_total", "Events that this node has appended."),
		conflicts: add.counter("append_conflicts_total", "Appends that another node was faster with: their commands were decided again."),
		doubts:    add.counter("append_doubts_total", "Attempts to append whose outcome the store did not tell; each is repeated until it is certain."),
		inDoubt:   add.gauge("append_in_doubt", "1 while the outcome of an append is unknown: nothing else is appended then."),
		cleared:   add.counters("append_doubts_cleared_total", "Appends that were in doubt, and how that has ended.", "outcome"),
		unread:    add.counters("read_failures_total", "Times that the log could not be read on, and was tried again.", "reader"),
		refused:   add.counters("subscriber_failures_total", "Events that a subscriber's handler has failed at; they are delivered again.", "subscriber"),
	}
	for _, fate := range []eventstore.Fate{eventstore.FateApplied, eventstore.FateLost, eventstore.FateGivenUp} {
		a.cleared.WithLabelValues(fate.String()) // so that the first one is an increase
	}
	return a
}

// Log gives the observer of the Writer, the Poller and their subscribers.
func (m *Metrics) Log() eventstore.Observer {
	a := &m.appends
	return eventstore.Observer{
		Published: func(batch []eventstore.Event, took time.Duration) {
			a.took.Observe(took.Seconds())
			a.batch.Observe(float64(len(batch)))
			a.events.Add(float64(len(batch)))
		},
		Conflict: func(eventstore.Head, int, int) { a.conflicts.Inc() },
		InDoubt: func(eventstore.Head, int, int, error) {
			a.doubts.Inc()
			a.inDoubt.Set(1)
		},
		Cleared: func(_ eventstore.Head, _, _ int, fate eventstore.Fate) {
			a.inDoubt.Set(0)
			a.cleared.WithLabelValues(fate.String()).Inc()
		},
		ReadFailed: func(who string, _ time.Duration, _ error) { a.unread.WithLabelValues(who).Inc() },
		HandlerFailed: func(who string, _ eventstore.Event, _ int, _ time.Duration, _ error) {
			a.refused.WithLabelValues(who).Inc()
		},
	}
}
