package metrics

import (
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/subscriptions"
)

// Source is where the figures that stand still are looked up. *[journal.Service] is
// one. What it tells must take no time.
type Source interface {
	Status() journal.Status
	LastReplay() (journal.Replay, bool)
	SeenSubscriptions() []subscriptions.Status
}

var _ Source = (*journal.Service)(nil)

// Endpoint is where clients come to. *[api.Handler] is one. What it tells must take no
// time.
type Endpoint interface {
	// Problem is the code of what keeps the node from being ready, empty for nothing.
	Problem() string
	// StreamLag is how many events the stream that is furthest behind has still to look
	// through, and how many streams are open.
	StreamLag() (lag eventstore.Position, open int)
}

var _ Endpoint = (*api.Handler)(nil)

// node looks everything up at the time of a scrape, in one picture. Its fields but the
// two that come later never change.
type node struct {
	endpoint atomic.Pointer[Endpoint]
	source   atomic.Pointer[Source]

	ready, problemIs, halted              *prometheus.Desc
	streams, streamLag                    *prometheus.Desc
	subscriptions, subscriptionLag        *prometheus.Desc
	head, applied, lag                    *prometheus.Desc
	accounts, keys, keysLimit             *prometheus.Desc
	foreign, subjects                     *prometheus.Desc
	queue, queueLimit, clock              *prometheus.Desc
	snapshotAt, snapshotTime, snapshotLen *prometheus.Desc
	replayRuns, replayAt, replayHead      *prometheus.Desc
	replayDiffers                         *prometheus.Desc
}

// Watch has readiness and streams looked up at e from now on.
func (m *Metrics) Watch(e Endpoint) { m.node.endpoint.Store(&e) }

// Serve has the state looked up in s from now on. Before, there are no figures of it.
func (m *Metrics) Serve(s Source) { m.node.source.Store(&s) }

func (n *node) describe() {
	gauge := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
	}
	n.ready = gauge("ready", "1 if requests should be sent to this node, otherwise 0, as /readyz says.")
	n.problemIs = gauge("problem", "1 for the problem that keeps this node from being ready; none if it is.", "code")
	n.streams = gauge("streams_open", "Streams of events that are open.")
	n.streamLag = gauge("stream_lag_events", "Applied events that the stream which is furthest behind has still to look through.")
	n.subscriptions = gauge("subscriptions", "Named subscriptions that there are.")
	n.subscriptionLag = gauge("subscription_lag_events", "Events behind what is acknowledged to a named subscription, whether it wants them or not.", "subscription")
	n.halted = gauge("halted", "1 if this node takes no more commands until it is restarted, otherwise 0.")
	n.head = gauge("log_head_position", "Position of the newest event that this node has heard of.")
	n.applied = gauge("log_applied_position", "Position up to which the state includes every event.")
	n.lag = gauge("log_lag_events", "Events that this node has heard of and not applied yet.")
	n.accounts = gauge("accounts", "Accounts that are open.")
	n.keys = gauge("idempotency_keys", "Idempotency keys that are remembered.")
	n.keysLimit = gauge("idempotency_keys_limit", "Idempotency keys that can be remembered.")
	n.foreign = gauge("foreign_events", "Events of other services among those applied.")
	n.subjects = gauge("foreign_subjects", "Subjects that those events are about.")
	n.queue = gauge("queue_commands", "Commands that wait to be decided.")
	n.queueLimit = gauge("queue_limit_commands", "Commands that can wait; more are refused.")
	n.clock = gauge("clock_ahead_seconds", "By how much the store's clock is ahead of this machine's, negative if behind; none if the store has no clock of its own.")
	n.snapshotAt = gauge("snapshot_position", "Position of the newest snapshot that is of use; none without one.")
	n.snapshotTime = gauge("snapshot_timestamp_seconds", "When the newest snapshot was taken, in Unix time; none without one.")
	n.snapshotLen = gauge("snapshot_size_bytes", "Size of the newest snapshot; none without one.")
	n.replayRuns = gauge("replay_running", "1 while a replay runs, otherwise 0.")
	n.replayAt = gauge("replay_position", "Position that the newest replay has come to; none before the first.")
	n.replayHead = gauge("replay_head_position", "Position that the newest replay has to come to; none before the first.")
	n.replayDiffers = gauge("replay_differing_accounts", "Accounts that the newest replay has found to differ; none before the first.")
}

// Describe implements [prometheus.Collector].
func (n *node) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		n.ready, n.problemIs, n.streams, n.streamLag, n.subscriptions, n.subscriptionLag, n.halted, n.head, n.applied, n.lag, n.accounts, n.keys, n.keysLimit, n.foreign, n.subjects, n.queue, n.queueLimit, n.clock,
		n.snapshotAt, n.snapshotTime, n.snapshotLen, n.replayRuns, n.replayAt, n.replayHead, n.replayDiffers,
	} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (n *node) Collect(to chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if endpoint := n.endpoint.Load(); endpoint != nil {
		n.collectEndpoint(tell, *endpoint)
	}
	source := n.source.Load()
	if source == nil {
		return
	}
	s := (*source).Status()
	tell(n.halted, oneIf(s.Halted))
	tell(n.head, float64(s.Head))
	tell(n.applied, float64(s.Applied))
	tell(n.lag, float64(s.Head-s.Applied))
	tell(n.accounts, float64(s.Accounts))
	tell(n.keys, float64(s.Keys))
	tell(n.keysLimit, float64(s.MaxKeys))
	tell(n.foreign, float64(s.Foreign))
	tell(n.subjects, float64(s.Subjects))
	tell(n.queue, float64(s.Queue))
	tell(n.queueLimit, float64(s.MaxQueue))
	if s.ClockAhead != nil {
		tell(n.clock, s.ClockAhead.Seconds())
	}
	n.collectSubscriptions(tell, (*source).SeenSubscriptions())
	n.collectSnapshot(tell, s.Snapshot)
	replay, any := (*source).LastReplay()
	tell(n.replayRuns, oneIf(any && replay.State == journal.ReplayRunning))
	if any {
		tell(n.replayAt, float64(replay.Position))
		tell(n.replayHead, float64(replay.Head))
		tell(n.replayDiffers, float64(replay.Differing))
	}
}

func (n *node) collectEndpoint(tell func(*prometheus.Desc, float64, ...string), e Endpoint) {
	code := e.Problem()
	tell(n.ready, oneIf(code == ""))
	if code != "" {
		tell(n.problemIs, 1, code)
	}
	lag, open := e.StreamLag()
	tell(n.streams, float64(open))
	tell(n.streamLag, float64(lag))
}

func (n *node) collectSubscriptions(tell func(*prometheus.Desc, float64, ...string), all []subscriptions.Status) {
	tell(n.subscriptions, float64(len(all)))
	for _, s := range all {
		tell(n.subscriptionLag, float64(s.Lag()), s.Name)
	}
}

func (n *node) collectSnapshot(tell func(*prometheus.Desc, float64, ...string), m eventstore.Manifest) {
	if m.ID == uuid.Nil {
		return
	}
	tell(n.snapshotAt, float64(m.At.Head.Position))
	tell(n.snapshotTime, float64(m.Taken.UnixMilli())/1000)
	tell(n.snapshotLen, float64(m.Bytes))
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
