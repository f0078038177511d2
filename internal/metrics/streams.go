package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"openpayment/api"
)

// streams are the figures of streams of events. How many are open, and how far behind,
// is looked up: see node.
type streams struct {
	opened, delivered prometheus.Counter
	closed            *prometheus.CounterVec
}

func newStreams(add adder) streams {
	return streams{
		opened:    add.counter("streams_opened_total", "Streams of events that have begun."),
		delivered: add.counter("stream_events_delivered_total", "Events handed to the connections of streams."),
		closed:    add.counters("streams_closed_total", "Streams of events that have ended, and why.", "reason"),
	}
}

// Streams gives the observer of streams.
func (m *Metrics) Streams() api.StreamObserver {
	s := &m.streams
	return api.StreamObserver{
		Opened:    s.opened.Inc,
		Delivered: func(events int) { s.delivered.Add(float64(events)) },
		Closed:    func(reason string) { s.closed.WithLabelValues(reason).Inc() },
	}
}
