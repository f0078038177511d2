// Package metrics keeps the service's figures for Prometheus. The packages that make
// them know nothing of it: they tell observers, and what stands still is looked up
// when somebody asks.
//
// Every metric stands in docs/metrics.md. Labels take few values, whatever clients
// send: a route is its template, a method that HTTP does not know is _OTHER, and there
// is no account number, key, token or subject in any of them.
package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// namespace begins every name.
const namespace = "openpayment"

// seconds are the bounds for what a client waits for.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Metrics are the figures of one process. It is safe for concurrent use, and owns no
// goroutines.
type Metrics struct {
	registry  *prometheus.Registry
	requests  requests
	streams   streams
	commands  commands
	appends   appends
	snapshots snapshots
	replays   *prometheus.CounterVec
	cassandra cassandraRequests
	exports   prometheus.Counter
	node      node
}

// New makes the figures of a process of the given version.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	add := adder{m.registry}
	m.requests, m.streams, m.commands, m.appends = newRequests(add), newStreams(add), newCommands(add), newAppends(add)
	m.snapshots, m.replays, m.cassandra = newSnapshots(add), newReplays(add), newCassandraRequests(add)
	m.exports = add.counter("trace_export_failures_total", "Times that spans could not be delivered to the collector, and were dropped.")
	m.node.describe()
	build := add.gauges("build_info", "Always 1; the labels tell what runs.", "version", "go_version")
	build.WithLabelValues(version, runtime.Version()).Set(1)
	m.registry.MustRegister(&m.node, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers a scrape, as OpenMetrics or text, whichever is asked for. failed is
// told of what could not be collected or sent.
func (m *Metrics) Handler(failed func(...any)) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: printer(failed), ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true,
	})
}

// Gather gives everything, as for a scrape.
func (m *Metrics) Gather() ([]*dto.MetricFamily, error) { return m.registry.Gather() }

// printer is the logger that promhttp wants.
type printer func(...any)

func (p printer) Println(v ...any) { p(v...) }

// TraceExportFailed counts spans that could not be delivered.
func (m *Metrics) TraceExportFailed() { m.exports.Inc() }

// adder makes metrics and registers them. A name that is taken is a defect: it panics,
// at the start of the process.
type adder struct{ to *prometheus.Registry }

func (a adder) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
	a.to.MustRegister(c)
	return c
}

func (a adder) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	a.to.MustRegister(c)
	return c
}

func (a adder) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
	a.to.MustRegister(g)
	return g
}

func (a adder) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	a.to.MustRegister(g)
	return g
}

func (a adder) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
	a.to.MustRegister(h)
	return h
}

func (a adder) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	a.to.MustRegister(h)
	return h
}
