package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sirupsen/logrus"

	"openpayment/api"
	"openpayment/eventstore/eventstoretest"
)

// told is what an observer has heard.
type told struct {
	mu        sync.Mutex // guards what follows
	exchanges []api.Exchange
	commands  []api.Command
}

func (o *told) observer() api.Observer {
	return api.Observer{
		Ended: func(_ context.Context, e *api.Exchange) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.exchanges = append(o.exchanges, *e)
		},
		Commanded: func(_ context.Context, c api.Command) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.commands = append(o.commands, c)
		},
	}
}

// takeCommands gives what was told of commands since, one line each.
func (o *told) takeCommands() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var lines []string
	for _, c := range o.commands {
		line := c.Kind
		switch {
		case c.Problem != "":
			line += fmt.Sprintf(" %d %s", c.Status, c.Problem)
		case c.Replayed:
			line += " replayed"
		case c.DryRun:
			line += " tried"
		case c.Course.Applied.IsZero():
			line += " without a course"
		}
		lines = append(lines, line)
	}
	o.commands = nil
	return strings.Join(lines, ", ")
}

func (o *told) last() api.Exchange {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.exchanges[len(o.exchanges)-1]
}

func observing(o api.Observer) func(*api.Config) {
	return func(c *api.Config) { c.Observer = c.Observer.And(o) }
}

func TestObserversAreToldOfRequestsByTheirRoute(t *testing.T) {
	var o told
	r := newRig(t, observing(o.observer()))
	r.open("12345678")
	for _, c := range []struct {
		method, path, route, as string
		status                  int
		problem                 string
	}{
		{"GET", "/v1/accounts/12345678", "/v1/accounts/{number}", "GET", 200, ""},
		{"HEAD", "/v1/accounts/87654321", "/v1/accounts/{number}", "HEAD", 404, "account-not-found"},
		{"GET", "/v1/accounts/12345678%2F", "/v1/accounts/{number}", "GET", 404, "account-not-found"},
		{"GET", "/v1/secret", "", "GET", 404, "route-not-found"},
		{"BREW", "/v1/accounts", "/v1/accounts", "_OTHER", 405, "method-not-allowed"},
		{"GET", "/readyz", "/readyz", "GET", 200, ""},
	} {
		answer := r.do(c.method, c.path, "")
		e := o.last()
		if e.Route != c.route || e.Method != c.as || e.Status != c.status || e.Problem != c.problem || e.ID != answer.header.Get("Request-Id") || e.Took <= 0 || e.Request.URL.EscapedPath() != c.path {
			t.Errorf("%s %s is told as %+v", c.method, c.path, e)
		}
	}
}

