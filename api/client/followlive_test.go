package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"openpayment/api/client"
	"openpayment/eventstore/memory"
)

// TestASubscriptionThatIsCutOffAtRandomGivesEachEventOnce follows a subscription through
// two nodes and a bad network, with one call after another, each of which ends early.
func TestASubscriptionThatIsCutOffAtRandomGivesEachEventOnce(t *testing.T) {
	ctx := t.Context()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	log := memory.New()
	one, two := newNode(t, log), newNode(t, log)
	wire := &tapped{}
	c := newClient(t, one.url, wire)
	opened(t, c, "111111")
	made := must(c.PutSubscription(ctx, "mine", client.SubscriptionDefinition{Filter: client.SubscriptionFilter{Type: "funds.deposited"}, Start: client.StartBehind(1)}))(t)
	wire.same(t, made)
	if made.Name != "mine" || made.Start != client.StartBehind(1) || made.Reader != nil {
		t.Errorf("%+v", made)
	}
	refused(t, second(c.PutSubscription(ctx, "mine", client.SubscriptionDefinition{Start: client.StartEnd})), client.CodeSubscriptionExists)
	const deposits = 300
	for range deposits {
		must(c.Deposit(ctx, "111111", gbp(1)))(t)
	}
	network := &cutting{rng: rand.New(rand.NewPCG(seed, 1))}
	rng := rand.New(rand.NewPCG(seed, 2))
	next, calls := client.Position(2), 0
	for next <= deposits+1 {
		ends := next + client.Position(rng.IntN(40))
		follower := newClient(t, two.url, network, client.Nodes(one.url))
		err := follower.Follow(ctx, "mine", func(_ context.Context, ev client.Event) error {
			if ev.Seq != next {
				return fmt.Errorf("event %d comes instead of %d", ev.Seq, next)
			}
			if next++; next > ends || next > deposits+1 {
				ends = -1
			}
			if ends < 0 {
				next-- // it failed: it comes again
				ends = next
				return errDone
			}
			return nil
		}, client.FollowOptions{})
		if !errors.Is(err, errDone) {
			t.Fatal(err)
		}
		if calls++; next == deposits+1 {
			break
		}
	}
	if acked := must(c.Acknowledge(ctx, "mine", next))(t); acked < next {
		t.Errorf("acknowledged up to %d", acked)
	}
	all := must(c.Subscriptions(ctx))(t)
	wire.same(t, items[client.Subscription]{all})
	if s := must(c.Subscription(ctx, "mine", client.Strong()))(t); s.Acked < next || len(all) != 1 {
		t.Errorf("%+v", s)
	}
	t.Logf("%d calls, %d cuts", calls, network.cuts.Load())
	if network.cuts.Load() < 5 || calls < 5 {
		t.Error("nothing was cut off")
	}
	unlucky := newClient(t, one.url, oneAfterAnother(lostAnswer, lostAnswer))
	if err := unlucky.DeleteSubscription(ctx, "mine"); err != nil {
		t.Error(err)
	}
	refused(t, c.DeleteSubscription(ctx, "mine"), client.CodeSubscriptionNotFound)
	refused(t, second(c.Subscription(ctx, "mine")), client.CodeSubscriptionNotFound)
}

func TestANewReaderOfASubscriptionEndsTheOldOne(t *testing.T) {
	ctx, n := t.Context(), newNode(t, memory.New())
	c := newClient(t, n.url, nil)
	opened(t, c, "111111")
	must(c.PutSubscription(ctx, "mine", client.SubscriptionDefinition{}))(t)
	var took atomic.Bool
	first, handling := make(chan error, 1), make(chan struct{})
	go func() { // ends with the subscription's second reader
		first <- c.Follow(ctx, "mine", func(context.Context, client.Event) error {
			close(handling)
			return nil
		}, client.FollowOptions{})
	}()
	<-handling
	reading, stop := context.WithCancel(ctx)
	defer stop()
	second := make(chan error, 1)
	go func() { // ends with reading
		second <- c.Follow(reading, "mine", func(_ context.Context, ev client.Event) error {
			if ev.Seq == 2 { // the first may come again
				took.Store(true)
				stop()
			}
			return nil
		}, client.FollowOptions{})
	}()
	if err := <-first; !client.IsCode(err, client.CodeSuperseded) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	must(c.Deposit(ctx, "111111", gbp(1)))(t)
	if err := <-second; !errors.Is(err, context.Canceled) || !took.Load() {
		t.Errorf("%v", err)
	}
}
