package api_test

import (
	"bufio"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"openpayment/api"
)

func TestAStreamGivesTheHistoryAndThenWhatComes(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	r.open("222222")
	f := r.follow("/v1/events/stream")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "Applied-Position": "2", "Vary": "Accept",
	} {
		if got := f.answer.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	f.want("1 2 caught-up@2")
	r.open("333333")
	f.want("3")
	page := string(r.do("GET", "/v1/events/3", "").text)
	again := r.follow("/v1/events/stream?after=2")
	if fr, _ := again.next(); fr.data != page || fr.id != "3" || fr.event != "" {
		t.Errorf("%+v, want %s", fr, page)
	}
	again.want("caught-up@3")
}

func TestAStreamResumesBehindTheLastEventID(t *testing.T) {
	r := newRig(t)
	for _, n := range []string{"111111", "222222", "333333"} {
		r.open(n)
	}
	r.follow("/v1/events/stream?after=0", "Last-Event-ID: 2").want("3 caught-up@3")
	r.follow("/v1/events/stream?after=3", "Last-Event-ID: 1").want("2 3 caught-up@3")
	r.follow("/v1/events/stream?after=1", "Last-Event-ID: 0").want("1 2 3 caught-up@3")
	for _, bad := range []string{"", "x", "-1", "1.0", "+1", " 1 2", "99999999999999999999", "9007199254740992"} {
		r.do("GET", "/v1/events/stream", "", "Last-Event-ID: "+bad).is(400, "bad-header")
	}
	r.do("GET", "/v1/events/stream", "", "Last-Event-ID: 1", "Last-Event-ID: 1").is(400, "bad-header")
	r.do("GET", "/v1/events/stream?after=x", "", "Last-Event-ID: 1").is(400, "bad-parameter")
}

func TestAStreamFromBeyondTheHeadBeginsWhenTheLogGetsThere(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	f := r.follow("/v1/events/stream?after=3")
	f.want("caught-up@3")
	for _, n := range []string{"222222", "333333", "444444", "555555"} {
		r.open(n)
	}
	f.want("4 5")
}

func TestAStreamIsFilteredAsPagesAre(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	r.open("222222")
	r.do("POST", "/v1/accounts/111111/deposits", `{"amount":10,"currency":"GBP"}`).is(201, "")
	r.do("POST", "/v1/transfers", `{"from":"111111","to":"222222","amount":10,"currency":"GBP"}`).is(201, "")
	for _, c := range []struct{ query, want string }{
		{"type=account.opened", "1 2 caught-up@4"},
		{"type=account.open", "caught-up@4"},
		{"subject=accounts/222222", "2 4 caught-up@4"},
		{"subject=accounts/111111&type=funds.transferred", "4 caught-up@4"},
		{"subject=accounts/11111", "caught-up@4"},
		{"after=2&subject=accounts/222222", "4 caught-up@4"},
	} {
		r.follow("/v1/events/stream?" + c.query).want(c.want)
	}
}

func TestAStreamComesAsNDJSONIfTheClientPrefersIt(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.Streams.Heartbeat = 20 * time.Millisecond })
	r.open("111111")
	f := r.follow("/v1/events/stream", "Accept: application/x-ndjson, text/event-stream;q=0.9, */*;q=0.1")
	if got := f.answer.Header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Error(got)
	}
	lines := bufio.NewScanner(f.answer.Body)
	next := func() string {
		if !lines.Scan() {
			t.Fatal("the stream has ended")
		}
		return lines.Text()
	}
	if got := next(); got != string(r.do("GET", "/v1/events/1", "").text) {
		t.Error(got)
	}
	if got := next(); got != "" {
		t.Errorf("%q instead of a heartbeat", got)
	}
	r.handler.EndStreams()
	last := ""
	for lines.Scan() {
		last = lines.Text()
	}
	if p := (response{TB: t, text: []byte(last)}).problem(); p.Code != "shutting-down" || p.Instance != "/v1/events/stream" {
		t.Errorf("%q", last)
	}
	for accept, want := range map[string]string{
		"": "text/event-stream", "*/*": "text/event-stream", "text/*": "text/event-stream", "text/html": "text/event-stream",
		"application/x-ndjson;q=0.5, text/event-stream": "text/event-stream", "application/x-ndjson;q=0": "text/event-stream",
		"application/x-ndjson, */*": "application/x-ndjson", "APPLICATION/X-NDJSON": "application/x-ndjson",
	} {
		r.do("HEAD", "/v1/events/stream", "", "Accept: "+accept).is(200, "").has("Content-Type: " + want)
	}
}

func TestAHeartbeatTellsHowFarAFilteredStreamHasCome(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.Streams.Heartbeat = 50 * time.Millisecond })
	f := r.follow("/v1/events/stream?type=nothing")
	f.want("caught-up@0 heartbeat@0")
	r.open("111111")
	for {
		if fr, ok := f.next(); !ok || fr.comment != "heartbeat" {
			t.Fatalf("%+v", fr)
		} else if fr.id == "1" {
			return
		}
	}
}

func TestAllStreamsAreToldThatTheNodeIsShuttingDown(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	idle, filtered := r.follow("/v1/events/stream"), r.follow("/v1/events/stream?type=x")
	idle.want("1 caught-up@1")
	filtered.want("caught-up@1")
	r.handler.EndStreams()
	for _, f := range []*follower{idle, filtered} {
		if p := f.goodbye(); p.Code != "shutting-down" || p.Status != 503 || !strings.Contains(p.Detail, "resume") {
			t.Errorf("%+v", p)
		}
	}
	r.do("GET", "/v1/events/stream", "").is(503, "shutting-down").has("Retry-After: 1")
}

func TestMoreStreamsThanTheNodeTakesAreRefused(t *testing.T) {
	closed := make(chan string, 3)
	r := newRig(t, func(c *api.Config) {
		c.Streams.Max = 2
		c.Streams.Observer.Closed = func(reason string) { closed <- reason }
	})
	one, two := r.follow("/v1/events/stream"), r.follow("/v1/events/stream")
	one.want("caught-up@0")
	two.want("caught-up@0")
	r.do("GET", "/v1/events/stream", "").is(503, "overloaded").has("Retry-After: 1")
	one.leave()
	if reason := <-closed; reason != "client-gone" {
		t.Errorf("the stream ended for %q", reason)
	}
	r.follow("/v1/events/stream").want("caught-up@0")
}

func TestOperatorsSeeWhatStreamsDo(t *testing.T) {
	var opened, delivered atomic.Int64
	closed := make(chan string, 1)
	r := newRig(t, func(c *api.Config) {
		c.Streams.Observer = api.StreamObserver{
			Opened:    func() { opened.Add(1) },
			Delivered: func(events int) { delivered.Add(int64(events)) },
			Closed:    func(reason string) { closed <- reason },
		}
	})
	r.open("111111")
	r.open("222222")
	f := r.follow("/v1/events/stream?type=account.opened")
	f.want("1 2 caught-up@2")
	if lag, open := r.handler.StreamLag(); lag != 0 || open != 1 {
		t.Errorf("%d open, lag %d", open, lag)
	}
	f.leave()
	if reason := <-closed; reason != "client-gone" || opened.Load() != 1 || delivered.Load() != 2 {
		t.Errorf("%d opened, %d delivered, closed for %q", opened.Load(), delivered.Load(), reason)
	}
	if _, open := r.handler.StreamLag(); open != 0 {
		t.Errorf("%d open", open)
	}
}
