package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"openpayment/api/client"
)

// madeUp is a service with one subscription, to a log of so many events, that
// cuts off each connection after some of them.
type madeUp struct {
	t      testing.TB
	events int
	each   int    // events over one connection
	ends   string // the goodbye of a connection; empty: there is none

	mu    sync.Mutex
	acked int
	asked []int // where each connection began
}

func (m *madeUp) client(options ...client.Option) *client.Client {
	server := httptest.NewServer(m)
	m.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return newClient(m.t, server.URL, nil, options...)
}

func (m *madeUp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/subscriptions/mine/events":
		m.mu.Lock()
		from := m.acked
		m.asked = append(m.asked, from)
		m.mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		c := &connection{w: w, r: r}
		for seq := from + 1; seq <= min(from+m.each, m.events); seq++ {
			c.events(seq)
		}
		if m.ends != "" {
			c.goodbye(m.ends)
		}
	case "POST /v1/subscriptions/mine/ack":
		var body struct{ Seq int }
		if err := json.UnmarshalRead(r.Body, &body, json.MatchCaseInsensitiveNames(true)); err != nil {
			m.t.Error(err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.acked = max(m.acked, body.Seq)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"acked":%d}`, m.acked)
	default:
		m.t.Errorf("%s %s", r.Method, r.URL)
	}
}

var errDone = errors.New("done")

func TestEachEventOfASubscriptionIsHandledAndThenAcknowledged(t *testing.T) {
	m := &madeUp{t: t, events: 50, each: 7}
	var got []client.Position
	lost := 0
	err := m.client().Follow(t.Context(), "mine", func(_ context.Context, ev client.Event) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.acked >= int(ev.Seq) {
			t.Errorf("event %d was acknowledged before it was handled", ev.Seq)
		}
		if got = append(got, ev.Seq); len(got) == 50 {
			return errDone
		}
		return nil
	}, client.FollowOptions{Disconnected: func(error, time.Duration) { lost++ }})
	if !errors.Is(err, errDone) || m.acked != 49 || lost < 7 {
		t.Errorf("%v, acknowledged up to %d, cut off %d times", err, m.acked, lost)
	}
	for i, seq := range got {
		if seq != client.Position(i+1) {
			t.Fatalf("%v", got)
		}
	}
}

func TestWhatWasHandledIsAcknowledgedAlsoWhenTheContextHasEnded(t *testing.T) {
	m := &madeUp{t: t, events: 5, each: 5}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := m.client().Follow(ctx, "mine", func(_ context.Context, ev client.Event) error {
		if ev.Seq == 3 {
			cancel()
		}
		return nil
	}, client.FollowOptions{})
	if !errors.Is(err, context.Canceled) || m.acked != 3 { // and nothing that was on the way is handled any more
		t.Errorf("%v, acknowledged up to %d", err, m.acked)
	}
}

func TestFollowingEndsWhereAskingAgainWouldBeWrong(t *testing.T) {
	for _, code := range []client.Code{client.CodeSuperseded, client.CodeSubscriptionDeleted} {
		m := &madeUp{t: t, events: 5, each: 5, ends: string(code)}
		handled := 0
		err := m.client().Follow(t.Context(), "mine", func(context.Context, client.Event) error { handled++; return nil }, client.FollowOptions{})
		refused(t, err, code)
		if handled != 5 || m.acked != 5 || len(m.asked) != 1 {
			t.Errorf("%s: handled %d, acknowledged %d, asked at %v", code, handled, m.acked, m.asked)
		}
	}
}

func TestFollowingEndsWhenNothingCanBeAcknowledged(t *testing.T) {
	m := &madeUp{t: t, events: 5, each: 5}
	network := roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/ack") {
			return made(r, 403, "", `{"code":"forbidden"}`), nil
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	c := m.client(client.HTTPClient(&http.Client{Transport: network}))
	err := c.Follow(t.Context(), "mine", func(context.Context, client.Event) error { return nil }, client.FollowOptions{})
	refused(t, err, client.CodeForbidden)
}

func TestLostAcknowledgementsAreSentAgain(t *testing.T) {
	m := &madeUp{t: t, events: 30, each: 9}
	rng := atRandom(3, 0.5)
	network := roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/ack") {
			return rng.RoundTrip(r)
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	c := m.client(client.HTTPClient(&http.Client{Transport: network}))
	handled := 0
	err := c.Follow(t.Context(), "mine", func(_ context.Context, ev client.Event) error {
		if handled++; int(ev.Seq) != handled {
			t.Errorf("event %d is the %dth", ev.Seq, handled)
		}
		if handled == 30 {
			return errDone
		}
		return nil
	}, client.FollowOptions{})
	if !errors.Is(err, errDone) || m.acked != 29 {
		t.Errorf("%v, acknowledged up to %d", err, m.acked)
	}
}

func TestAStartIsAWordOrANumber(t *testing.T) {
	for start, want := range map[client.Start]string{client.StartBeginning: `"beginning"`, client.StartEnd: `"end"`, client.StartBehind(17): "17", client.StartBehind(0): "0"} {
		text, err := json.Marshal(start)
		var back client.Start
		if err != nil || string(text) != want || json.Unmarshal(text, &back) != nil || back != start {
			t.Errorf("%q is %s, and %q again: %v", start, text, back, err)
		}
	}
}
