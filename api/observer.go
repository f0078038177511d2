package api

import (
	"context"
	"net/http"
	"time"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/internal/both"
)

// Observer is told of requests and of the commands in them, for metrics and traces.
// Every field may be nil. The functions are called by the request's goroutine: they
// must be quick, and must not keep what they are given.
type Observer struct {
	// Began: a request came in. The context it gives is the request's from then on. It
	// may set Traceparent.
	Began func(ctx context.Context, e *Exchange) context.Context
	// Ended: the request was answered, or cut off.
	Ended func(ctx context.Context, e *Exchange)
	// Commanded: it is known what became of a command. Of a bulk each is told by
	// itself; those that went through the Writer together have the same Course.
	Commanded func(ctx context.Context, c Command)
}

// And gives an observer that tells o, then other.
func (o Observer) And(other Observer) Observer {
	joined := Observer{Began: o.Began, Ended: both.Func2(o.Ended, other.Ended), Commanded: both.Func2(o.Commanded, other.Commanded)}
	switch {
	case joined.Began == nil:
		joined.Began = other.Began
	case other.Began != nil:
		joined.Began = func(ctx context.Context, e *Exchange) context.Context { return other.Began(o.Began(ctx, e), e) }
	}
	return joined
}

// Exchange is one request and its answer.
type Exchange struct {
	Request *http.Request // as it came in
	ID      string        // the one that is in the answer, the log lines and the event's meta
	Route   string        // as it is in the router, /v1/accounts/{number}; empty: no route has the path
	Method  string        // as it came in, if HTTP knows it, otherwise _OTHER
	Began   time.Time
	// Traceparent is the trace that the request is part of, after W3C Trace Context;
	// empty for none. It is what log lines and events are marked with.
	Traceparent string

	// Known at the end.
	Status  int    // 0: the connection was cut before there was an answer
	Problem string // the code; empty: the answer is none
	Took    time.Duration
}

// TraceID is the id of the trace, empty for none.
func (e *Exchange) TraceID() string {
	if e.Traceparent == "" {
		return ""
	}
	return e.Traceparent[3:35]
}

// Command is what became of one command.
type Command struct {
	// Kind is open, update, close, deposit, withdraw, transfer or append.
	Kind string
	// Problem is the code of the refusal or failure, and Status its status; empty and
	// 0 if the command was accepted.
	Problem string
	Status  int
	// Replayed: it was accepted before, under the same key. DryRun: nothing was to be
	// done.
	Replayed, DryRun bool
	Course           eventstore.Course
}

// began starts the exchange of c.
func (c *call) began(route string) {
	c.exchange = Exchange{Request: c.r, ID: c.id, Route: route, Method: knownMethod(c.r.Method), Began: time.Now()}
	c.exchange.Traceparent, _ = traceParent(c.r.Header["Traceparent"])
	if began := c.h.cfg.Observer.Began; began != nil {
		if ctx := began(c.r.Context(), &c.exchange); ctx != c.r.Context() {
			c.r = c.r.WithContext(ctx)
		}
	}
}

// ended tells what was answered.
func (c *call) ended() {
	c.exchange.Status, c.exchange.Took = c.recorder.status, time.Since(c.exchange.Began)
	if ended := c.h.cfg.Observer.Ended; ended != nil {
		ended(c.r.Context(), &c.exchange)
	}
	c.logAccess()
}

// commanded tells what became of a command: err is why it was not accepted.
func (c *call) commanded(kind string, out journal.Outcome, dryRun bool, err error) {
	told := c.h.cfg.Observer.Commanded
	if told == nil {
		return
	}
	command := Command{Kind: kind, Replayed: out.Replayed, DryRun: dryRun, Course: out.Course}
	if err != nil {
		p := problemOf(err)
		command.Problem, command.Status = string(p.code), problemKinds[p.code].status
	}
	told(c.r.Context(), command)
}

// knownMethod keeps what a client may make up out of labels and names of spans.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return method
	}
	return "_OTHER"
}

// kindOfCommand names the kind of a command for observers.
func kindOfCommand(c account.Command) string {
	switch c.(type) {
	case account.Open:
		return "open"
	case account.Update:
		return "update"
	case account.Close:
		return "close"
	case account.Deposit:
		return "deposit"
	case account.Withdraw:
		return "withdraw"
	default:
		return "transfer"
	}
}

// kindsOfEvents name the kind of the command that has led to an event.
var kindsOfEvents = map[string]string{
	journal.TypeOpened: "open", journal.TypeUpdated: "update", journal.TypeClosed: "close",
	journal.TypeDeposited: "deposit", journal.TypeWithdrawn: "withdraw", journal.TypeTransferred: "transfer",
}
