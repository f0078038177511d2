package eventstore

import "sync"

// window holds the newest events of the log, contiguous, so that subscribers
// which keep up never read. Its bounds keep a burst from filling the memory; a
// subscriber that falls out of it reads the log itself.
type window struct {
	maxEvents, maxBytes int

	mu     sync.Mutex // guards all below
	base   Head       // the head just before events[0]
	events []Event    // never changed in place: slices of it are handed out
	bytes  int
	head   Head          // the newest event's, base when there is none
	moved  chan struct{} // closed, and replaced, when head moves
}

func newWindow(at Head, maxEvents, maxBytes int) *window {
	return &window{maxEvents: maxEvents, maxBytes: maxBytes, base: at, head: at, moved: make(chan struct{})}
}

func (w *window) position() Head {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head
}

// push adds those of events that continue the window, and tells how many. A
// poll and a hand-over may bring the same ones.
func (w *window) push(events []Event) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(events) > 0 && events[0].Seq <= w.head.Position {
		events = events[1:]
	}
	if len(events) == 0 || events[0].Follows(w.head) != nil {
		return 0
	}
	w.events = append(w.events, events...)
	for i := range events {
		w.bytes += events[i].Size()
	}
	w.head = events[len(events)-1].Head()
	w.trim(len(events))
	close(w.moved)
	w.moved = make(chan struct{})
	return len(events)
}

// trim drops the oldest half when a bound is passed: seldom, so that copying
// costs little for each event. A new array, since readers hold the old one, with room
// for what comes until the next time, if it comes in as large pieces as the last one.
func (w *window) trim(piece int) {
	for len(w.events) > 1 && (len(w.events) > w.maxEvents || w.bytes > w.maxBytes) {
		cut := (len(w.events) + 1) / 2
		for i := range w.events[:cut] {
			w.bytes -= w.events[i].Size()
		}
		w.base = w.events[cut-1].Head()
		w.events = append(make([]Event, 0, w.maxEvents+piece), w.events[cut:]...)
	}
}

// after gives what stands behind the cursor. held is false when the cursor is
// older than the window: the log must be read. With nothing there yet, moved is
// closed when there is.
func (w *window) after(cursor Position) (events []Event, held bool, moved <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if cursor < w.base.Position {
		return nil, false, nil
	}
	skip := min(int(cursor-w.base.Position), len(w.events))
	return w.events[skip:len(w.events):len(w.events)], true, w.moved
}
