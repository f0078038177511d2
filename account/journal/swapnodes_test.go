package journal_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"testing"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// breakNowAndThen breaks one read in ten after some events.
func breakNowAndThen(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
	if rand.IntN(10) > 0 {
		return next(ctx, after, limit)
	}
	return eventstoretest.BreakRead(rand.IntN(50))(ctx, after, limit, next)
}

// readAround reads an account in every way while states are exchanged beneath.
func readAround(t *testing.T, n *node, a account.Number, least eventstore.Position) {
	t.Helper()
	now, err := n.Account(a)
	if err != nil || now.Version < int64(least) {
		t.Errorf("written at %d, read %+v, %v", least, now, err)
		return
	}
	then, err := n.AccountAt(t.Context(), a, journal.Moment{Position: eventstore.Position(now.Version)})
	if err != nil {
		if !eventstore.IsKind(err, eventstore.KindUnavailable) {
			t.Errorf("%v", err)
		}
		return
	}
	if then.Version != now.Version || then.Balance != now.Balance {
		t.Errorf("%+v was %+v at its version", now, then)
	}
}

// payInTwice sends one deposit, on any node, until it was answered twice.
func payInTwice(t *testing.T, nodes []*node, r *rand.Rand, k account.Key, a account.Number, all *answers) {
	for sent := 0; sent < 2; {
		n := nodes[r.IntN(len(nodes))]
		out, err := n.Execute(t.Context(), deposit(a, 1), journal.Options{Key: k})
		if err == nil {
			all.note(k, out)
			readAround(t, n, a, out.Position)
			sent++
		} else if kind := eventstore.KindOf(err); kind != eventstore.KindUnavailable && kind != eventstore.KindUnknown {
			t.Errorf("%v", err)
			return
		}
	}
}

// exchange replays, swaps and takes snapshots on a node until done, and once more.
func exchange(t *testing.T, n *node, round int, done <-chan struct{}) {
	for loaded := true; loaded; round++ {
		select {
		case <-done:
			loaded = false
		default:
		}
		from := []journal.ReplayFrom{journal.ReplayFromStart, journal.ReplayFromSnapshot}[round%2]
		r := n.replayed(t, journal.ReplayOptions{From: from, Swap: true})
		if r.State == journal.ReplayDone && (!r.Match() || !r.Swapped || len(r.SnapshotFaults) > 0) ||
			r.State == journal.ReplayFailed && !eventstore.IsKind(r.Err, eventstore.KindUnavailable) {
			t.Errorf("%+v", r)
			return
		}
		n.snapshot(t)
	}
}

// Two nodes take commands, each of which is sent twice, with reads that fail; all the
// while both take snapshots, and exchange their states.
func TestTwoNodesThatExchangeTheirStatesUnderLoadLoseAndDoubleNothing(t *testing.T) {
	log := newLog(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var nodes []*node
	for range 2 {
		f := eventstoretest.NewFaulty(log.Open())
		cfg := withSnapshots(log, &notes{})
		cfg.Poller.WindowEvents = 64 // so that much is read from the store
		s, err := journal.Start(t.Context(), f, cfg)
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, &node{Service: s, log: log})
		t.Cleanup(func() { _ = s.Close(context.Background()) })
		f.OnRead(breakNowAndThen)
	}
	const callers, commands, accounts = 6, 40, 10
	for i := range accounts {
		nodes[0].must(t, open(number(i)))
	}
	nodes[1].catchUp(t)
	var all answers
	var clients sync.WaitGroup
	for caller := range callers {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(caller)))
			for c := range commands {
				payInTwice(t, nodes, r, key(fmt.Sprint(caller, "-", c), "x"), number(r.IntN(accounts)), &all)
			}
		})
	}
	done := make(chan struct{})
	go func() { // ends with the clients
		clients.Wait()
		close(done)
	}()
	var exchanges sync.WaitGroup
	for i, n := range nodes {
		exchanges.Go(func() { exchange(t, n, i, done) })
	}
	exchanges.Wait()
	sum := int64(0)
	for i := range accounts {
		if a, err := nodes[0].Account(number(i)); err != nil {
			t.Error(err)
		} else {
			sum += a.Balance
		}
	}
	if sum != callers*commands {
		t.Errorf("%d were paid in, by %d commands", sum, callers*commands)
	}
	all.check(t, allEvents(t, log))
	for i := 0; i < len(nodes); {
		if nodes[i].CatchUp(t.Context()) == nil { // unless a read was broken
			i++
		}
	}
	checkReplay(t, nodes[0])
	checkReplay(t, nodes[1])
}
