package journal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// sameState brings all nodes to the head of the log and compares them.
func sameState(t tb, nodes ...*node) {
	t.Helper()
	head := headOf(t, nodes[0].log)
	for i, n := range nodes {
		n.catchUp(t)
		s := n.Status()
		if s.Applied != head || s.Digest != nodes[0].Status().Digest {
			t.Errorf("node %d is at %d with digest %s; the log ends at %d, node 0 has %s", i, s.Applied, s.Digest, head, nodes[0].Status().Digest)
		}
		checkReplay(t, n)
	}
}

func TestTwoNodesOnOneLogHaveOneState(t *testing.T) {
	log := newLog(t)
	nodes := []*node{start(t, log), start(t, log)}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const callers, commands = 8, 60
	var group sync.WaitGroup
	var accepted atomic.Int64
	for caller := range callers {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(caller)))
			for range commands {
				a := number(r.IntN(12))
				c := []account.Command{open(a), patch(a, "405060"), patch(a, "10-20-30"), account.Close{Account: a}}[r.IntN(4)]
				_, err := nodes[r.IntN(2)].Execute(t.Context(), c, journal.Options{})
				switch {
				case err == nil:
					accepted.Add(1)
				case codeOf(err) == "":
					t.Errorf("%+v: %v", c, err)
				}
			}
		})
	}
	group.Wait()
	if head := headOf(t, log); int64(head) != accepted.Load() {
		t.Errorf("%d commands were accepted, the log ends at %d", accepted.Load(), head)
	}
	sameState(t, nodes...)
}

func TestWhatOneNodeAcceptedTheOtherKnowsAfterWaiting(t *testing.T) {
	log := newLog(t)
	a, b := start(t, log), start(t, log)
	for i := range 20 {
		out := a.must(t, open(number(i)))
		if err := b.Wait(t.Context(), out.Position); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Account(number(i)); err != nil {
			t.Errorf("after waiting: %v", err)
		}
		a, b = b, a
		out = a.must(t, patch(number(i), "405060"))
		b.catchUp(t)
		if got, err := b.Account(number(i)); err != nil || got.Version != int64(out.Position) {
			t.Errorf("after catching up: %+v, %v", got, err)
		}
	}
}

// A refusal is an answer like any other: it must be true at the head, though this
// node has not heard of the event that makes it so.
func TestRefusalsAreTrueAtTheHead(t *testing.T) {
	log := newLog(t)
	a, b := start(t, log), start(t, log)
	for i := range 30 {
		n := number(i)
		_, err := b.Execute(t.Context(), patch(n, "405060"), journal.Options{})
		wantCode(t, err, account.CodeAccountNotFound)
		opened := a.must(t, open(n))
		_, err = b.Execute(t.Context(), open(n), journal.Options{})
		wantCode(t, err, account.CodeAccountExists)
		a.must(t, account.Update{Account: n})
		_, err = b.Execute(t.Context(), account.Close{Account: n, Match: &account.Match{Version: int64(opened.Position)}}, journal.Options{})
		wantCode(t, err, account.CodeVersionMismatch)
		a.must(t, account.Close{Account: n})
		_, err = b.Execute(t.Context(), patch(n, "405060"), journal.Options{DryRun: true})
		wantCode(t, err, account.CodeAccountClosed)
		a, b = b, a
	}
	sameState(t, a, b)
}

func TestOfRacingCommandsWithOneVersionExactlyOneWins(t *testing.T) {
	log := newLog(t)
	nodes := []*node{start(t, log), start(t, log)}
	const callers = 16
	for round := range 20 {
		n := number(round)
		match := &account.Match{Version: int64(nodes[round%2].must(t, open(n)).Position)}
		begin := make(chan struct{})
		answers := make(chan error, callers)
		for i := range callers {
			go func() {
				<-begin
				var c account.Command = account.Close{Account: n, Match: match}
				if i/2%2 == 0 {
					c = account.Update{Account: n, Match: match}
				}
				_, err := nodes[i%2].Execute(t.Context(), c, journal.Options{})
				answers <- err
			}()
		}
		close(begin)
		won := 0
		for range callers {
			switch err := <-answers; {
			case err == nil:
				won++
			case codeOf(err) != account.CodeVersionMismatch && codeOf(err) != account.CodeAccountClosed:
				t.Errorf("refused with %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d of %d commands on version %d won", won, callers, match.Version)
		}
	}
	sameState(t, nodes...)
}

// Every accepted command names the version it was meant for. If the commands are
// strictly serializable, these make one chain from the opening to the last
// version: no update is lost, none is applied twice.
func TestNoUpdateIsLost(t *testing.T) {
	log := newLog(t)
	nodes := []*node{start(t, log), start(t, log), start(t, log)}
	opened := nodes[0].must(t, open("12345678")).Position
	const callers, wins = 9, 12
	var mu sync.Mutex
	next := make(map[int64]int64) // version → the version that replaced it
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			n := nodes[caller%len(nodes)]
			for won := 0; won < wins; {
				n.catchUp(t)
				a, err := n.Account("12345678")
				if err != nil {
					t.Error(err)
					return
				}
				out, err := n.Execute(t.Context(), account.Update{
					Account: "12345678", Match: &account.Match{Version: a.Version},
					CustomerURLs: &[]string{fmt.Sprintf("http://caller/%d/%d", caller, won)},
				}, journal.Options{})
				if r, ok := errors.AsType[*account.Refusal](err); ok {
					if r.Expected != a.Version || r.Actual <= a.Version {
						t.Errorf("refused with %+v at version %d", r, a.Version)
						return
					}
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				won++
				mu.Lock()
				if other, twice := next[a.Version]; twice {
					t.Errorf("version %d was replaced by %d and by %d", a.Version, other, out.Position)
				}
				next[a.Version] = out.Account.Version
				mu.Unlock()
			}
		})
	}
	group.Wait()
	version, length := int64(opened), 0
	for next[version] != 0 {
		version, length = next[version], length+1
	}
	if length != callers*wins || eventstore.Position(version) != headOf(t, log) {
		t.Errorf("the chain of %d updates ends at %d after %d; the log ends at %d", callers*wins, version, length, headOf(t, log))
	}
	sameState(t, nodes...)
}

func TestNumbersPickedAtOnceAreDifferent(t *testing.T) {
	log := newLog(t)
	nodes := []*node{start(t, log), start(t, log)}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const callers = 200
	answers := make(chan account.Number, callers)
	for i := range callers {
		go func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			propose := func() account.Number { return number(r.IntN(2 * callers)) }
			out, err := nodes[i%2].Execute(t.Context(), account.Open{SortCode: "10-20-30", Propose: propose}, journal.Options{})
			if err != nil {
				t.Error(err)
				answers <- account.Number(fmt.Sprint("none for caller ", i))
				return
			}
			answers <- out.Account.Number
		}()
	}
	seen := make(map[account.Number]bool)
	for range callers {
		n := <-answers
		if seen[n] {
			t.Errorf("number %s was given twice", n)
		}
		seen[n] = true
	}
	sameState(t, nodes...)
}
