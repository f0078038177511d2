package soak

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// figuresOf is what a node tells of itself at one moment.
type figuresOf struct {
	heap, resident                 float64 // bytes
	goroutines, files, keys        float64
	head, applied                  float64 // positions
	streamLag, subscriptionLag     float64 // events
	collections, snapshots, halted float64
}

// scrape reads the metrics of a node.
func scrape(ctx context.Context, n *node) (f figuresOf, err error) {
	status, _, text, err := n.request(ctx, "GET", "/metrics", "")
	if err != nil || status != http.StatusOK {
		return f, fmt.Errorf("metrics: %d %w", status, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	if err != nil {
		return f, err
	}
	sum := func(name string) (all float64) {
		for _, m := range families[name].GetMetric() {
			all += m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue() +
				float64(m.GetHistogram().GetSampleCount()) + float64(m.GetSummary().GetSampleCount())
		}
		return all
	}
	return figuresOf{
		// With GOGC=100 the collector runs next when there is twice as much as it has left
		// the last time. So this is what was alive then, stacks in half.
		heap:     sum("go_memstats_next_gc_bytes") / 2,
		resident: sum("process_resident_memory_bytes"), goroutines: sum("go_goroutines"), files: sum("process_open_fds"),
		keys: sum("openpayment_idempotency_keys"), head: sum("openpayment_log_head_position"), applied: sum("openpayment_log_applied_position"),
		streamLag: sum("openpayment_stream_lag_events"), subscriptionLag: sum("openpayment_subscription_lag_events"),
		collections: sum("go_gc_duration_seconds"), snapshots: sum("openpayment_snapshot_duration_seconds"), halted: sum("openpayment_halted"),
	}, nil
}

// sample is what all nodes tell at about the same moment.
type sample struct {
	at       time.Duration // since the load began
	nodes    []figuresOf
	head     float64 // the largest that any node knows
	accounts float64 // that were ever opened
	done     int64   // requests, by then
	times    []time.Duration
}

// lag is how far a node is behind the newest event that any node knows.
func (s sample) lag(node int) float64 { return s.head - s.nodes[node].applied }

// part gives the samples of one of so many equal parts of the time.
func part(samples []sample, which, of int) []sample {
	return samples[len(samples)*which/of : len(samples)*(which+1)/of]
}

// median is that of something over samples.
func median(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func largest(samples []sample, of func(sample) float64) (m float64) {
	for _, s := range samples {
		m = max(m, of(s))
	}
	return m
}

// What the state takes, and may grow by: upper bounds, the room that is kept for more
// included.
const (
	bytesPerEvent   = 24 // a position in the history of one account, or of two
	bytesPerAccount = 1500
	bytesPerKey     = 300
	// The Poller keeps the newest events in memory, which are the more until there are so many.
	windowEvents  = 16384
	bytesInWindow = 1000 // for each
)

// window is what the Poller's newest events take when the log has so many.
func window(events float64) float64 { return min(events, windowEvents) * bytesInWindow }

// What may be more at the end than it was, and is not explained by the state, beside a
// quarter: it is there from the beginning on, but in no sample of a short run.
const (
	spareHeap     = 16 << 20
	spareResident = 64 << 20 // garbage, and what is not given back to the system yet
	spareCount    = 12       // goroutines, and files: connections come and go
)

// judge says what has grown from the second quarter of the time to the last, and should
// not have.
func judge(samples []sample) (complaints []string) {
	early, late := part(samples, 1, 4), part(samples, 3, 4)
	growth := func(of func(sample) float64) float64 { return median(late, of) - median(early, of) }
	events := growth(func(s sample) float64 { return s.head })
	accounts := growth(func(s sample) float64 { return s.accounts })
	rate := events / growth(func(s sample) float64 { return s.at.Seconds() })
	recent := growth(func(s sample) float64 { return window(s.head) })
	for i := range samples[0].nodes {
		grows := func(what string, spare, explained float64, of func(sample) float64) {
			before, after := median(early, of), median(late, of)
			if after > before*1.25+spare+explained {
				complaints = append(complaints, fmt.Sprintf("node %d: %s have grown from %.0f to %.0f; %.0f are explained", i, what, before, after, explained))
			}
		}
		keys := growth(func(s sample) float64 { return s.nodes[i].keys })
		state := events*bytesPerEvent + accounts*bytesPerAccount + keys*bytesPerKey + recent
		grows("bytes of the heap", spareHeap, state, func(s sample) float64 { return s.nodes[i].heap })
		grows("bytes in memory", spareResident, 2*state, func(s sample) float64 { return s.nodes[i].resident })
		grows("goroutines", spareCount, 0, func(s sample) float64 { return s.nodes[i].goroutines })
		grows("open files", spareCount, 0, func(s sample) float64 { return s.nodes[i].files })
		// What comes in a second, or two, is as good as level.
		grows("events behind the log", rate, 0, func(s sample) float64 { return s.lag(i) })
		grows("events behind, of the stream,", rate, 0, func(s sample) float64 { return s.nodes[i].streamLag })
		if i == subscriber {
			grows("events behind, of the subscription,", 2*rate, 0, func(s sample) float64 { return s.nodes[i].subscriptionLag })
		}
	}
	return complaints
}

// tenth is a row of the report: medians, where nothing else is said.
type tenth struct {
	Minute          float64   `json:"minute"` // at its end
	Requests        float64   `json:"requests/s"`
	Events          float64   `json:"events"`
	Heap            []float64 `json:"live heap (MiB)"` // of each node, as those that follow
	Resident        []float64 `json:"resident (MiB)"`
	Goroutines      []float64 `json:"goroutines"`
	Files           []float64 `json:"open files"`
	Lag             []float64 `json:"lag"`
	LargestLag      []float64 `json:"largest lag"`
	SubscriptionLag float64   `json:"lag of the subscription"`
	P50             float64   `json:"p50 (ms)"`
	P99             float64   `json:"p99 (ms)"`
}

// tenths sums up.
func tenths(samples []sample) (rows []tenth) {
	var before sample
	for which := range 10 {
		some := part(samples, which, 10)
		if len(some) == 0 {
			continue
		}
		last := some[len(some)-1]
		r := tenth{
			Minute:          round(last.at.Minutes(), 100),
			Requests:        round(float64(last.done-before.done)/(last.at-before.at).Seconds(), 1),
			Events:          last.head,
			SubscriptionLag: median(some, func(s sample) float64 { return s.nodes[subscriber].subscriptionLag }),
		}
		for i := range last.nodes {
			add := func(to *[]float64, unit float64, of func(figuresOf) float64) {
				*to = append(*to, round(median(some, func(s sample) float64 { return of(s.nodes[i]) })/unit, 10))
			}
			add(&r.Heap, 1<<20, func(f figuresOf) float64 { return f.heap })
			add(&r.Resident, 1<<20, func(f figuresOf) float64 { return f.resident })
			add(&r.Goroutines, 1, func(f figuresOf) float64 { return f.goroutines })
			add(&r.Files, 1, func(f figuresOf) float64 { return f.files })
			r.Lag = append(r.Lag, median(some, func(s sample) float64 { return s.lag(i) }))
			r.LargestLag = append(r.LargestLag, largest(some, func(s sample) float64 { return s.lag(i) }))
		}
		var times []time.Duration
		for _, s := range some {
			times = append(times, s.times...)
		}
		r.P50, r.P99 = milliseconds(times, 50), milliseconds(times, 99)
		rows, before = append(rows, r), last
	}
	return rows
}

// milliseconds is a percentile; the times get into order.
func milliseconds(times []time.Duration, percent int) float64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return round(float64(times[(len(times)-1)*percent/100])/float64(time.Millisecond), 10)
}

func round(x, to float64) float64 { return float64(int64(x*to+0.5)) / to }
