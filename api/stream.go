package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"openpayment/eventstore"
)

// streamEvents answers with the log, and goes on with what comes.
func streamEvents(c *call) error {
	after, err := c.params.position("after")
	if err != nil {
		return err
	}
	if last, given, err := lastEventID(c.r.Header); err != nil {
		return err
	} else if given {
		after = last
	}
	if err := c.fresh(); err != nil {
		return err
	}
	feed := c.service.Follow(after, c.params.events())
	defer feed.Close()
	return c.stream(c.context(), feed, func() error { return c.authorize(c.op) })
}

// feed is what a stream is made of: a [journal.Feed], say.
type feed interface {
	Next(ctx context.Context, take func(eventstore.Event) (more bool)) error
	Position() eventstore.Position
}

// stream is an answer that goes on until the client leaves or something ends it.
type stream struct {
	c     *call
	all   *streams
	media string
	form  streamForm
	feed  feed
	may   func() error        // nil if who asks may still have this
	head  eventstore.Position // the log's, when the stream began

	caughtUp  bool
	buf       []byte // what is still to be written
	waiting   int    // events in buf
	delivered int
	failed    error        // of the encoding of an event
	position  atomic.Int64 // the feed's

	mu      sync.Mutex // guards what follows
	control *http.ResponseController
	hurried bool // a goodbye waits to be written
	over    bool // control must not be used any more
}

// stream answers with what feed gives, in the form that the client wants, until the
// client leaves or ctx ends: then ctx's cause is the problem that the client is told.
// With each sign of life may is asked whether this is still for the client; its error
// is told likewise. An error of stream stands before the first byte of the answer.
func (c *call) stream(ctx context.Context, feed feed, may func() error) error {
	media := preferred(c.r.Header, mediaSSE, mediaNDJSON)
	s := &stream{
		c: c, all: c.h.streams, media: media, form: streamFormOf(media), feed: feed, may: may, control: http.NewResponseController(c.w),
		head: max(c.service.Status().Head, c.service.Applied()),
	}
	s.position.Store(int64(feed.Position()))
	if c.r.Method == http.MethodHead {
		c.beginStream(media)
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := s.all.add(s, cancel); err != nil {
		return err
	}
	reason := string(codeInternal) // of a panic
	defer func() { s.all.remove(s, reason) }()
	defer context.AfterFunc(ctx, s.hurry)()
	err := s.serve(ctx)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause // also if that is why a write was cut short
	}
	reason = s.end(err)
	return nil
}

// beginStream sends the head of the answer, which a problem has in another way.
func (c *call) beginStream(media string) {
	header := c.w.Header()
	header.Set("Vary", "Accept")
	header.Set("Content-Type", media)
	header.Set("X-Accel-Buffering", "no") // nginx and others: pass on what comes when it comes
	c.w.WriteHeader(http.StatusOK)
}

// errGone ends a stream whose client has left.
var errGone = errors.New("the client is gone")

// serve writes until something ends the stream, which it returns. That the context has
// ended comes out as if the client had left.
func (s *stream) serve(ctx context.Context) error {
	s.c.beginStream(s.media)
	if err := s.control.Flush(); err != nil {
		return errGone
	}
	for {
		if err := s.untilHeartbeat(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errGone
		}
		if err := s.may(); err != nil {
			return err // the token is worth nothing any more, or less
		}
		s.buf = s.form.heartbeat(s.buf, s.feed.Position())
		if err := s.flush(); err != nil {
			return err
		}
	}
}

// untilHeartbeat writes events until it is time for a sign of life.
func (s *stream) untilHeartbeat(ctx context.Context) error {
	beat, cancel := context.WithTimeout(ctx, s.all.cfg.Heartbeat)
	defer cancel()
	for beat.Err() == nil {
		if !s.caughtUp && s.feed.Position() >= s.head {
			s.caughtUp = true
			s.buf = s.form.caughtUp(s.buf, s.feed.Position())
		}
		if err := s.flush(); err != nil {
			return err
		}
		err := s.feed.Next(beat, s.take)
		s.position.Store(int64(s.feed.Position()))
		switch {
		case s.failed != nil:
			return s.failed
		case err != nil && !passing(err):
			return err
		}
	}
	return s.flush()
}

