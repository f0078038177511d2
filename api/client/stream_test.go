package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"openpayment/api/client"
)

// seqs reads a stream to its end, or until n events have come, and gives their
// positions.
func seqs(t testing.TB, c *client.Client, q client.StreamQuery, n int) (string, error) {
	t.Helper()
	var got []string
	for ev, err := range c.Stream(t.Context(), q) {
		if err != nil {
			return strings.Join(got, " "), err
		}
		if got = append(got, fmt.Sprint(ev.Seq)); len(got) == n {
			break
		}
	}
	return strings.Join(got, " "), nil
}

func TestAStreamGoesOnBehindTheLastEventWhateverCutItOff(t *testing.T) {
	c, requests := streaming(t, nil,
		func(c *connection) { c.events(3, 4) },
		func(c *connection) { c.send("id: 5\ndata: {\"seq\":5") }, // half a message is none
		func(c *connection) { c.events(5); c.goodbye("shutting-down"); c.events(99) },
		func(c *connection) { c.goodbye("too-slow") },
		func(c *connection) { c.events(5, 6) }, // one of which it has had
		func(*connection) {},
		func(c *connection) { c.send(": heartbeat\nid: 6\n\n"); c.events(7); <-c.r.Context().Done() },
	)
	var lost []string
	got, err := seqs(t, c, client.StreamQuery{After: 2, Disconnected: func(err error, _ time.Duration) { lost = append(lost, err.Error()) }}, 5)
	if got != "3 4 5 6 7" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	var asked []string
	for _, r := range *requests {
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		if r.URL.Query().Get("after") != "2" || r.Header.Get("Accept") != "text/event-stream" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
	}
	if got := strings.Join(asked, " "); got != "2 4 4 5 5 6 6" || len(lost) != 6 || !strings.Contains(lost[2], "shutting-down") {
		t.Errorf("%s, %q", got, lost)
	}
}

func TestAFilteredStreamGoesOnBehindWhatWasPassedOver(t *testing.T) {
	c, requests := streaming(t, nil,
		func(c *connection) { c.events(3); c.send(": heartbeat\nid: 900\n\n") },
		func(c *connection) { c.send("event: caught-up\nid: 950\ndata: {\"position\":950}\n\n") },
		func(c *connection) { c.events(951); <-c.r.Context().Done() },
	)
	var caughtUp []client.Position
	got, err := seqs(t, c, client.StreamQuery{Type: "a.b", Subject: "s&t", CaughtUp: func(p client.Position) { caughtUp = append(caughtUp, p) }}, 2)
	if got != "3 951" || err != nil || fmt.Sprint(caughtUp) != "[950]" {
		t.Errorf("%s, %v, %v", got, err, caughtUp)
	}
	for i, want := range []string{"", "900", "950"} {
		r := (*requests)[i]
		if r.Header.Get("Last-Event-ID") != want || r.URL.Query().Get("subject") != "s&t" || r.URL.Query().Get("type") != "a.b" {
			t.Errorf("%d: %s %v", i, r.URL, r.Header)
		}
	}
}

func TestCaughtUpIsToldOnce(t *testing.T) {
	caughtUp := func(c *connection) { c.send("event: caught-up\nid: 1\ndata: {\"position\":1}\n\n") }
	c, _ := streaming(t, nil, func(c *connection) { c.events(1); caughtUp(c) }, func(c *connection) { caughtUp(c); c.events(2) })
	var told []client.Position
	got, err := seqs(t, c, client.StreamQuery{CaughtUp: func(p client.Position) { told = append(told, p) }}, 2)
	if got != "1 2" || err != nil || len(told) != 1 || told[0] != 1 {
		t.Errorf("%s, %v, %v", got, err, told)
	}
}

func TestASilentStreamIsTakenForDead(t *testing.T) {
	silent := make(chan struct{})
	c, _ := streaming(t, []client.Option{impatient},
		func(c *connection) { c.events(1); <-silent },
		func(c *connection) { c.events(2); <-silent },
	)
	defer close(silent)
	var lost error
	got, err := seqs(t, c, client.StreamQuery{Disconnected: func(err error, _ time.Duration) { lost = err }}, 2)
	if got != "1 2" || err != nil || lost == nil || !strings.Contains(lost.Error(), "taken for dead") {
		t.Errorf("%s, %v, %v", got, err, lost)
	}
}

// What takes its time over an event is no sign of a dead connection.
func TestASlowReaderIsNotTakenForADeadService(t *testing.T) {
	c, requests := streaming(t, []client.Option{impatient}, func(c *connection) {
		c.events(1)
		c.events(2)
		<-c.r.Context().Done()
	})
	for ev, err := range c.Stream(t.Context(), client.StreamQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(150 * time.Millisecond)
		if ev.Seq == 2 {
			break
		}
	}
	if len(*requests) != 1 {
		t.Errorf("%d connections", len(*requests))
	}
}

func TestAStreamWithAGapIsNotBelieved(t *testing.T) {
	for name, s := range map[string]script{
		"a hole":       func(c *connection) { c.events(1, 3) },
		"a late start": func(c *connection) { c.events(2) },
		"a hole behind a heartbeat": func(c *connection) {
			c.events(1)
			c.send(": heartbeat\nid: 2\n\n")
			c.events(3)
		},
		"no event": func(c *connection) { c.send("data: {}\n\n") },
		"no JSON":  func(c *connection) { c.send("data: {\n\n") },
	} {
		c, _ := streaming(t, nil, s)
		if got, err := seqs(t, c, client.StreamQuery{}, 9); !errors.Is(err, client.ErrForeign) || strings.Contains(got, "3") {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestWhatAskingAgainWillNotChangeEndsAStream(t *testing.T) {
	for _, code := range []client.Code{client.CodeLogDamaged, client.CodeSuperseded} {
		c, _ := streaming(t, nil, func(c *connection) { c.events(1); c.goodbye(string(code)) })
		got, err := seqs(t, c, client.StreamQuery{}, 9)
		refused(t, err, code)
		if got != "1" {
			t.Error(got)
		}
	}
	c, requests := streaming(t, nil, func(c *connection) { c.events(1) }) // and then 418
	if got, err := seqs(t, c, client.StreamQuery{}, 9); got != "1" || !errors.Is(err, client.ErrForeign) || len(*requests) != 2 {
		t.Errorf("%s, %v", got, err)
	}
	_, service := newService(t)
	for _, err := range service.Events(t.Context(), client.EventQuery{PageSize: -1}) {
		refused(t, err, client.CodeBadParameter)
	}
}

func TestAStreamThatCannotBeginEndsWithThePolicy(t *testing.T) {
	tries := 0
	c := newClient(t, "http://"+nowhere, &faulty{next: func() fault {
		tries++
		return lostRequest
	}}, client.Retry(client.RetryPolicy{For: 50 * time.Millisecond, MinPause: time.Millisecond}))
	if got, err := seqs(t, c, client.StreamQuery{}, 9); got != "" || !errors.Is(err, errReset) || tries < 2 {
		t.Errorf("%s, %v after %d tries", got, err, tries)
	}
}

func TestTheContextEndsAStream(t *testing.T) {
	c, _ := streaming(t, nil, func(c *connection) { c.events(1); <-c.r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range c.Stream(ctx, client.StreamQuery{}) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("%v", last)
	}
}
