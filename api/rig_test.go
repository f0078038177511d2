package api_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/sirupsen/logrus"
	logrustest "github.com/sirupsen/logrus/hooks/test"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
	"openpayment/internal/openapitest"
)

// rig is the whole service on a log in memory, behind a real HTTP server.
type rig struct {
	testing.TB
	url     string
	handler *api.Handler
	service *journal.Service
	log     *memory.Log
	store   *eventstoretest.Faulty
	snaps   *eventstoretest.FaultySnapshots
	subs    *lossy
	read    <-chan struct{} // closed when what the log held at the start is applied
	logged  *logrustest.Hook
	apart   bool // answers are not held against openapi.json
}

// newRig starts a service on a log of its own; configure may change what the
// handler is made of.
func newRig(t testing.TB, configure ...func(*api.Config)) *rig {
	t.Helper()
	log := memory.New()
	r := newNode(t, log, eventstoretest.NewFaulty(log.Open()), configure...)
	<-r.read
	return r
}

// newNode starts a service on a log that others may use too. What every log must
// be is checked when the test has ended.
func newNode(t testing.TB, log *memory.Log, store *eventstoretest.Faulty, configure ...func(*api.Config)) *rig {
	t.Helper()
	read := make(chan struct{})
	snaps := eventstoretest.NewFaultySnapshots(log.Open())
	subs := &lossy{SubscriptionStore: log.Open()}
	service, err := journal.Start(t.Context(), store, journal.Config{
		Progress: func(_, _ eventstore.Position, done bool) {
			if done {
				close(read)
			}
		},
		Snapshots: journal.SnapshotConfig{Store: snaps}, Subscriptions: subs,
		Poller: eventstore.PollerConfig{MaxInterval: 20 * time.Millisecond},
		MaxLag: 5, MaxClockSkew: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	logger, logged := logrustest.NewNullLogger()
	logger.SetLevel(logrus.DebugLevel)
	cfg := api.Config{Service: service, Log: logger, Version: "test", Store: "memory:", LogName: "main"}
	for _, f := range configure {
		f(&cfg)
	}
	handler := api.New(cfg)
	server := httptest.NewUnstartedServer(handler)
	server.Listener = api.Listener(server.Listener)
	server.Config.DisableGeneralOptionsHandler = true
	server.Config.MaxHeaderBytes = 16 << 10
	server.Start()
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what a test left in doubt stays so
		_ = service.Close(ctx)
		eventstoretest.CheckInvariants(t, log.Open())
	})
	return &rig{t, server.URL, handler, service, log, store, snaps, subs, read, logged, false}
}

// response is an answer, read whole.
type response struct {
	testing.TB
	status int
	header http.Header
	text   []byte
}

// noRedirect shows redirections as they are.
var noRedirect = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// do sends a request and checks what is true of every answer. Headers are given
// as "Name: value". A body goes as the type its method takes, if none is given.
func (r *rig) do(method, path, body string, headers ...string) response {
	r.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, r.url+path, reader)
	if err != nil {
		r.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	if body != "" && req.Header.Values("Content-Type") == nil {
		req.Header.Set("Content-Type", map[bool]string{true: "application/merge-patch+json", false: "application/json"}[method == http.MethodPatch])
	}
	return r.send(req)
}

func (r *rig) send(req *http.Request) response {
	r.Helper()
	answer, err := noRedirect.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	body := io.Reader(answer.Body)
	if answer.Header.Get("Content-Type") == "text/event-stream" {
		body = &firstFrame{Reader: body}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		r.Fatal(err)
	}
	got := response{r.TB, answer.StatusCode, answer.Header, text}
	got.checkAlways(req)
	if !r.apart {
		openapitest.Check(r.TB, req, got.status, got.header, got.text)
	}
	return got
}

