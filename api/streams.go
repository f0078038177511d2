package api

import (
	"context"
	"sync"
	"time"

	"openpayment/eventstore"
)

// StreamConfig bounds the streams of a [Handler]. Zero fields take their defaults.
type StreamConfig struct {
	// Max is how many may be open at the same time; more are answered with 503
	// overloaded. Default: 1,000.
	Max int
	// WriteTimeout is how long a client may take to read what waits for it, 16 KiB or
	// one event. One that takes longer is told goodbye, too-slow; if it takes half as
	// long again, its connection is cut. Default: 15 s.
	WriteTimeout time.Duration
	// Heartbeat is the time between two signs of life. Default: 15 s.
	Heartbeat time.Duration
	// Observer is told what happens on streams.
	Observer StreamObserver
}

func (c StreamConfig) withDefaults() StreamConfig {
	if c.Max <= 0 {
		c.Max = 1000
	}
	c.WriteTimeout = orDefault(c.WriteTimeout, 15*time.Second)
	c.Heartbeat = orDefault(c.Heartbeat, 15*time.Second)
	return c
}

// StreamObserver is told what happens on streams, for metrics. Every field may be nil.
// The functions are called by many goroutines at once, and must be quick.
type StreamObserver struct {
	// Opened: a stream has begun.
	Opened func()
	// Delivered: so many events were handed to a client's connection.
	Delivered func(events int)
	// Closed: a stream has ended. reason is the code of its goodbye, whether it could
	// be said or not, or "client-gone".
	Closed func(reason string)
}

// goneReason is why streams end that their clients have left.
const goneReason = "client-gone"

// streams are those of a handler that are open.
type streams struct {
	cfg    StreamConfig
	frames frames

	mu     sync.Mutex // guards what follows
	open   map[*stream]context.CancelCauseFunc
	ending bool
}

func newStreams(cfg StreamConfig) *streams {
	return &streams{cfg: cfg.withDefaults(), open: make(map[*stream]context.CancelCauseFunc)}
}

// add takes s among the open ones, if there is room for it.
func (all *streams) add(s *stream, cancel context.CancelCauseFunc) error {
	all.mu.Lock()
	defer all.mu.Unlock()
	switch {
	case all.ending:
		return newProblem(codeShuttingDown, shuttingDownDetail)
	case len(all.open) >= all.cfg.Max:
		return newProblem(codeOverloaded, "as many streams are open as this node takes: try again after Retry-After seconds, on another node if there is one")
	}
	all.open[s] = cancel
	if f := all.cfg.Observer.Opened; f != nil {
		f()
	}
	return nil
}

func (all *streams) remove(s *stream, reason string) {
	all.mu.Lock()
	delete(all.open, s)
	all.mu.Unlock()
	if f := all.cfg.Observer.Closed; f != nil {
		f(reason)
	}
}

const shuttingDownDetail = "this node is shutting down: connect again, and resume with the id of the last event"

// EndStreams says goodbye on every stream, has every subscriber that waits for a page
// answered, and lets none begin any more. It is to be called before a server waits for
// its connections to end: streams don't by themselves. It does not wait.
func (h *Handler) EndStreams() {
	if service := h.current(); service != nil && service.Subscriptions() != nil {
		defer service.Subscriptions().EndReaders() // after the streams, which are told the same
	}
	all := h.streams
	all.mu.Lock()
	defer all.mu.Unlock()
	all.ending = true
	for _, cancel := range all.open {
		cancel(newProblem(codeShuttingDown, shuttingDownDetail))
	}
}

// StreamLag is how many applied events the stream that is furthest behind has still to
// look through, and how many streams are open.
func (h *Handler) StreamLag() (lag eventstore.Position, open int) {
	service := h.current()
	all := h.streams
	all.mu.Lock()
	defer all.mu.Unlock()
	for s := range all.open {
		lag = max(lag, service.Applied()-eventstore.Position(s.position.Load()))
	}
	return lag, len(all.open)
}
