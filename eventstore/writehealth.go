package eventstore

import (
	"sync"
	"time"
)

const (
	// failingFor is how long nothing could be stored before it is told: single
	// attempts fail, and the next ones don't.
	failingFor = time.Second
	// failureKept is how long it is told after the last attempt. Longer, and a node
	// that is sent no commands because of it would never find out that it is over.
	failureKept = 10 * time.Second
)

// writeHealth is whether appends are done. It is safe for concurrent use.
type writeHealth struct {
	mu          sync.Mutex // guards all below
	err         error      // of the last attempt, nil if it was answered
	since, last time.Time  // the first and the last attempt that failed, without another between
}

// note takes down how an attempt to append has ended.
func (h *writeHealth) note(err error) {
	if KindOf(err) == KindInvalid {
		return // says something of the batch
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if err == nil || KindOf(err) == KindConflict { // somebody can write
		h.err = nil
		return
	}
	if h.err == nil || now.Sub(h.last) > failureKept {
		h.since = now
	}
	h.err, h.last = err, now
}

func (h *writeHealth) get() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.err == nil || now.Sub(h.since) < failingFor || now.Sub(h.last) > failureKept {
		return nil
	}
	return newError("append", KindUnavailable, h.err)
}
