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
	"openpayment/eventstore/memory"
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

// startShaky starts a node that reads much from the store, where reads fail.
func startShaky(t *testing.T, log *memory.Log) *node {
	t.Helper()
	f := eventstoretest.NewFaulty(log.Open())
	cfg := withSnapshots(log, &notes{})
	cfg.Poller.WindowEvents = 64
	s, err := journal.Start(t.Context(), f, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	f.OnRead(breakNowAndThen)
	return &node{Service: s, log: log}
}

// payInTwice pays one into an account, by one command that is sent to any of the
// nodes, twice.
func payInTwice(t *testing.T, nodes []*node, k account.Key, a account.Number, all *answers) {
	t.Helper()
	for sent := 0; sent < 2; {
		n := nodes[rand.IntN(len(nodes))]
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

// exchangeUntil replays and swaps, and takes snapshots, until done and once more.
func exchangeUntil(t *testing.T, done <-chan struct{}, n *node) {
	t.Helper()
	for loaded, round := true, 0; loaded; round++ {
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
		if _, err := n.TakeSnapshot(t.Context()); err != nil {
			t.Errorf("take snapshot: %v", err)
		}
	}
}

// Two nodes take commands, each of which is sent twice, with reads that fail; all the
// while both take snapshots, and exchange their states.
func TestTwoNodesThatExchangeTheirStatesUnderLoadLoseAndDoubleNothing(t *testing.T) {
	log := newLog(t)
	nodes := []*node{startShaky(t, log), startShaky(t, log)}
	const callers, commands, accounts = 6, 40, 10
	for i := range accounts {
		nodes[0].must(t, open(number(i)))
	}
	var all answers
	var clients, exchanges sync.WaitGroup
	for caller := range callers {
		clients.Go(func() {
			for c := range commands {
				payInTwice(t, nodes, key(fmt.Sprint(caller, "-", c), "x"), number(rand.IntN(accounts)), &all)
			}
		})
	}
	done := make(chan struct{})
	go func() { // ends with the clients
		clients.Wait()
		close(done)
	}()
	for _, n := range nodes {
		exchanges.Go(func() { exchangeUntil(t, done, n) })
	}
	exchanges.Wait()
	sum := int64(0)
	for i := 0; i < len(nodes); {
		if nodes[i].CatchUp(t.Context()) == nil { // unless a read was broken
			checkReplay(t, nodes[i])
			i++
		}
	}
	for _, a := range nodes[1].List("", accounts, account.Filter{}) {
		sum += a.Balance
	}
	if sum != callers*commands {
		t.Errorf("%d were paid in, by %d commands", sum, callers*commands)
	}
	all.check(t, allEvents(t, log))
}
