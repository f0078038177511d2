package metrics

import (
	"context"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"openpayment/api"
)

// requests are the figures of HTTP.
type requests struct {
	answered *prometheus.CounterVec
	took     *prometheus.HistogramVec
	inFlight prometheus.Gauge
	problems *prometheus.CounterVec
}

func newRequests(add adder) requests {
	r := requests{
		answered: add.counters("http_requests_total", "Requests answered.", "route", "method", "status"),
		took:     add.histograms("http_request_duration_seconds", "Time from a request to the end of its answer.", seconds, "route", "method"),
		inFlight: add.gauge("http_requests_in_flight", "Requests being answered, streams included."),
		problems: add.counters("http_problems_total", "Requests answered with a problem.", "code"),
	}
	for _, code := range []string{"internal", "log-damaged"} { // of these one is too many
		r.problems.WithLabelValues(code) // so that the first one is an increase
	}
	return r
}

// API gives the observer of requests and commands.
func (m *Metrics) API() api.Observer {
	r := &m.requests
	return api.Observer{
		Began: func(ctx context.Context, _ *api.Exchange) context.Context {
			r.inFlight.Inc()
			return ctx
		},
		Ended: func(_ context.Context, e *api.Exchange) {
			r.inFlight.Dec()
			route := e.Route
			if route == "" {
				route = "none"
			}
			r.answered.WithLabelValues(route, e.Method, statusClass(e.Status)).Inc()
			observe(r.took.WithLabelValues(route, e.Method), e)
			if e.Problem != "" {
				r.problems.WithLabelValues(e.Problem).Inc()
			}
		},
		Commanded: m.commands.observe,
	}
}

// statusClass is 2xx for 201; "cut" where the connection was gone before an answer.
func statusClass(status int) string {
	if status == 0 {
		return "cut"
	}
	return strconv.Itoa(status/100) + "xx"
}

// observe notes how long e took, with its trace as an example if that is recorded.
func observe(h prometheus.Observer, e *api.Exchange) {
	took := e.Took.Seconds()
	if strings.HasSuffix(e.Traceparent, "-01") {
		h.(prometheus.ExemplarObserver).ObserveWithExemplar(took, prometheus.Labels{"trace_id": e.TraceID()})
		return
	}
	h.Observe(took)
}