// checkAlways checks what is true of every answer.
func (a response) checkAlways(req *http.Request) {
	a.Helper()
	if a.header.Get("Request-Id") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		a.Errorf("%s %s: headers %v", req.Method, req.URL, a.header)
	}
	if a.status == 503 && a.header.Get("Retry-After") == "" {
		a.Errorf("%s %s: 503 without Retry-After", req.Method, req.URL)
	}
	if position := a.header.Get("Applied-Position"); position == "" && a.status < 300 && strings.HasPrefix(req.URL.Path, "/v1/") && req.Method != http.MethodOptions {
		a.Errorf("%s %s: no Applied-Position", req.Method, req.URL)
	}
	if a.status < 400 {
		return
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.Errorf("%s %s: %d as %q", req.Method, req.URL, a.status, got)
	}
	if req.Method == http.MethodHead {
		return
	}
	p := a.problem()
	met.Store(p.Code, true)
	if p.Status != a.status || p.Type != "/problems/"+p.Code || p.Title == "" || p.Detail == "" ||
		p.Instance != req.URL.EscapedPath() || p.RequestID != a.header.Get("Request-Id") {
		a.Errorf("%s %s: %d %s", req.Method, req.URL, a.status, a.text)
	}
}

// problem is a problem's JSON form as clients see it.
type problem struct {
	Type, Title, Detail, Instance, Code, RequestID string
	Status                                         int
	Errors                                         []struct{ Pointer, Detail string }
	Expected, Actual                               *int64
	Replay                                         string
	Checks                                         []struct {
		Name, Detail string
		OK           bool
	}
}

func (a response) problem() problem {
	a.Helper()
	var p problem
	a.decode(&p)
	return p
}

func (a response) decode(into any) {
	a.Helper()
	if err := json.Unmarshal(a.text, into, json.MatchCaseInsensitiveNames(true)); err != nil {
		a.Fatalf("%v: %s", err, a.text)
	}
}

// is checks status and code; the code is empty for what is no problem.
func (a response) is(status int, code string) response {
	a.Helper()
	if a.status != status {
		a.Fatalf("status %d instead of %d: %s", a.status, status, a.text)
	}
	if code != "" {
		if got := a.problem().Code; got != code {
			a.Fatalf("code %q instead of %q: %s", got, code, a.text)
		}
	}
	return a
}

// has checks headers given as "Name: value", or "Name:" for one that must not be
// there.
func (a response) has(headers ...string) response {
	a.Helper()
	for _, line := range headers {
		name, want, _ := strings.Cut(line, ":")
		if got := strings.Join(a.header.Values(name), " | "); got != strings.TrimSpace(want) {
			a.Errorf("%s is %q instead of %q", name, got, strings.TrimSpace(want))
		}
	}
	return a
}

// pointers are those of the faults, in order.
func (a response) pointers() string {
	a.Helper()
	var all []string
	for _, e := range a.problem().Errors {
		all = append(all, e.Pointer)
	}
	return strings.Join(all, " ")
}

// accountBody is an account as clients see it.
type accountBody struct {
	AccountNumber, SortCode, Currency, Status, OpenedAt, UpdatedAt string
	CustomerURLs, CardURLs                                         []string
	Balance, Version                                               int64
}

func (a response) account() accountBody {
	a.Helper()
	var body accountBody
	a.decode(&body)
	return body
}

// eventBody is an event as clients see it.
type eventBody struct {
	Seq                           int64
	ID, Type, Subject, Time, Hash string
	Meta                          map[string]string
	Data                          map[string]any
}

// pageBody is any page of events.
type pageBody struct {
	Items           []eventBody
	NextCursor      string
	NextAfter, Head *int64
}

func (a response) page() pageBody {
	a.Helper()
	var body pageBody
	a.decode(&body)
	return body
}

func (p pageBody) seqs() string {
	var all []string
	for _, ev := range p.Items {
		all = append(all, strconv.FormatInt(ev.Seq, 10))
	}
	return strings.Join(all, " ")
}

// open opens an account of the given number.
func (r *rig) open(number string) response {
	r.Helper()
	return r.do("POST", "/v1/accounts", `{"accountNumber":"`+number+`","sortCode":"10-20-30","customerURLs":["https://c.example/`+number+`"]}`).is(201, "")
}

// in is the same rig, for a fuzz target's test.
func (r rig) in(t *testing.T) *rig {
	r.TB = t
	return &r
}

// head is how many events there are.
func (r *rig) head() int64 {
	r.Helper()
	head, err := r.store.Backend.Head(context.Background())
	if err != nil {
		r.Fatal(err)
	}
	return int64(head.Position)
}

// spaces is a body of n bytes that is never JSON.
func spaces(n int) string { return string(bytes.Repeat([]byte{' '}, n)) }
