package client_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"openpayment/api/client"
	"openpayment/eventstore/memory"
)

// cutting is a network on which every connection breaks after some bytes.
type cutting struct {
	mu   sync.Mutex // guards rng
	rng  *rand.Rand
	cuts atomic.Int64
}

func (c *cutting) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || response.Header.Get("Content-Type") != "text/event-stream" {
		return response, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	response.Body = &cutBody{response.Body, c.rng.Int64N(8000), &c.cuts}
	return response, nil
}

// cutBody is one that breaks.
type cutBody struct {
	io.ReadCloser
	left int64
	cuts *atomic.Int64
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		b.cuts.Add(1)
		return 0, errReset
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// streamsOf are what clients want of the log of a bank.
var streamsOf = []client.StreamQuery{
	{}, {After: 17}, {Type: "funds.transferred"}, {Subject: "accounts/" + bankNumber(1)},
	{After: 5, Type: "funds.deposited", Subject: "accounts/" + bankNumber(2)}, {Type: "no.such"},
}

// TestStreamsThatAreCutOffAtRandomAreTheLog follows the log of two nodes while it grows,
// and holds what came against the log.
func TestStreamsThatAreCutOffAtRandomAreTheLog(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	log := memory.New()
	one, two := newNode(t, log), newNode(t, log)
	c := newClient(t, one.url, nil, client.Nodes(two.url))
	for i := range bankAccounts {
		opened(t, c, bankNumber(i))
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	network := &cutting{rng: rand.New(rand.NewPCG(seed, 9))}
	var caughtUp atomic.Int64
	var streams sync.WaitGroup
	got := make([]chan string, len(streamsOf))
	for i, q := range streamsOf {
		got[i] = make(chan string, 10_000) // more than there are events
		q.CaughtUp = func(client.Position) { caughtUp.Add(1) }
		streams.Go(func() {
			for ev, err := range newClient(t, two.url, network, client.Nodes(one.url)).Stream(ctx, q) {
				if err == nil {
					got[i] <- line(ev)
				} else if ctx.Err() == nil {
					t.Error(err)
				}
			}
			close(got[i])
		})
	}
	rng := rand.New(rand.NewPCG(seed, 10))
	for i := range 400 {
		randomCommand(ctx, c, rng, fmt.Sprint(i))
	}
	last := client.NewEvent{Type: "no.such", Subject: "accounts/" + bankNumber(1), Data: struct{}{}}
	must(c.AppendEvents(ctx, client.Append{Events: []client.NewEvent{last}}))(t)
	for i, q := range streamsOf {
		n := 0
		for ev, err := range c.Events(ctx, client.EventQuery{After: q.After, Type: q.Type, Subject: q.Subject}, client.Strong()) {
			if came := <-got[i]; err != nil || came != line(ev) {
				t.Fatalf("%+v: event %d of the log is\n%s %v\nof the stream\n%s", q, n, line(ev), err, came)
			}
			n++
		}
		t.Logf("%+v: %d events", q, n)
	}
	stop()
	streams.Wait()
	for i, q := range streamsOf {
		for more := range got[i] {
			t.Errorf("%+v: one more: %s", q, more)
		}
	}
	t.Logf("%d cuts", network.cuts.Load())
	if network.cuts.Load() < 20 || caughtUp.Load() != int64(len(streamsOf)) {
		t.Errorf("%d cuts, %d caught up", network.cuts.Load(), caughtUp.Load())
	}
}

func line(ev client.Event) string { return fmt.Sprint(ev.Seq, ev.ID, ev.Hash, string(ev.Data)) }
