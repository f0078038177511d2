package api

import (
	"strconv"

	"openpayment/eventstore"
)

// frame is an event as it goes out on streams. It never changes.
type frame struct {
	text []byte // the form for server-sent events
	json int    // where in text the JSON begins
}

// line is the form for NDJSON.
func (f *frame) line() []byte { return f.text[f.json : len(f.text)-1] }

func newFrame(ev eventstore.Event) (*frame, error) {
	text, err := encode(eventToWire(ev))
	if err != nil {
		return nil, err
	}
	f := &frame{text: make([]byte, 0, len(text)+32)}
	f.text = append(appendID(f.text, ev.Seq), "data: "...)
	f.json = len(f.text)
	f.text = append(append(f.text, text...), "\n\n"...) // the JSON is one line
	return f, nil
}

// appendID is the field of a server-sent event that a client resumes with.
func appendID(b []byte, at eventstore.Position) []byte {
	return append(strconv.AppendInt(append(b, "id: "...), int64(at), 10), '\n')
}

// sharedFrameSize is how long a frame may be to be kept for other streams: together
// they take 32 MiB at most, and 8 MiB if they are of the usual length.
const sharedFrameSize = 2 << 10

// frames are the newest events' frames, so that an event on its way to many streams is
// encoded about once.
type frames struct{ made eventstore.Memo[*frame] }

func (s *frames) of(ev *eventstore.Event) (*frame, error) {
	if f, ok := s.made.Get(ev); ok {
		return f, nil
	}
	f, err := newFrame(*ev)
	if err == nil && len(f.text) <= sharedFrameSize {
		s.made.Put(ev, f)
	}
	return f, err
}
