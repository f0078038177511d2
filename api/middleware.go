package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"
)

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(r.RequestURI) > h.cfg.MaxURL {
		h.tooLong.ServeHTTP(w, r)
		return
	}
	asWritten(r)
	// The router chooses; that it would copy the request twice, to put what it found
	// into its context, is done without.
	var match mux.RouteMatch
	h.router.Match(r, &match)
	match.Handler.(entrance).serve(w, r, match.Vars)
}

// refuseURL answers a request whose URL is longer than any that this service gives out.
func refuseURL(c *call) {
	c.fail("route request", newProblem(codeURITooLong, fmt.Sprintf("a URL may have up to %d bytes: send less", c.h.cfg.MaxURL)))
}

// asWritten makes r's path the one on the request line. A byte that may not stand
// in a path (RFC 3986) makes package url forget how the path was written, and a %2F
// in it becomes a slash: so such bytes are encoded here, and nothing else is changed.
func asWritten(r *http.Request) {
	written, _, _ := strings.Cut(r.RequestURI, "?")
	if _, rest, absolute := strings.Cut(written, "://"); absolute {
		_, path, _ := strings.Cut(rest, "/")
		written = "/" + path
	}
	if written == "" || written[0] != '/' || written == r.URL.EscapedPath() {
		return
	}
	var path strings.Builder
	for _, b := range []byte(written) {
		if b <= ' ' || b >= 0x7f || strings.IndexByte("\"#<>[\\]^`{|}", b) >= 0 {
			fmt.Fprintf(&path, "%%%02X", b)
		} else {
			path.WriteByte(b)
		}
	}
	if decoded, err := url.PathUnescape(path.String()); err == nil {
		r.URL.Path, r.URL.RawPath = decoded, path.String()
	}
}

// entrance makes a handler of do, at a route, empty for none: with a request id, the
// headers that every answer has, a line in the log, and an answer even if do panics.
type entrance struct {
	h     *Handler
	route string
	do    func(*call)
}

func (h *Handler) enter(route string, do func(*call)) entrance { return entrance{h, route, do} }

// ServeHTTP implements [http.Handler].
func (e entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.serve(w, r, nil) }

// The values of headers that are the same in every answer: they are shared, and never
// changed.
var (
	noSniff = []string{"nosniff"}
	noStore = []string{"no-store"}
)

// serve answers a request, whose path has the given variable parts.
func (e entrance) serve(w http.ResponseWriter, r *http.Request, vars map[string]string) {
	c := &call{h: e.h, r: r, id: requestID(r.Header), vars: vars, recorder: recorder{ResponseWriter: w}}
	c.w = &c.recorder
	c.began(e.route)
	c.setHeader("Request-Id", c.id)
	header := w.Header()
	header["X-Content-Type-Options"], header["Cache-Control"] = noSniff, noStore
	limitReading(c)
	defer c.ended()
	defer c.recover()
	e.do(c)
}

// answerTime is how long a client may take to read the answer to an operation with
// a limit of its own.
const answerTime = time.Minute

// perform runs one operation behind the checks that come before all others, in
// the order the contract has them.
func (h *Handler) perform(c *call, op operation) {
	err := h.prepare(c, op)
	if err == nil {
		err = h.handle(c, op)
	}
	if op.command != "" {
		c.commanded(op.command, c.out, c.dryRun, err)
	}
	if err != nil {
		c.fail(op.does, err)
	}
}

// handle does what the operation is for, in the time that it has.
func (h *Handler) handle(c *call, op operation) error {
	defer h.limitTime(c, op)()
	return op.handle(c)
}

// limitTime gives [call.context] the time that op may take; done is to be called when it
// is needed no more.
func (h *Handler) limitTime(c *call, op operation) (done func()) {
	if op.stream {
		return func() {}
	}
	limit := h.cfg.RequestTimeout
	if op.limit > 0 {
		limit = op.limit
		// The server's own limit is for answers that come soon. Not every
		// ResponseWriter is a connection: then there is none.
		_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(limit + answerTime))
	}
	c.until = time.Now().Add(limit)
	return func() {
		if c.cancel != nil {
			c.cancel()
		}
	}
}

// context is what work on the request is done in. It ends with the request, and when the
// time is over that it has. It is made when it is first asked for: most reads don't.
func (c *call) context() context.Context {
	if c.ctx == nil {
		c.ctx = c.r.Context()
		if !c.until.IsZero() {
			c.ctx, c.cancel = context.WithDeadline(c.ctx, c.until)
		}
	}
	return c.ctx
}

func (h *Handler) prepare(c *call, op operation) error {
	c.op = op
	if op.needs != needsNothing {
		if err := c.authorize(op); err != nil {
			return err
		}
	}
	if op.needs == needsState || op.needs == needsService {
		if c.service = h.current(); c.service == nil {
			return h.unserved()
		}
		c.applied()
		if op.needs == needsState {
			if err := c.service.Serving(); err != nil {
				return err
			}
		}
	}
	if err := c.readBody(op.media, op.also...); err != nil {
		return err
	}
	var err error
	c.params, err = parseParams(c.r.URL.RawQuery, op.params)
	return err
}

// recover answers a panic, unless the answer has begun: then only cutting the
// connection tells the client.
func (c *call) recover() {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	c.logEntry().WithFields(logrus.Fields{
		"error": fmt.Sprint(cause), "stack": string(debug.Stack()),
	}).Error("request panicked")
	if c.recorder.status != 0 {
		panic(http.ErrAbortHandler)
	}
	c.fail("answer request", newProblem(codeInternal, "this is a defect of the service: report it with the requestId"))
}

// logAccess writes a line for each request. Queries and bodies stay out of it.
func (c *call) logAccess() {
	if !c.h.cfg.Log.IsLevelEnabled(logrus.DebugLevel) {
		return
	}
	c.logEntry().WithFields(logrus.Fields{
		"method": c.r.Method, "path": c.r.URL.EscapedPath(),
		"status": c.recorder.status, "bytes": c.recorder.bytes, "milliseconds": c.exchange.Took.Milliseconds(),
	}).Debug("request answered")
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing yet
	bytes  int
}

// WriteHeader implements [http.ResponseWriter].
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += n
	return n, err
}

// Unwrap is for [http.ResponseController].
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// expectsContinue tells that the client waits to be asked for the body.
func expectsContinue(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Expect"), "100-continue")
}
