package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/sirupsen/logrus"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/api/access"
)

// call is one request on its way to one answer. It belongs to the request's
// goroutine.
type call struct {
	h       *Handler
	w       http.ResponseWriter // its recorder
	r       *http.Request
	vars    map[string]string // the variable parts of the path, as written
	id      string            // the request's
	service Service           // nil on routes that do without
	params  params
	body    []byte // of an operation that takes one
	media   string // the body's, of those that the operation takes

	exchange Exchange        // what observers are told
	out      journal.Outcome // of a command
	dryRun   bool            // it is one

	recorder recorder
	values   [8]string       // of headers of the answer: see setHeader
	used     int             // of them
	until    time.Time       // when its time is over; zero: it has any
	ctx      context.Context // see context; nil until it is asked for
	cancel   func()          // ends ctx; nil if there is nothing to end

	op        operation        // what is asked for
	principal access.Principal // who asks; on routes for probes, and without a guard, anybody
}

// The media types of answers.
const (
	mediaJSON        = "application/json"
	mediaProblem     = "application/problem+json"
	mediaCloudEvent  = "application/cloudevents+json" // one; of requests too, as the next
	mediaCloudEvents = "application/cloudevents-batch+json"
	mediaMergePatch  = "application/merge-patch+json" // of a request
)

// segment is a variable part of the path, percent-decoded. What can't be decoded
// never gets here.
func (c *call) segment(name string) string {
	raw := c.vars[name]
	if decoded, err := url.PathUnescape(raw); err == nil {
		return decoded
	}
	return raw
}

// number is the account number in the path, well formed or not.
func (c *call) number() account.Number { return account.Number(c.segment("number")) }

// applied says in the answer how much of the log it includes. It is called
// before the state is read.
func (c *call) applied() {
	c.setHeader("Applied-Position", strconv.FormatInt(int64(c.service.Applied()), 10))
}

// setHeader sets a header of the answer that has one value; its name must be in
// canonical form. Most answers have few: their values share the call's memory.
func (c *call) setHeader(name, value string) {
	if c.used == len(c.values) {
		c.w.Header()[name] = []string{value}
		return
	}
	c.values[c.used] = value
	c.used++
	c.w.Header()[name] = c.values[c.used-1 : c.used : c.used]
}

// encode gives body as JSON: one line, the same each time.
func encode(body any) ([]byte, error) {
	return json.Marshal(body, json.Deterministic(true),
		jsontext.PreserveRawStrings(true), jsontext.AllowInvalidUTF8(true))
}

// reply answers with body as JSON; a nil body is none. It encodes before it
// sends, so that an answer is whole or a problem.
func (c *call) reply(status int, media string, body any) error {
	if body == nil {
		c.w.WriteHeader(status)
		return nil
	}
	text, err := encode(body)
	if err != nil {
		return err
	}
	c.send(status, media, text)
	return nil
}

// sendAccount answers with an account.
func (c *call) sendAccount(status int, a *account.Account) error {
	const room = 512 // enough for most
	c.send(status, mediaJSON, appendAccount(make([]byte, 0, room), a))
	return nil
}

// send answers with a body as it stands.
func (c *call) send(status int, media string, text []byte) {
	c.setHeader("Content-Type", media)
	c.setHeader("Content-Length", strconv.Itoa(len(text)))
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		// A failure means that the client has gone; there is nobody to tell.
		_, _ = c.w.Write(text)
	}
}

// fail answers with the problem that err is, and logs it. does is what could not
// be done: "get account".
func (c *call) fail(does string, err error) {
	p := problemOf(err)
	kind := problemKinds[p.code]
	c.exchange.Problem = string(p.code)
	c.logFailure(does, kind.status, p)
	header := c.w.Header()
	for name, values := range p.header {
		header[name] = values
	}
	// Marshalling strings and numbers doesn't fail.
	_ = c.reply(kind.status, mediaProblem, p.wire(c.r.URL.EscapedPath(), c.id))
}

// logEntry begins a line about the request.
func (c *call) logEntry() *logrus.Entry {
	entry := c.h.cfg.Log.WithField("requestId", c.id)
	if id := c.exchange.TraceID(); id != "" {
		entry = entry.WithField("traceId", id)
	}
	return entry
}

func (c *call) logFailure(does string, status int, err error) {
	level := logrus.DebugLevel
	switch {
	case status == http.StatusInternalServerError:
		level = logrus.ErrorLevel
	case status > http.StatusInternalServerError:
		level = logrus.WarnLevel
	}
	if !c.h.cfg.Log.IsLevelEnabled(level) {
		return
	}
	entry := c.logEntry().WithField("error", err.Error())
	if n := c.number(); account.ValidNumber(string(n)) {
		entry = entry.WithField("accountNumber", string(n))
	}
	entry.Log(level, "failed to "+does)
}
