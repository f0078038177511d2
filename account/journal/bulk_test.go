package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// deposits are n requests of one penny each, with keys of their own.
func deposits(to account.Number, n int) []journal.Request {
	all := make([]journal.Request, n)
	for i := range all {
		all[i] = journal.Request{Command: deposit(to, 1), Key: key(fmt.Sprint("deposit ", i), "x")}
	}
	return all
}

// small is a node on a store that fails on demand, with appends of up to three events.
func small(t *testing.T) (node, *eventstoretest.Faulty) {
	log := newLog(t)
	faulty := eventstoretest.NewFaulty(log.Open())
	s, err := journal.Start(t.Context(), faulty, journal.Config{Writer: eventstore.WriterConfig{BatchEvents: 3}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	n := node{Service: s, log: log}
	n.must(t, open("000001"))
	return n, faulty
}

// check wants so many accepted, then so many errors of a kind, and the rest not tried.
func checkResults(t *testing.T, results []journal.Result, accepted, failed int, kind eventstore.Kind) {
	t.Helper()
	for i, r := range results {
		switch {
		case i < accepted && (r.Err != nil || int(r.Outcome.Position) != i+2):
			t.Errorf("%d: %+v", i, r)
		case i < accepted:
		case i < accepted+failed:
			if wantKind(t, r.Err, kind); errors.Is(r.Err, journal.ErrNotTried) {
				t.Errorf("%d: %v", i, r.Err)
			}
		default:
			if wantKind(t, r.Err, eventstore.KindUnavailable); !errors.Is(r.Err, journal.ErrNotTried) {
				t.Errorf("%d: %v", i, r.Err)
			}
		}
	}
}

func TestBehindAnAppendThatFailsNothingIsTried(t *testing.T) {
	n, faulty := small(t)
	appends := 0
	faulty.OnAppend(func(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next eventstoretest.AppendFunc) error {
		if appends++; appends == 3 {
			return eventstoretest.FailAppend(ctx, head, batch, next)
		}
		return next(ctx, head, batch)
	})
	requests := deposits("000001", 12)
	checkResults(t, n.ExecuteEach(t.Context(), requests, journal.Options{}), 6, 3, eventstore.KindUnavailable)
	if appends != 3 || headOf(t, n.log) != 7 {
		t.Errorf("%d appends, %d events", appends, headOf(t, n.log))
	}
	checkResults(t, n.ExecuteEach(t.Context(), requests, journal.Options{}), 12, 0, 0)
	if a, _ := n.Account("000001"); a.Balance != 12 || headOf(t, n.log) != 13 {
		t.Errorf("%+v, %d events", a, headOf(t, n.log))
	}
}

func TestABulkOfUnknownOutcomeIsRightWhenItIsRepeated(t *testing.T) {
	n, faulty := small(t)
	gate := eventstoretest.NewGate()
	defer gate.Open()
	faulty.OnAppend(gate.Answer)
	ctx, leave := context.WithCancel(t.Context())
	requests := deposits("000001", 8)
	gone := make(chan []journal.Result)
	go func() { gone <- n.ExecuteEach(ctx, requests, journal.Options{}) }() // ends with the receive below
	<-gate.Arrived()
	leave()
	checkResults(t, <-gone, 0, 3, eventstore.KindUnknown)
	gate.Open()
	faulty.OnAppend(nil)
	results := n.ExecuteEach(t.Context(), requests, journal.Options{})
	checkResults(t, results, 8, 0, 0)
	for i, r := range results {
		if r.Outcome.Replayed != (i < 3) {
			t.Errorf("%d: %+v", i, r.Outcome)
		}
	}
	if a, _ := n.Account("000001"); a.Balance != 8 {
		t.Errorf("%+v", a)
	}
}

func TestAnAtomicBulkOfUnknownOutcomeIsRightWhenItIsRepeated(t *testing.T) {
	for name, hook := range map[string]func(*eventstoretest.Gate) eventstoretest.AppendHook{
		"it had been stored":  func(g *eventstoretest.Gate) eventstoretest.AppendHook { return g.Answer },
		"it was stored later": func(g *eventstoretest.Gate) eventstoretest.AppendHook { return g.Append },
	} {
		t.Run(name, func(t *testing.T) {
			n, faulty := small(t)
			gate := eventstoretest.NewGate()
			defer gate.Open()
			faulty.OnAppend(hook(gate))
			ctx, leave := context.WithCancel(t.Context())
			commands := []account.Command{deposit("000001", 1), open("000002"), transfer("000001", "000002", 1)}
			o := journal.Options{Key: key("k", "x")}
			gone := make(chan error)
			go func() { // ends with the receive below
				_, err := n.ExecuteAll(ctx, commands, o)
				gone <- err
			}()
			<-gate.Arrived()
			leave()
			wantKind(t, <-gone, eventstore.KindUnknown)
			faulty.OnAppend(nil)
			gate.Open()
			outs, err := n.ExecuteAll(t.Context(), commands, o)
			if err != nil || len(outs) != 3 || outs[2].Position != 4 {
				t.Fatalf("%+v, %v", outs, err)
			}
			if a, _ := n.Account("000002"); a.Balance != 1 || headOf(t, n.log) != 4 {
				t.Errorf("%+v, %d events", a, headOf(t, n.log))
			}
		})
	}
}

// What is decided behind a bulk in the same append sees all of it, or nothing if it was
// refused.
func TestABulkLeavesItsTracesOnTheDraftOrNone(t *testing.T) {
	log := newLog(t)
	faulty, gate := eventstoretest.NewFaulty(log.Open()), eventstoretest.NewGate()
	n := node{Service: startOn(t, faulty), log: log}
	n.must(t, open("000001"))
	faulty.OnAppend(gate.Append)
	var group sync.WaitGroup
	group.Go(func() { n.must(t, open("000009")) })
	<-gate.Arrived()
	queued := 0
	queue := func(f func()) {
		group.Go(f)
		for queued++; n.Status().Queue != queued; {
			runtime.Gosched()
		}
	}
	all := func(k string, commands ...account.Command) ([]journal.Outcome, error) {
		return n.ExecuteAll(context.Background(), commands, journal.Options{Key: key(k, "x")})
	}
	queue(func() {
		if _, err := all("a", open("000002"), deposit("000002", 10)); err != nil {
			t.Error(err)
		}
	})
	queue(func() {
		_, err := all("b", open("000003"), deposit("000003", 10), transfer("000002", "000003", 11))
		if codeOf(err) != account.CodeInsufficientFunds {
			t.Error(err)
		}
	})
	queue(func() {
		if outs, err := all("a", open("000002"), deposit("000002", 10)); err != nil || !outs[0].Replayed || len(outs) != 2 {
			t.Errorf("%+v, %v", outs, err)
		}
	})
	queue(func() {
		results := n.ExecuteEach(context.Background(), []journal.Request{
			{Command: deposit("000003", 1)}, {Command: transfer("000002", "000001", 7), Key: key("b", "y")},
			{Command: open("000004"), Key: key("a", "x")},
		}, journal.Options{})
		if codeOf(results[0].Err) != account.CodeAccountNotFound || results[1].Err != nil || results[2].Err != nil || !results[2].Outcome.Replayed {
			t.Errorf("%+v", results)
		}
	})
	gate.Open()
	group.Wait()
	if a, err := n.Account("000002"); err != nil || a.Balance != 3 || headOf(t, log) != 5 {
		t.Errorf("%+v, %v, %d events", a, err, headOf(t, log))
	}
	checkReplay(t, &n)
}

// Every bulk is sent to both nodes several times at once; the money goes round.
func TestConcurrentBulksWithOneKeyAreCarriedOutOnce(t *testing.T) {
	log := newLog(t)
	nodes := []*node{start(t, log), start(t, log)}
	const accounts, bulks, times = 5, 60, 4
	for i := range accounts {
		nodes[0].must(t, open(number(i)))
		nodes[0].must(t, deposit(number(i), 100))
	}
	var mu sync.Mutex // guards told
	told := make(map[int][][]journal.Outcome)
	var group sync.WaitGroup
	for b := range bulks {
		r := rand.New(rand.NewPCG(uint64(b), 0))
		from := r.IntN(accounts)
		var commands []account.Command
		for i := range 3 {
			commands = append(commands, transfer(number((from+i)%accounts), number((from+i+1)%accounts), 1+int64(r.IntN(3))))
		}
		for i := range times {
			group.Go(func() {
				outs, err := nodes[i%2].ExecuteAll(t.Context(), commands, journal.Options{Key: key(fmt.Sprint(b), "x")})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				told[b] = append(told[b], outs)
			})
		}
	}
	group.Wait()
	for b, answers := range told {
		for _, outs := range answers {
			if len(outs) != 3 {
				t.Fatalf("bulk %d: %d outcomes", b, len(outs))
			}
			for i, out := range outs {
				if out.Event.ID != answers[0][i].Event.ID || i > 0 && out.Position != outs[i-1].Position+1 {
					t.Errorf("bulk %d: %+v and %+v", b, out, answers[0][i])
				}
			}
		}
	}
	if head := headOf(t, log); head != 2*accounts+3*bulks {
		t.Errorf("%d events", head)
	}
	checkConserved(t, log, accounts*100)
	sameState(t, nodes...)
}

// checkConserved wants the accounts to hold the given sum, behind every transfer of the
// log and at its end. That none is overdrawn is what an event is refused for.
func checkConserved(t *testing.T, log *memory.Log, want int64) {
	t.Helper()
	state := account.NewState()
	total := func() (sum int64) {
		for _, a := range state.List("", 1000, account.Filter{}) {
			sum += a.Balance
		}
		return sum
	}
	for _, ev := range allEvents(t, log) {
		decoded, err := journal.Decode(ev)
		if err == nil {
			err = state.Apply(decoded, account.Stamp{Seq: int64(ev.Seq), Time: ev.Time, Key: keyIn(ev)})
		}
		if err != nil {
			t.Fatal(err)
		}
		if ev.Type == journal.TypeTransferred && total() != want {
			t.Fatalf("after event %d the accounts hold %d", ev.Seq, total())
		}
	}
	if total() != want {
		t.Errorf("the accounts hold %d", total())
	}
}
