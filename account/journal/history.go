package journal

import (
	"context"
	"sync"
	"time"

	"openpayment/eventstore"
)

const (
	// stretchEvents is how many events of the past are read at once.
	stretchEvents = 256
	// stretches and stretchBytes bound what is remembered of them.
	stretches    = 32
	stretchBytes = 16 << 20
	// historyReaders is how many stretches are read at the same time: more would take
	// the store from the commands, and be no faster.
	historyReaders = 2
	// stretchPatience is how long one may take to be read. It is read for everybody
	// who waits for it, so that nobody's leaving ends that.
	stretchPatience = 10 * time.Second
)

// history reads the past for feeds that are behind the newest events. Feeds at about
// the same place share what is read, so that many that begin at the same time, as after
// a restart, cost the store about as much as one. Safe for concurrent use.
type history struct {
	log   *eventstore.Log
	slots chan struct{} // one for each stretch that is being read

	mu    sync.Mutex                       // guards what follows
	known map[eventstore.Position]*stretch // by the position before
	order []eventstore.Position            // of known, the oldest first
	bytes int                              // of all that are read
}

// stretch is a part of the log, between two multiples of stretchEvents.
type stretch struct {
	read   chan struct{} // closed when the rest is there
	events []eventstore.Event
	err    error
}

func newHistory(log *eventstore.Log) *history {
	return &history{log: log, slots: make(chan struct{}, historyReaders), known: make(map[eventstore.Position]*stretch)}
}

// after gives some events behind a position, none beyond applied, at least one if
// there is one. Errors: those of [eventstore.Log.Page]; ctx's own.
func (h *history) after(ctx context.Context, at, applied eventstore.Position) ([]eventstore.Event, error) {
	base := at - at%stretchEvents
	if base+stretchEvents > applied { // it isn't whole: nothing to remember
		if err := h.enter(ctx); err != nil {
			return nil, err
		}
		defer h.leave()
		return h.log.Page(ctx, at, applied, stretchEvents)
	}
	s, mine := h.find(base)
	if mine {
		h.fill(ctx, base, s)
	}
	select {
	case <-s.read:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.events[at-base:], nil
}

func (h *history) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *history) leave() { <-h.slots }

// find gives the stretch behind base, and tells whether the caller is the one to
// fill it.
func (h *history) find(base eventstore.Position) (s *stretch, mine bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, ok := h.known[base]; ok {
		return s, false
	}
	s = &stretch{read: make(chan struct{})}
	h.known[base] = s
	return s, true
}

// fill reads a stretch for all who wait for it. One that could not be read is
// forgotten: whoever wants it then tries again.
func (h *history) fill(ctx context.Context, base eventstore.Position, s *stretch) {
	defer close(s.read)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stretchPatience)
	defer cancel()
	if s.err = h.enter(ctx); s.err == nil {
		s.events, s.err = h.log.Page(ctx, base, base+stretchEvents, stretchEvents)
		h.leave()
	} else {
		s.err = eventstore.NewError("read", eventstore.KindUnavailable, s.err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.err != nil {
		delete(h.known, base)
		return
	}
	h.order = append(h.order, base)
	h.bytes += size(s.events)
	for len(h.order) > stretches || h.bytes > stretchBytes && len(h.order) > 1 {
		h.bytes -= size(h.known[h.order[0]].events)
		delete(h.known, h.order[0])
		h.order = h.order[1:]
	}
}

func size(events []eventstore.Event) int {
	n := 0
	for i := range events {
		n += events[i].Size()
	}
	return n
}
