package api

import (
	"fmt"

	"openpayment/eventstore"
)

// The media types of streams.
const (
	mediaSSE    = "text/event-stream"
	mediaNDJSON = "application/x-ndjson"
)

// streamForm writes what a stream consists of, each thing behind what b holds.
type streamForm interface {
	event(b []byte, f *frame) []byte
	// caughtUp says once that the client has everything up to at that there was when
	// it came.
	caughtUp(b []byte, at eventstore.Position) []byte
	// heartbeat shows that the connection is alive, and how far the stream has come,
	// whether the filter lets anything pass or not.
	heartbeat(b []byte, at eventstore.Position) []byte
	// goodbye is the last thing on a stream: the problem that ends it.
	goodbye(b []byte, at eventstore.Position, problem []byte) []byte
}

func streamFormOf(media string) streamForm {
	if media == mediaNDJSON {
		return ndjson{}
	}
	return sse{}
}

// sse is the form of the HTML standard for server-sent events. Events of the log have
// no name, so that a browser's onmessage gets them; what the service says itself has
// one. Everything has an id: what a client resumes with.
type sse struct{}

func (sse) event(b []byte, f *frame) []byte { return append(b, f.text...) }

func (sse) caughtUp(b []byte, at eventstore.Position) []byte {
	return fmt.Appendf(append(appendID(b, at), "event: caught-up\n"...), "data: {\"position\":%d}\n\n", at)
}

func (sse) heartbeat(b []byte, at eventstore.Position) []byte {
	return append(appendID(append(b, ": heartbeat\n"...), at), '\n')
}

func (sse) goodbye(b []byte, at eventstore.Position, problem []byte) []byte {
	return fmt.Appendf(append(appendID(b, at), "event: goodbye\n"...), "data: %s\n\n", problem)
}

// ndjson is one JSON document a line: events, and at the end perhaps a problem, which
// has no seq. An empty line is a heartbeat.
type ndjson struct{}

func (ndjson) event(b []byte, f *frame) []byte                  { return append(b, f.line()...) }
func (ndjson) caughtUp(b []byte, _ eventstore.Position) []byte  { return b }
func (ndjson) heartbeat(b []byte, _ eventstore.Position) []byte { return append(b, '\n') }
func (ndjson) goodbye(b []byte, _ eventstore.Position, p []byte) []byte {
	return append(append(b, p...), '\n')
}
