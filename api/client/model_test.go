package client_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"openpayment/api/client"
	"openpayment/eventstore/memory"
)

// bankAccounts is how many accounts the random commands are about.
const bankAccounts = 5

func bankNumber(i int) string { return fmt.Sprintf("%06d", 100000+i) }

// told is what a command was answered.
type told struct {
	key  string
	seq  client.Position
	err  error
	kind string // of the event it leads to
}

// TestRandomCommandsThroughABadNetworkLeadToOneEventEach lets clients move money at
// random over two nodes, while a third of all requests goes wrong in some way, and
// holds the log against what they were told.
func TestRandomCommandsThroughABadNetworkLeadToOneEventEach(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	log := memory.New()
	one, two := newNode(t, log), newNode(t, log)
	network := atRandom(seed, 0.3)
	c := newClient(t, one.url, network, client.Nodes(two.url), client.ReadYourWrites())
	for i := range bankAccounts {
		opened(t, c, bankNumber(i))
	}
	const clients, each = 8, 60
	answers := make([][]told, clients)
	var wg sync.WaitGroup
	for k := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(k+2)))
			for i := range each {
				answers[k] = append(answers[k], randomCommand(t.Context(), c, rng, fmt.Sprintf("client %d, %d", k, i)))
			}
		})
	}
	wg.Wait()
	checkBank(t, newClient(t, one.url, nil), answers)
	t.Logf("%d requests went wrong", network.faults.Load())
	if network.faults.Load() < clients*each/10 {
		t.Error("the network was good")
	}
}

// randomCommand gives one command.
func randomCommand(ctx context.Context, c *client.Client, rng *rand.Rand, key string) told {
	from, to, amount := bankNumber(rng.IntN(bankAccounts)), bankNumber(rng.IntN(bankAccounts)), 1+rng.Int64N(100)
	got := told{key: key}
	var ev client.Event
	switch rng.IntN(4) {
	case 0:
		got.kind = "funds.deposited"
		ev, got.err = c.Deposit(ctx, to, gbp(amount), client.Key(key))
	case 1:
		got.kind = "funds.withdrawn"
		ev, got.err = c.Withdraw(ctx, from, gbp(amount), client.Key(key))
	case 2:
		got.kind = "funds.transferred"
		ev, got.err = c.Transfer(ctx, client.Transfer{From: from, To: to, Amount: amount, Currency: "GBP"}, client.Key(key))
	default: // each for itself, of which the first is always possible
		got.kind = "funds.deposited"
		var b client.Bulk
		b.Deposit(to, gbp(amount), client.Key(key))
		b.Withdraw(from, gbp(1<<50))
		results, err := c.ExecuteEach(ctx, &b)
		if got.err = err; err == nil {
			ev = *results[0].Event
			if !client.IsCode(results[1].Problem, client.CodeInsufficientFunds) {
				got.err = results[1].Problem
			}
		}
	}
	got.seq = ev.Seq
	return got
}

// checkBank holds the log against the answers.
func checkBank(t *testing.T, c *client.Client, answers [][]told) {
	t.Helper()
	at := make(map[string]client.Event)
	for _, ev := range all(t, c.Events(t.Context(), client.EventQuery{After: bankAccounts}, client.Strong())) {
		key := ev.Meta["idempotencyKey"]
		if before, twice := at[key]; twice {
			t.Errorf("%s is carried out at %d and %d", key, before.Seq, ev.Seq)
		}
		at[key] = ev
	}
	accepted := 0
	for _, list := range answers {
		for _, a := range list {
			ev, done := at[a.key]
			switch {
			case a.err == nil && (!done || ev.Seq != a.seq || ev.Type != a.kind):
				t.Errorf("%s was answered %d %s, the log has %+v", a.key, a.seq, a.kind, ev)
			case a.err == nil:
				accepted++
			case done || !client.IsCode(a.err, client.CodeInsufficientFunds, client.CodeSameAccount):
				t.Errorf("%s was answered %v, the log has %+v", a.key, a.err, ev)
			}
		}
	}
	if accepted != len(at) {
		t.Errorf("%d commands were accepted, the log has %d", accepted, len(at))
	}
}
