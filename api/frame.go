package api

import (
	"strconv"
	"sync/atomic"

	"openpayment/eventstore"
)

// frame is an event as it goes out on streams. It never changes.
type frame struct {
	hash eventstore.Hash // the event's
	text []byte          // the form for server-sent events
	json int             // where in text the JSON begins
}

// line is the form for NDJSON.
func (f *frame) line() []byte { return f.text[f.json : len(f.text)-1] }

func newFrame(ev eventstore.Event) (*frame, error) {
	text, err := encode(eventToWire(ev))
	if err != nil {
		return nil, err
	}
	f := &frame{hash: ev.Hash, text: make([]byte, 0, len(text)+32)}
	f.text = append(appendID(f.text, ev.Seq), "data: "...)
	f.json = len(f.text)
	f.text = append(append(f.text, text...), "\n\n"...) // the JSON is one line
	return f, nil
}

// appendID is the field of a server-sent event that a client resumes with.
func appendID(b []byte, at eventstore.Position) []byte {
	return append(strconv.AppendInt(append(b, "id: "...), int64(at), 10), '\n')
}

const (
	// sharedFrames is how many frames are kept for the next stream that wants them.
	sharedFrames = 4096
	// sharedFrameSize is how long one may be to be kept: together they take 16 MiB
	// at most.
	sharedFrameSize = 4 << 10
)

// frames keeps the frames made last, so that an event on its way to many streams is
// encoded about once. It is safe for concurrent use: two that make the same frame at
// the same time don't disturb each other.
type frames struct {
	kept [sharedFrames]atomic.Pointer[frame]
}

func (s *frames) of(ev eventstore.Event) (*frame, error) {
	place := &s.kept[ev.Seq%sharedFrames]
	if f := place.Load(); f != nil && f.hash == ev.Hash {
		return f, nil
	}
	f, err := newFrame(ev)
	if err == nil && len(f.text) <= sharedFrameSize {
		place.Store(f)
	}
	return f, err
}
