package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"openpayment/api/client"
)

// again starts a service in the place of one that was killed, at the same address.
func (p *process) again(store string) *process {
	p.T.Helper()
	return start(p.T, "--store", store, "--listen", strings.TrimPrefix(p.URL, "http://"))
}

// user is a program that pays in pennies and follows the log, with nothing but the
// client.
type user struct {
	t *testing.T
	c *client.Client

	mu       sync.Mutex                 // guards what follows
	done     map[string]client.Position // by key
	replayed int
	streamed []client.Event
	cutOff   int
}

func (u *user) deposits() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.done)
}

// payIn pays in one penny after another.
func (u *user) payIn(ctx context.Context, name string) {
	for i := 0; ctx.Err() == nil; i++ {
		key := fmt.Sprintf("%s-%d", name, i)
		var r client.Receipt
		ev, err := u.c.Deposit(u.t.Context(), aNumber(1), client.Payment{Amount: 1, Currency: "GBP"}, client.Key(key), client.Into(&r))
		if err != nil {
			u.t.Errorf("%s: %v", key, err)
			return
		}
		u.mu.Lock()
		u.done[key] = ev.Seq
		if r.Replayed {
			u.replayed++
		}
		u.mu.Unlock()
	}
}

// follow follows the log.
func (u *user) follow(ctx context.Context) {
	lost := func(error, time.Duration) { u.cutOff++ } // on this goroutine
	for ev, err := range u.c.Stream(ctx, client.StreamQuery{Disconnected: lost}) {
		if err != nil {
			if ctx.Err() == nil {
				u.t.Error(err)
			}
			return
		}
		u.mu.Lock()
		u.streamed = append(u.streamed, ev)
		u.mu.Unlock()
	}
}

// TestAProgramWithTheClientDoesNotNoticeKill9 kills the service again and again: every
// deposit succeeds, once, and the stream is the log.
func TestAProgramWithTheClientDoesNotNoticeKill9(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store)
		c, err := client.New(p.URL, client.Retry(client.RetryPolicy{For: 2 * time.Minute, MaxPause: 200 * time.Millisecond}))
		if err != nil {
			t.Fatal(err)
		}
		p.open(1, 1)
		u := &user{t: t, c: c, done: make(map[string]client.Position)}
		paying, stopPaying := context.WithCancel(t.Context())
		following, stopFollowing := context.WithCancel(t.Context())
		var payers, follower sync.WaitGroup
		t.Cleanup(func() { stopPaying(); stopFollowing(); payers.Wait(); follower.Wait() })
		for i := range 8 {
			payers.Go(func() { u.payIn(paying, fmt.Sprintf("payer%d", i)) })
		}
		follower.Go(func() { u.follow(following) })
		const kills = 4
		for range kills {
			already := u.deposits()
			p.Eventually("200 more deposits are done", func() bool { return u.deposits() > already+200 })
			p.Kill()
			p = p.again(store)
		}
		stopPaying()
		payers.Wait()
		events := p.wholeLog()
		p.Eventually("the stream has got there", func() bool {
			u.mu.Lock()
			defer u.mu.Unlock()
			return len(u.streamed) >= len(events)
		})
		stopFollowing()
		follower.Wait()
		u.check(events)
		a, err := c.Account(t.Context(), aNumber(1), client.Strong())
		if err != nil || a.Balance != int64(len(u.done)) {
			t.Errorf("%d pennies were paid in, the account holds %d, %v", len(u.done), a.Balance, err)
		}
		if u.cutOff < kills {
			t.Errorf("the stream was cut off %d times by %d kills", u.cutOff, kills)
		}
		t.Logf("%d deposits, %d of them answered by a repetition; the stream was cut off %d times", len(u.done), u.replayed, u.cutOff)
	})
}

// check holds the log against what the program was told.
func (u *user) check(events []event) {
	u.t.Helper()
	if len(events) != len(u.done)+1 || len(u.streamed) != len(events) {
		u.t.Errorf("%d deposits are done, the log has %d events, %d were streamed", len(u.done), len(events), len(u.streamed))
	}
	for i, ev := range events {
		if key := ev.Meta["idempotencyKey"]; i > 0 && u.done[key] != client.Position(ev.Seq) {
			u.t.Errorf("%s was answered %d, and stands at %d", key, u.done[key], ev.Seq)
		}
		if i < len(u.streamed) && (u.streamed[i].Hash != ev.Hash || u.streamed[i].Seq != client.Position(ev.Seq)) {
			u.t.Errorf("event %d was streamed as %+v", ev.Seq, u.streamed[i])
		}
	}
}
