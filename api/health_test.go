package api_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// checks are what /readyz?verbose says, as name=ok.
func (a response) checks() string {
	var all []string
	for _, c := range a.problem().Checks {
		all = append(all, c.Name+map[bool]string{true: "=ok", false: "=no"}[c.OK])
	}
	return strings.Join(all, " ")
}

func TestBeforeThereIsAServiceOnlyLivenessIsGood(t *testing.T) {
	handler := api.New(api.Config{})
	server := httptest.NewServer(handler)
	defer server.Close()
	r := &rig{TB: t, url: server.URL, handler: handler}
	r.do("GET", "/livez", "").is(200, "")
	r.do("GET", "/readyz", "").is(503, "store-unavailable")
	if got := r.do("GET", "/readyz?verbose", "").is(503, "store-unavailable").checks(); got != "draining=ok service=no" {
		t.Error(got)
	}
	for _, path := range []string{"/v1/accounts", "/v1/accounts/1", "/v1/events", "/v1/admin/status"} {
		r.do("GET", path, "").is(503, "store-unavailable").has("Applied-Position:")
	}
	r.do("POST", "/v1/accounts", "{").is(503, "store-unavailable")
	r.do("GET", "/v1/nothing", "").is(404, "route-not-found")
	r.do("OPTIONS", "/v1/accounts", "").is(204, "")

	handler.Waiting(eventstore.NewError("head", eventstore.KindDamaged, errors.New("dial tcp 10.0.0.1")))
	got := r.do("GET", "/readyz", "").is(503, "log-damaged")
	if strings.Contains(string(got.text), "10.0.0.1") {
		t.Errorf("%s", got.text)
	}

	handler.Serve(newRig(t).service)
	r.do("GET", "/readyz", "").is(200, "")
	r.do("GET", "/v1/accounts", "").is(200, "")
}

func TestWhileTheLogIsReadNothingIsShown(t *testing.T) {
	log := memory.New()
	foreign(t, log, 3, nil)
	gate := eventstoretest.NewGate()
	t.Cleanup(gate.Open)
	store := eventstoretest.NewFaulty(log.Open())
	store.OnRead(gate.Read)
	r := newNode(t, log, store)
	r.do("GET", "/livez", "").is(200, "")
	if detail := r.do("GET", "/readyz", "").is(503, "not-caught-up").problem().Detail; !strings.Contains(detail, "0 of 3 events") {
		t.Error(detail)
	}
	for _, path := range []string{"/v1/accounts", "/v1/accounts/1", "/v1/events", "/v1/events/1"} {
		r.do("GET", path, "").is(503, "not-caught-up")
	}
	r.do("DELETE", "/v1/accounts/12345678", "").is(503, "not-caught-up")
	r.do("GET", "/v1/admin/status", "").is(200, "")
	gate.Open()
	<-r.read
	r.do("GET", "/readyz", "").is(200, "")
	r.do("GET", "/v1/events", "").is(200, "")
}

func TestANodeThatLagsBehindSaysHowFar(t *testing.T) {
	now := func(ev *eventstore.Event) { ev.Time = time.Now().UTC().Truncate(time.Millisecond) }
	r := newRig(t, func(c *api.Config) { c.CatchUpTimeout = 100 * time.Millisecond })
	r.open("12345678")
	r.store.OnRead(eventstoretest.LagBehind(r.log.Open(), 100)) // it finds nothing new
	foreign(t, r.log, 5, now)
	r.do("GET", "/v1/accounts", "", "Consistency: strong", "Min-Position: 1").is(503, "not-caught-up")
	r.do("GET", "/readyz", "").is(200, "")
	foreign(t, r.log, 1, now)
	r.do("GET", "/v1/accounts", "", "Consistency: strong").is(503, "not-caught-up") // it has heard of event 7
	if detail := r.do("GET", "/readyz", "").is(503, "not-caught-up").problem().Detail; !strings.Contains(detail, "1 of 7 events") {
		t.Error(detail)
	}
	var status struct{ Head, AppliedPosition, Lag int }
	if r.do("GET", "/v1/admin/status", "").is(200, "").decode(&status); status.Head != 7 || status.AppliedPosition != 1 || status.Lag != 6 {
		t.Errorf("%+v", status)
	}
	r.do("GET", "/v1/accounts/12345678", "").is(200, "").has("Applied-Position: 1")
	r.store.OnRead(nil)
	r.do("GET", "/v1/accounts", "", "Min-Position: 7").is(200, "")
	r.do("GET", "/readyz", "").is(200, "")
}

func TestANodeWithAWrongClockTakesNoCommandsButReads(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	foreign(t, r.log, 1, func(ev *eventstore.Event) { ev.Time = time.Now().UTC().Truncate(time.Millisecond).Add(time.Hour) })
	r.do("GET", "/v1/accounts/12345678", "", "Min-Position: 2").is(200, "")
	for method, path := range map[string]string{"GET": "/readyz", "DELETE": "/v1/accounts/12345678", "POST": "/v1/accounts"} {
		detail := r.do(method, path, map[string]string{"POST": `{"sortCode":"10-20-30"}`}[method]).is(503, "store-unavailable").problem().Detail
		if !strings.Contains(detail, "59m59") && !strings.Contains(detail, "1h0m0s") || !strings.Contains(detail, "NTP") {
			t.Errorf("%s %s: %s", method, path, detail)
		}
	}
	r.do("GET", "/v1/accounts/12345678", "", "Consistency: strong").is(200, "").has("Applied-Position: 2")
	if r.head() != 2 {
		t.Errorf("the log ends at %d", r.head())
	}
}

func TestANodeThatIsGoingIsNotReadyButAnswers(t *testing.T) {
	r := newRig(t)
	r.handler.Drain()
	r.do("GET", "/readyz", "").is(503, "store-unavailable")
	r.do("GET", "/livez", "").is(200, "")
	r.open("12345678")
}

func TestVerboseReadinessListsItsChecks(t *testing.T) {
	r := newRig(t)
	const all = `{"status":"ready","checks":[{"name":"draining","ok":true},{"name":"service","ok":true}]}`
	for query, want := range map[string]string{"": `{"status":"ready"}`, "?verbose": all, "?verbose=": all, "?verbose=true": all, "?verbose=false": `{"status":"ready"}`} {
		if got := string(r.do("GET", "/readyz"+query, "").is(200, "").text); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
	r.do("GET", "/readyz?verbose=x", "").is(400, "bad-parameter")
}

func TestTheStatusIsForOperators(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	var status map[string]any
	got := r.do("GET", "/v1/admin/status", "").is(200, "").has("Applied-Position: 1")
	got.decode(&status)
	for name, want := range map[string]any{"version": "test", "store": "memory:", "log": "main", "ready": true, "problem": nil, "head": 1.0,
		"appliedPosition": 1.0, "lag": 0.0, "accounts": 1.0, "digestPosition": 1.0, "lastSnapshot": nil, "queue": 0.0} {
		if value, there := status[name]; !there || value != want {
			t.Errorf("%s: %s", name, got.text)
		}
	}
	if digest, _ := status["stateDigest"].(string); len(digest) != 64 {
		t.Errorf("%s", got.text)
	}
	if _, there := status["uptimeSeconds"]; !there {
		t.Errorf("%s", got.text)
	}
}