func TestObserversAreToldWhatBecameOfEachCommand(t *testing.T) {
	var o told
	r := newRig(t, observing(o.observer()))
	r.open("000001")
	r.open("000002")
	o.takeCommands()
	const money = `"amount":5,"currency":"GBP"`
	for _, c := range []struct{ method, path, body, key, want string }{
		{"POST", "/v1/accounts", `{"accountNumber":"000003","sortCode":"10-20-30"}`, "k", "open"},
		{"POST", "/v1/accounts", `{"accountNumber":"000003","sortCode":"10-20-30"}`, "k", "open replayed"},
		{"POST", "/v1/accounts", `{"accountNumber":"000004","sortCode":"10-20-30"}`, "k", "open 422 idempotency-key-reused"},
		{"POST", "/v1/accounts?dryRun=true", `{"accountNumber":"000004","sortCode":"10-20-30"}`, "", "open tried"},
		{"POST", "/v1/accounts", `{"sortCode":"x"}`, "", "open 422 invalid"},
		{"POST", "/v1/accounts", `{`, "", "open 400 bad-json"},
		{"PUT", "/v1/accounts/000001", `{"sortCode":"10-20-31"}`, "", "update"},
		{"PATCH", "/v1/accounts/000001", `{"sortCode":"10-20-30"}`, "", "update"},
		{"DELETE", "/v1/accounts/000003", "", "", "close"},
		{"POST", "/v1/accounts/000001/deposits", `{` + money + `}`, "", "deposit"},
		{"POST", "/v1/accounts/000002/withdrawals", `{` + money + `}`, "", "withdraw 422 insufficient-funds"},
		{"POST", "/v1/transfers", `{"from":"000001","to":"000002",` + money + `}`, "", "transfer"},
		{"POST", "/v1/accounts/000002/withdrawals", `{` + money + `}`, "", "withdraw"},
		{"POST", "/v1/commands", `{"commands":[{"kind":"deposit","account":"000001",` + money + `},{"kind":"withdraw","account":"000002",` + money + `}]}`, "", "deposit, withdraw 422 insufficient-funds"},
		{"POST", "/v1/commands", `{"atomic":true,"commands":[{"kind":"deposit","account":"000001",` + money + `},{"kind":"close","account":"000003"}]}`, "", "deposit 410 account-closed, close 410 account-closed"},
		{"POST", "/v1/commands", `{"atomic":true,"commands":[{"kind":"deposit","account":"000001",` + money + `},{"kind":"patch","account":"000002","sortCode":"10-20-35"}]}`, "b", "deposit, update"},
		{"POST", "/v1/commands", `{"atomic":true,"commands":[{"kind":"deposit","account":"000001",` + money + `},{"kind":"patch","account":"000002","sortCode":"10-20-35"}]}`, "b", "deposit replayed, update replayed"},
		{"POST", "/v1/commands", `{"commands":3}`, "", ""},
		{"GET", "/v1/accounts/000001", "", "", ""},
	} {
		var headers []string
		if c.key != "" {
			headers = append(headers, "Idempotency-Key: "+c.key)
		}
		r.do(c.method, c.path, c.body, headers...)
		if got := o.takeCommands(); got != c.want {
			t.Errorf("%s %s %s is told as %q, want %q", c.method, c.path, c.body, got, c.want)
		}
	}
	r.store.OnAppend(eventstoretest.FailAppend)
	r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`).is(503, "store-unavailable")
	if got := o.takeCommands(); got != "open 503 store-unavailable" {
		t.Errorf("during an outage %q is told", got)
	}
}

func TestCommandsThatShareASubmissionShareTheirCourse(t *testing.T) {
	var o told
	r := newRig(t, observing(o.observer()))
	r.do("POST", "/v1/commands", `{"commands":[{"kind":"open","accountNumber":"000001","sortCode":"10-20-30"},{"kind":"close","account":"000001"}]}`).is(200, "")
	if len(o.commands) != 2 || o.commands[0].Course != o.commands[1].Course || o.commands[0].Course.Events != 2 || o.commands[0].Course.First != 1 {
		t.Errorf("told %+v", o.commands)
	}
}

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestATraceIsKeptInTheEventAndInTheLog(t *testing.T) {
	r := newRig(t)
	r.do("POST", "/v1/accounts", `{"accountNumber":"000001","sortCode":"10-20-30"}`, "traceparent: "+trace).is(201, "")
	r.do("POST", "/v1/accounts", `{"accountNumber":"000001","sortCode":"10-20-30"}`, "traceparent: "+trace).is(409, "")
	var ev eventBody
	if r.do("GET", "/v1/events/1", "").is(200, "").decode(&ev); ev.Meta["traceparent"] != trace {
		t.Errorf("the event's meta is %v", ev.Meta)
	}
	if lines := r.logged.AllEntries(); !slices.ContainsFunc(lines, func(e *logrus.Entry) bool {
		return e.Message == "failed to open account" && e.Data["traceId"] == "0af7651916cd43dd8448eb211c80319c"
	}) {
		t.Error("the line of the failure has no traceId")
	}
}

func TestOnlyATraceThatCanBeReadIsTakenOver(t *testing.T) {
	var o told
	r := newRig(t, observing(o.observer()))
	for header, want := range map[string]string{
		trace:                     trace,
		"cc" + trace[2:] + "-new": trace,
		trace + "-new":            "",
		"ff" + trace[2:]:          "",
		trace[:54]:                "",
		trace + "0":               "",
		strings.ToUpper(trace):    "",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": "",
		"": "",
	} {
		r.do("GET", "/livez", "", "traceparent: "+header)
		if got := o.last().Traceparent; got != want {
			t.Errorf("%q is taken as %q, want %q", header, got, want)
		}
	}
	r.do("GET", "/livez", "", "traceparent: "+trace, "traceparent: "+trace)
	if got := o.last().Traceparent; got != "" {
		t.Errorf("of two the trace is %q", got)
	}
}

func TestAnObserverMayMoveARequestIntoAnotherTrace(t *testing.T) {
	type key struct{}
	const mine = "00-11111111111111111111111111111111-2222222222222222-00"
	var inEnded any
	r := newRig(t, observing(api.Observer{
		Began: func(ctx context.Context, e *api.Exchange) context.Context {
			e.Traceparent = mine
			return context.WithValue(ctx, key{}, 1)
		},
	}), observing(api.Observer{
		Began: func(ctx context.Context, e *api.Exchange) context.Context {
			return context.WithValue(ctx, key{}, ctx.Value(key{}).(int)+1)
		},
		Ended: func(ctx context.Context, e *api.Exchange) { inEnded = ctx.Value(key{}) },
	}))
	r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`, "traceparent: "+trace).is(201, "")
	if inEnded != 2 {
		t.Errorf("the context has %v in the end", inEnded)
	}
	var ev eventBody
	if r.do("GET", "/v1/events/1", "").is(200, "").decode(&ev); ev.Meta["traceparent"] != mine {
		t.Errorf("the event's meta is %v", ev.Meta)
	}
}

func TestMetricsAreAnsweredBeforeThereIsAService(t *testing.T) {
	r := newRig(t, func(c *api.Config) {
		c.Service = nil
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
			_, _ = io.WriteString(w, "up 1\n")
		})
	})
	if got := r.do("GET", "/metrics", "").is(200, ""); string(got.text) != "up 1\n" {
		t.Errorf("answered %q", got.text)
	}
	if problem := r.handler.Problem(); problem != "store-unavailable" {
		t.Errorf("the node's problem is %q", problem)
	}
}

func TestWithoutMetricsThereIsNothingToShow(t *testing.T) {
	r := newRig(t)
	r.do("GET", "/metrics", "").is(404, "route-not-found")
	if problem := r.handler.Problem(); problem != "" {
		t.Errorf("the node's problem is %q", problem)
	}
}
