package api_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/memory"
)

// sink is a connection whose client takes some time for everything it reads.
type sink struct {
	header http.Header

	mu       sync.Mutex // guards what follows
	delay    time.Duration
	deadline time.Time
	moved    chan struct{} // closed when the deadline is moved
	taken    bytes.Buffer
	largest  int // write
	broken   bool
}

func newSink() *sink { return &sink{header: make(http.Header), moved: make(chan struct{})} }

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}
func (s *sink) FlushError() error   { return nil }

// SetWriteDeadline is what [http.ResponseController] looks for.
func (s *sink) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	close(s.moved)
	s.moved = make(chan struct{})
	return nil
}

// Write implements [http.ResponseWriter]. As on a connection, nothing can be written
// any more after a write that was not in time.
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.largest = max(s.largest, len(p))
	for done := time.Now().Add(s.delay); time.Now().Before(done) && !s.broken; {
		until := done
		if s.deadline.Before(done) {
			until = s.deadline
		}
		moved := s.moved
		s.mu.Unlock()
		select {
		case <-time.After(time.Until(until)):
		case <-moved:
		}
		s.mu.Lock()
		s.broken = !s.deadline.After(time.Now()) && s.deadline.Before(done)
	}
	if s.broken {
		return 0, os.ErrDeadlineExceeded
	}
	return s.taken.Write(p)
}

func (s *sink) slowDown(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken.String()
}

// inBubble is a node in the bubble of a test with simulated time.
type inBubble struct {
	*testing.T
	log     *memory.Log
	handler *api.Handler
	reasons chan string // why streams ended
}

// bubble has a test use a node on a log in simulated time.
func bubble(t *testing.T, test func(n *inBubble)) {
	log := memory.New()
	bubbleOn(t, log, func() eventstore.Backend { return log.Open() }, test)
}

// bubbleOn is bubble with a log that is there before, and a way to it.
func bubbleOn(t *testing.T, log *memory.Log, open func() eventstore.Backend, test func(n *inBubble)) {
	synctest.Test(t, func(t *testing.T) {
		n := startInBubble(t, log, open())
		test(n)
		n.handler.EndStreams()
		synctest.Wait()
	})
}

func startInBubble(t *testing.T, log *memory.Log, store eventstore.Backend) *inBubble {
	service, err := journal.Start(t.Context(), store, journal.Config{Poller: eventstore.PollerConfig{WindowEvents: 8}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close(context.Background()) })
	synctest.Wait()
	reasons := make(chan string, 1000)
	return &inBubble{t, log, api.New(api.Config{Service: service, Streams: api.StreamConfig{
		Observer: api.StreamObserver{Closed: func(reason string) { reasons <- reason }},
	}}), reasons}
}

// stream opens one that ends with the test, or when leave is called.
func (n *inBubble) stream(to http.ResponseWriter, path string) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	n.Cleanup(cancel)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.handler.ServeHTTP(to, httptest.NewRequestWithContext(ctx, "GET", path, nil))
	}()
	return func() {
		cancel()
		<-ended
	}
}

func (n *inBubble) ended(want string) {
	n.Helper()
	select {
	case reason := <-n.reasons:
		if reason != want {
			n.Errorf("the stream ended for %q instead of %q", reason, want)
		}
	default:
		n.Errorf("the stream has not ended")
	}
}

func TestAClientThatTakesTooLongIsToldSo(t *testing.T) {
	bubble(t, func(n *inBubble) {
		s := newSink()
		n.stream(s, "/v1/events/stream")
		synctest.Wait()
		s.slowDown(20 * time.Second) // of 15
		foreign(t, n.log, 3, nil)
		<-time.After(19 * time.Second)
		s.slowDown(0)
		<-time.After(2 * time.Second)
		synctest.Wait()
		n.ended("too-slow")
		f := frames(t, s.text())
		f.want("caught-up@0 1 2 3")
		if p := f.goodbye(); p.Code != "too-slow" || p.Status != 408 {
			t.Errorf("%+v", p)
		}
	})
}

func TestAClientThatDoesNotReadIsCut(t *testing.T) {
	bubble(t, func(n *inBubble) {
		foreign(t, n.log, 1000, nil)
		s := newSink()
		s.slowDown(time.Hour)
		n.stream(s, "/v1/events/stream")
		<-time.After(22 * time.Second)
		select {
		case reason := <-n.reasons:
			t.Errorf("it was cut early, for %q", reason)
		default:
		}
		<-time.After(time.Second)
		synctest.Wait()
		n.ended("too-slow")
		if s.largest > 20<<10 {
			t.Errorf("%d bytes waited for it", s.largest)
		}
	})
}

func TestAShutdownDoesNotWaitForAClientThatDoesNotRead(t *testing.T) {
	bubble(t, func(n *inBubble) {
		s := newSink()
		n.stream(s, "/v1/events/stream")
		synctest.Wait()
		s.slowDown(time.Hour)
		foreign(t, n.log, 1, nil)
		<-time.After(5 * time.Second)
		n.handler.EndStreams()
		<-time.After(time.Second)
		synctest.Wait()
		n.ended("shutting-down")
	})
}

func TestAnIdleStreamHasAHeartbeatEveryFifteenSeconds(t *testing.T) {
	bubble(t, func(n *inBubble) {
		s := newSink()
		n.stream(s, "/v1/events/stream?type=x")
		foreign(t, n.log, 7, nil)
		<-time.After(time.Minute)
		synctest.Wait()
		f := frames(t, s.text())
		f.want("caught-up@0 heartbeat@7 heartbeat@7 heartbeat@7 heartbeat@7")
		if fr, ok := f.next(); ok {
			t.Errorf("%+v", fr)
		}
	})
}

// frames reads what a client has got.
func frames(t testing.TB, text string) *follower {
	return &follower{TB: t, lines: newLines(strings.NewReader(text))}
}
