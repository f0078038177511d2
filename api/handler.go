package api

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"

	"openpayment/api/access"
)

// Config says what a [Handler] serves, and how. Zero fields take their defaults.
type Config struct {
	// Service may be nil and be given later: see [Handler.Serve].
	Service Service
	// Observer is told of requests and commands.
	Observer Observer
	// Metrics answers GET /metrics, before there is a Service too; nil: there are none.
	Metrics http.Handler
	// Log takes one line for each request and each failure. Default: nowhere.
	Log *logrus.Logger
	// Guard, if not nil, knows the tokens of which every request but those for /livez
	// and /readyz must bring one along: Authorization: Bearer TOKEN. Without a guard
	// everybody may do everything.
	Guard *access.Guard
	// Failures, if not nil, says when a client has sent too many tokens that nobody
	// has. Those that the guard knows are let in all the same.
	Failures *access.Failures
	// Version, Store and LogName are shown to operators, and LogName to readers of
	// CloudEvents too. Store must not hold credentials.
	Version, Store, LogName string
	// RequestTimeout bounds the work on one request, a command's above all: what
	// it did not come to is refused, what is in doubt is said to be. Default: 10 s.
	RequestTimeout time.Duration
	// CatchUpTimeout is how long a read waits for the position or the freshness it
	// asks for. Default: 5 s.
	CatchUpTimeout time.Duration
	// BodyTimeout is how long a client may take to send a body. Default: 10 s.
	BodyTimeout time.Duration
	// MaxURL is how many bytes a URL may have on the request line. Default: 16 KiB.
	MaxURL int
	// Streams bounds what goes on without an end.
	Streams StreamConfig
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = logrus.New()
		c.Log.SetOutput(io.Discard)
	}
	if c.LogName == "" {
		c.LogName = "main"
	}
	c.RequestTimeout = orDefault(c.RequestTimeout, 10*time.Second)
	c.CatchUpTimeout = orDefault(c.CatchUpTimeout, 5*time.Second)
	c.BodyTimeout = orDefault(c.BodyTimeout, 10*time.Second)
	c.MaxURL = orDefault(c.MaxURL, 16<<10)
	return c
}

func orDefault[N int | time.Duration](value, fallback N) N {
	if value <= 0 {
		return fallback
	}
	return value
}

// Handler answers requests. It is safe for concurrent use and owns no
// goroutines.
type Handler struct {
	cfg    Config
	router *mux.Router

	tooLong entrance // for URLs that the router need not look at

	streams  *streams
	service  atomic.Pointer[Service] // nil until there is one
	waiting  atomic.Pointer[error]   // why there is none yet, as told last
	draining atomic.Bool
}

var _ http.Handler = (*Handler)(nil)

// New makes the handler for everything the service answers over HTTP.
func New(cfg Config) *Handler {
	h := &Handler{cfg: cfg.withDefaults(), streams: newStreams(cfg.Streams)}
	h.router = newRouter(h)
	h.tooLong = h.enter("", refuseURL)
	h.Waiting(errors.New("the store has not been reached yet"))
	if cfg.Service != nil {
		h.Serve(cfg.Service)
	}
	return h
}

// Serve makes s what is served from now on. Before, /livez is answered as ever,
// /readyz says that there is nothing to be had yet, and everything else is
// store-unavailable.
func (h *Handler) Serve(s Service) { h.service.Store(&s) }

// Waiting tells why there is nothing to serve yet. Clients see the kind of the
// error, never its text.
func (h *Handler) Waiting(err error) { h.waiting.Store(&err) }

// Drain makes /readyz answer that this node is going, so that nothing new is
// sent to it. Requests are answered as before.
func (h *Handler) Drain() { h.draining.Store(true) }

// current is the service to ask, nil if there is none yet.
func (h *Handler) current() Service {
	if s := h.service.Load(); s != nil {
		return *s
	}
	return nil
}
