package api_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore/subscriptions"
)

// concrete is a path that a route has, of things that exist in a rig with one
// account, of a replay that has ended, and of a subscription that is only-read's.
func (r *rig) concrete(route string) string {
	r.Helper()
	id := ""
	if strings.Contains(route, "{id}") {
		id = r.cancelled().ID.String()
	}
	if strings.Contains(route, "{name}") {
		if _, _, err := r.service.Subscriptions().Put(r.Context(), subscriptions.Caller{Name: "only-read"}, "reports", subscriptions.Definition{}); err != nil {
			r.Fatal(err)
		}
	}
	return strings.NewReplacer("{name}", "reports", "{number}", "12345678", "{seq}", "1", "{file}", "start.js", "{id}", id).Replace(route)
}

// cancelled is a replay that was cancelled.
func (r *rig) cancelled() journal.Replay {
	r.Helper()
	replay, err := r.service.StartReplay(journal.ReplayOptions{From: journal.ReplayFromStart})
	if err == nil {
		err = r.service.CancelReplay(r.Context(), replay.ID)
	}
	if err != nil {
		r.Fatal(err)
	}
	return replay
}

func TestEveryPathSaysWhatItTakes(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	all := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get"}
	for route, methods := range api.Routes() {
		if slices.Contains(methods, "GET") {
			methods = append(methods, "HEAD")
		}
		methods = append(methods, "OPTIONS")
		slices.Sort(methods)
		allow := strings.Join(methods, ", ")
		for _, method := range all {
			switch {
			case method == "OPTIONS":
				r.do(method, r.concrete(route), "").is(204, "").has("Allow: " + allow)
			case method == "HEAD" && !slices.Contains(methods, method):
				r.do(method, r.concrete(route), "").is(405, "").has("Allow: " + allow)
			case !slices.Contains(methods, method):
				r.do(method, r.concrete(route), "").is(405, "method-not-allowed").has("Allow: " + allow)
			}
		}
	}
	r.do("OPTIONS", "/v1/accounts/12345678", "").has("Accept-Patch: application/merge-patch+json")
}

func TestPathsMatchAsWritten(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	for _, path := range []string{"/", "/v1", "/v1/", "/v2/accounts", "/V1/accounts", "/v1/accounts/", "/v1//accounts", "//v1/accounts", "/v1/accounts//",
		"/v1/accounts/12345678/", "/v1/accounts/12345678//events", "/v1/accounts//events", "/v1/accounts/12345678/events/", "/v1/./accounts", "/v1/x/../accounts",
		"/v1/events/", "/v1/events/1/", "/v1/admin", "/v1/admin/status/", "/livez/", "/readyz/x", "/v1/transfers/", "/metrics/", "/v1/accounts/../accounts/12345678", "/v1/accounts/12345678%2Fevents/x"} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "DELETE"} {
			r.do(method, path, "").is(404, "route-not-found").has("Location:", "Allow:")
		}
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	paths := []string{"/v1/nothing", "/v1/accounts/99999999", "/v1/events?limit=x", "/v1/accounts/12345678?at=1"}
	for route, methods := range api.Routes() {
		if slices.Contains(methods, "GET") {
			paths = append(paths, r.concrete(route))
		}
	}
	for _, path := range paths {
		get, head := r.do("GET", path, "", "X-Request-Id: same"), r.do("HEAD", path, "", "X-Request-Id: same")
		if head.status != get.status || len(head.text) > 0 {
			t.Errorf("%s: %d, %d", path, get.status, head.status)
		}
		for name := range get.header {
			unread := name == "Content-Length" && strings.HasSuffix(path, "/reports/events") // a HEAD makes nobody the reader
			if name != "Date" && !unread && get.header.Get(name) != head.header.Get(name) {
				t.Errorf("%s: %s: %q, HEAD %q", path, name, get.header.Get(name), head.header.Get(name))
			}
		}
	}
}

func TestAPanicIsAnsweredAndTellsNothing(t *testing.T) {
	r := newRig(t)
	server := httptest.NewServer(r.handler.Panicking(false))
	defer server.Close()
	url := r.url
	r.url = server.URL
	got := r.do("GET", "/v1/accounts", "").is(500, "internal")
	if strings.Contains(string(got.text), "secret") || strings.Contains(string(got.text), ".go") {
		t.Errorf("%s", got.text)
	}
	r.url = url
	found := false
	for _, entry := range r.logged.AllEntries() {
		stack, _ := entry.Data["stack"].(string)
		found = found || entry.Data["error"] == "secret" && strings.Contains(stack, "Panicking") && entry.Data["requestId"] == got.header.Get("Request-Id")
	}
	if !found {
		t.Error("not logged")
	}
}

func TestAPanicInTheMiddleOfAnAnswerCutsIt(t *testing.T) {
	r := newRig(t)
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("recovered %v", got)
		}
	}()
	r.handler.Panicking(true).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestFailuresAreLoggedInShort(t *testing.T) {
	r := newRig(t)
	id := r.do("GET", "/v1/accounts/12345678", "").is(404, "account-not-found").header.Get("Request-Id")
	var messages []string
	for _, entry := range r.logged.AllEntries() {
		if entry.Data["requestId"] != id {
			t.Errorf("%v", entry.Data)
		}
		messages = append(messages, entry.Level.String()+": "+entry.Message)
		if entry.Message == "failed to get account" && (entry.Data["error"] != "account does not exist" || entry.Data["accountNumber"] != "12345678") {
			t.Errorf("%v", entry.Data)
		}
	}
	if got := strings.Join(messages, ", "); got != "debug: failed to get account, debug: request answered" {
		t.Error(got)
	}
}
