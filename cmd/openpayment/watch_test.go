package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// sample gives the value of a metric, as it is written; empty if there is none.
func (p *process) sample(name string, headers ...string) string {
	p.T.Helper()
	for line := range strings.Lines(string(p.must(http.StatusOK, "GET", "/metrics", "", headers...).body)) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestAServiceOnEveryStoreShowsItsMetrics(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			p := start(t, "--store", store(t))
			p.must(http.StatusCreated, "POST", "/v1/accounts", `{"sortCode":"10-20-30"}`)
			p.must(http.StatusCreated, "POST", "/v1/admin/snapshots", "")
			for metric, want := range map[string]string{
				"openpayment_ready": "1", "openpayment_accounts": "1", "openpayment_events_appended_total": "1", "openpayment_snapshot_duration_seconds_count": "1",
				`openpayment_commands_total{command="open",outcome="accepted",problem=""}`: "1",
			} {
				if got := p.sample(metric); got != want {
					t.Errorf("%s is %q, want %q", metric, got, want)
				}
			}
			appends, clock := p.sample(`openpayment_cassandra_request_duration_seconds_count{outcome="ok",statement="open-bucket"}`), p.sample("openpayment_clock_ahead_seconds")
			if cassandra := name == "cassandra"; cassandra != (appends == "1") || cassandra != (clock != "") {
				t.Errorf("%q appends to Cassandra, a clock %q s ahead", appends, clock)
			}
		})
	}
}

func TestMetricsNeedATokenWhereThereAreSome(t *testing.T) {
	t.Setenv(tokenVariable, "secret")
	p := start(t, "--store", "memory:")
	p.must(http.StatusUnauthorized, "GET", "/metrics", "")
	if ready := p.sample("openpayment_ready", "Authorization: Bearer secret"); ready != "1" {
		t.Errorf("openpayment_ready is %q", ready)
	}
	if refused := p.sample(`openpayment_http_problems_total{code="unauthenticated"}`, "Authorization: Bearer secret"); refused == "" || refused == "0" {
		t.Errorf("%q requests were refused for their tokens", refused)
	}
}

func TestMetricsAreThereBeforeTheStoreIs(t *testing.T) {
	p := launch(t, "--store", "cassandra://127.0.0.1:1/k?connect-timeout=200ms", "--startup-timeout", "1m")
	if ready := p.sample("openpayment_ready"); ready != "0" {
		t.Errorf("openpayment_ready is %q", ready)
	}
	if problem := p.sample(`openpayment_problem{code="store-unavailable"}`); problem != "1" {
		t.Errorf("the problem is %q", problem)
	}
}

// TestLogLinesNameTheTraceAndTheLastSpansAreSentAtTheEnd stops a service just after its
// only command.
func TestLogLinesNameTheTraceAndTheLastSpansAreSentAtTheEnd(t *testing.T) {
	sent := make(chan int, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent <- int(r.ContentLength) }))
	defer collector.Close()
	p := start(t, "--store", "memory:", "--trace-endpoint", collector.URL, "--log-level", "debug")
	const id = "0af7651916cd43dd8448eb211c80319c"
	p.must(http.StatusCreated, "POST", "/v1/accounts", `{"sortCode":"10-20-30"}`, "traceparent: 00-"+id+"-b7ad6b7169203331-01")
	if code := p.Terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, message := range []string{"event published", "event acknowledged", "request answered"} {
		if lineOf(p.Log(), message, `"traceId":"`+id+`"`) == "" {
			t.Errorf("no line %q names the trace", message)
		}
	}
	select {
	case size := <-sent:
		if size <= 0 {
			t.Errorf("%d bytes were sent", size)
		}
	default:
		t.Error("no spans were sent")
	}
}

// lineOf gives the line of a log with all the parts, empty if there is none.
func lineOf(log string, parts ...string) string {
	for line := range strings.Lines(log) {
		has := true
		for _, part := range parts {
			has = has && strings.Contains(line, part)
		}
		if has {
			return line
		}
	}
	return ""
}
