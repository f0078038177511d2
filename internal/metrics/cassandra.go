package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"openpayment/eventstore/cassandra"
)

// cassandraRequests are the figures of requests to Cassandra.
type cassandraRequests struct {
	took    *prometheus.HistogramVec
	retries *prometheus.CounterVec
}

func newCassandraRequests(add adder) cassandraRequests {
	return cassandraRequests{
		took:    add.histograms("cassandra_request_duration_seconds", "Time that Cassandra took for a request, each attempt by itself.", seconds, "statement", "outcome"),
		retries: add.counters("cassandra_retries_total", "Requests that were sent again, since the attempt before had failed.", "statement"),
	}
}

// Cassandra notes a request to Cassandra.
func (m *Metrics) Cassandra(r cassandra.Request) {
	m.cassandra.took.WithLabelValues(r.Statement, r.Outcome).Observe(r.Took.Seconds())
	if r.Retry {
		m.cassandra.retries.WithLabelValues(r.Statement).Inc()
	}
}
