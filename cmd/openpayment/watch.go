package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/internal/both"
	"openpayment/internal/metrics"
	"openpayment/internal/tracing"
)

// watch is who is told what the service does, beside its log.
type watch struct {
	figures *metrics.Metrics
	traces  *tracing.Tracer // nil if nobody collects them
	log     *logrus.Logger
}

// startWatch begins to count, and to trace if endpoint or the environment names a
// collector.
func startWatch(ctx context.Context, endpoint string, log *logrus.Logger) (watch, error) {
	w := watch{figures: metrics.New(version()), log: log}
	var err error
	w.traces, err = tracing.Start(ctx, tracing.Config{Endpoint: endpoint, Version: version(), Failed: both.Func1(
		func(error) { w.figures.TraceExportFailed() }, seldom(log, "spans could not be delivered to the collector: they are dropped"),
	)})
	if err != nil {
		return watch{}, usageError{fmt.Errorf("--trace-endpoint: %w", err)}
	}
	return w, nil
}

// seldom warns of a failure that is likely to come again and again.
func seldom(log *logrus.Logger, message string) func(error) {
	var warned atomic.Int64 // when, in Unix seconds
	return func(err error) {
		level := logrus.DebugLevel
		if now := time.Now().Unix(); now-warned.Load() >= 600 {
			warned.Store(now)
			level = logrus.WarnLevel
		}
		log.WithField("error", err).Log(level, message)
	}
}

// api has the handler watched.
func (w watch) api(cfg *api.Config) {
	cfg.Observer, cfg.Streams.Observer = w.figures.API().And(w.traces.API()), w.figures.Streams()
	cfg.Metrics = w.figures.Handler(func(v ...any) {
		w.log.WithField("error", fmt.Sprint(v...)).Warn("metrics could not be collected or sent")
	})
}

// store has the store watched, if it can be.
func (w watch) store(s storeSource) {
	if s.watch != nil {
		s.watch(w.figures.Cassandra)
	}
}

// service has what stands behind the API watched.
func (w watch) service(cfg *journal.Config) {
	cfg.Observer = cfg.Observer.And(w.figures.Log())
	cfg.Snapshots.Observer = cfg.Snapshots.Observer.And(w.figures.Snapshots())
	cfg.Replayed = both.Func1(cfg.Replayed, w.figures.Replayed)
}