// passing tells whether a feed's error is no reason to end a stream: it is time for
// a heartbeat, or the store is away and the feed will try again.
func passing(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || eventstore.KindOf(err) == eventstore.KindUnavailable
}

// streamBuffer is how much is gathered before it is written.
const streamBuffer = 16 << 10

// buffers are those that no stream needs just now: one that waits has none.
var buffers = sync.Pool{New: func() any { return new(make([]byte, 0, streamBuffer+sharedFrameSize)) }}

// take adds an event to what is to be written, and tells whether there is room for
// another.
func (s *stream) take(ev eventstore.Event) bool {
	f, err := s.all.frames.of(&ev)
	if err != nil {
		s.failed = err
		return false
	}
	if s.buf == nil {
		s.buf = *buffers.Get().(*[]byte)
	}
	s.buf = s.form.event(s.buf, f)
	s.waiting++
	return len(s.buf) < streamBuffer
}

// errTooSlow ends a stream whose client does not read.
var errTooSlow = newProblem(codeTooSlow, "this client has not read in time what was sent to it: connect again, and resume with the id of the last event")

// flush writes what has been gathered.
func (s *stream) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	began, limit := time.Now(), s.all.cfg.WriteTimeout
	s.deadline(began.Add(limit + limit/2))
	_, err := s.c.w.Write(s.buf)
	if err == nil {
		err = s.control.Flush()
	}
	if c := cap(s.buf); c >= streamBuffer && c <= 2*streamBuffer {
		buffers.Put(new(s.buf[:0]))
	}
	s.buf = nil
	switch {
	case time.Since(began) >= limit:
		return errTooSlow
	case err != nil:
		return errGone
	}
	s.delivered += s.waiting
	if f := s.all.cfg.Observer.Delivered; f != nil && s.waiting > 0 {
		f(s.waiting)
	}
	s.waiting = 0
	return nil
}

// goodbyeTime is how long a client may take to read what it is told last.
const goodbyeTime = time.Second

// deadline bounds the next write.
func (s *stream) deadline(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hurried {
		t = time.Now().Add(goodbyeTime)
	}
	// Not every ResponseWriter is a connection: then there is nothing to limit.
	_ = s.control.SetWriteDeadline(t)
}

// hurry makes a write that is under way end soon, and those to come: a goodbye waits.
func (s *stream) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hurried = true
	if !s.over {
		_ = s.control.SetWriteDeadline(time.Now().Add(goodbyeTime))
	}
}

// end says goodbye, if there is somebody to say it to, and gives the reason in one
// word.
func (s *stream) end(cause error) string {
	reason := goneReason
	if cause != errGone {
		p := problemOf(cause)
		reason = string(p.code)
		s.hurry()
		// Marshalling strings and numbers doesn't fail.
		text, _ := encode(p.wire(s.c.r.URL.EscapedPath(), s.c.id))
		s.buf = s.form.goodbye(s.buf, s.feed.Position(), text)
		_ = s.flush() // it may be too late for that
	}
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.log(reason, cause)
	return reason
}

// log writes a line about the end of a stream.
func (s *stream) log(reason string, cause error) {
	level := logrus.InfoLevel
	if cause == errGone || reason == string(codeShuttingDown) {
		level = logrus.DebugLevel
	}
	if !s.c.h.cfg.Log.IsLevelEnabled(level) {
		return
	}
	s.c.logEntry().WithFields(logrus.Fields{
		"error": cause.Error(), "reason": reason, "seq": s.feed.Position(), "events": s.delivered,
	}).Log(level, "stream ended")
}

// lastEventID is where a client says that it has got to, when it connects again.
func lastEventID(header http.Header) (at eventstore.Position, given bool, err error) {
	const name = "Last-Event-ID"
	value, given, err := single(header, name)
	if err != nil || !given {
		return 0, given, err
	}
	at, ok := parsePosition(value)
	if !ok {
		return 0, true, badHeader(name, "takes the id of an event, in digits, or 0")
	}
	return at, true, nil
}
