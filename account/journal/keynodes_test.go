package journal_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// answers gathers what many callers were told, by key.
type answers struct {
	mu   sync.Mutex // guards outs
	outs map[string][]journal.Outcome
}

func (a *answers) note(k account.Key, out journal.Outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.outs == nil {
		a.outs = make(map[string][]journal.Outcome)
	}
	a.outs[k.Text] = append(a.outs[k.Text], out)
}

// check wants one event for each key, and every answer to be that event's.
func (a *answers) check(t *testing.T, log []eventstore.Event) {
	t.Helper()
	events := make(map[string][]eventstore.Event)
	for _, ev := range log {
		if k := keyIn(ev); k.Given() {
			events[k.Text] = append(events[k.Text], ev)
		}
	}
	for k, outs := range a.outs {
		if len(events[k]) != 1 {
			t.Errorf("key %q led to %d events", k, len(events[k]))
			continue
		}
		originals := slices.DeleteFunc(slices.Clone(outs), func(out journal.Outcome) bool { return out.Replayed })
		if len(originals) > 1 {
			t.Errorf("key %q: %d answers say that they were the first", k, len(originals))
		}
		for _, out := range outs {
			if out.Event.ID != events[k][0].ID || out.Position != events[k][0].Seq {
				t.Errorf("key %q: answered with event %d, the log has it at %d", k, out.Position, events[k][0].Seq)
			}
		}
		for _, original := range originals {
			for _, out := range outs {
				if out.Replayed {
					sameAnswer(t, out, original)
				}
			}
		}
	}
	if len(events) != len(a.outs) {
		t.Errorf("%d keys were answered, the log has %d", len(a.outs), len(events))
	}
}

// Every command is sent several times, to any of the nodes, all at once.
func TestConcurrentDuplicatesLeadToOneEventAndEqualAnswers(t *testing.T) {
	for _, count := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(count, " nodes"), func(t *testing.T) {
			log := newLog(t)
			var nodes []*node
			for range count {
				nodes = append(nodes, start(t, log))
			}
			for i := range 4 {
				nodes[0].must(t, account.Open{Number: string(number(i)), SortCode: "10-20-30"})
				nodes[0].must(t, deposit(number(i), 1_000_000))
			}
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			const commands, times = 150, 4
			var all answers
			var group sync.WaitGroup
			deck := rand.New(rand.NewPCG(seed, 0)).Perm(commands * times)
			for caller := range 24 {
				group.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(caller+1)))
					for i := caller; i < len(deck); i += 24 {
						c := deck[i] / times
						k := key(fmt.Sprint(c), "x")
						command := []account.Command{
							transfer(number(c%4), number((c+1)%4), 1), deposit(number(c%4), 2), open(number(100 + c)),
							patch(number(c%4), "405060"), account.Withdraw(deposit(number(c%4), 3)),
						}[c%5]
						out, err := nodes[r.IntN(count)].Execute(t.Context(), command, journal.Options{Key: k})
						if err != nil {
							t.Errorf("%+v: %v", command, err)
							return
						}
						all.note(k, out)
					}
				})
			}
			group.Wait()
			all.check(t, allEvents(t, log))
			if head := headOf(t, log); head != 8+commands {
				t.Errorf("%d events", head)
			}
			sameState(t, nodes...)
		})
	}
}

// The second one finds the first on the draft only: neither is in the log when it is
// decided. It gets its answer when the first one's batch is stored.
func TestADuplicateInTheSameBatchWaitsForTheFirst(t *testing.T) {
	log := newLog(t)
	faulty, gate := eventstoretest.NewFaulty(log.Open()), eventstoretest.NewGate()
	n := node{Service: startOn(t, faulty), log: log}
	faulty.OnAppend(gate.Append)
	var group sync.WaitGroup
	group.Go(func() { n.must(t, open("000001")) })
	<-gate.Arrived()
	k := key("k", "x")
	var all answers
	refused := make(chan error, 6)
	for i := range 6 {
		group.Go(func() {
			request := "x"
			if i >= 4 {
				request = "y"
			}
			out, err := n.Execute(t.Context(), open("000002"), journal.Options{Key: key("k", request)})
			switch {
			case err != nil:
				refused <- err
			case request == "x":
				all.note(k, out)
			default:
				t.Errorf("another request got %+v", out)
			}
		})
		if i == 0 || i == 5 { // the first one is first; then all wait
			for n.Status().Queue != i+1 {
				runtime.Gosched()
			}
		}
	}
	gate.Open()
	group.Wait()
	all.check(t, allEvents(t, log))
	if len(all.outs["k"]) != 4 || headOf(t, log) != 2 {
		t.Errorf("%d answers, %d events", len(all.outs["k"]), headOf(t, log))
	}
	if len(refused) != 2 {
		t.Fatalf("%d were refused", len(refused))
	}
	for range 2 {
		wantCode(t, <-refused, account.CodeKeyReused)
	}
}

// inDoubt sends a command whose caller goes away while the append is under way, at
// a gate, and gives what opens it.
func inDoubt(t *testing.T, n node, store *eventstoretest.Faulty, hook func(*eventstoretest.Gate) eventstoretest.AppendHook, k account.Key, c account.Command) (settle func()) {
	t.Helper()
	gate := eventstoretest.NewGate()
	store.OnAppend(hook(gate))
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { // ends with the receive below
		_, err := n.Execute(ctx, c, journal.Options{Key: k})
		gone <- err
	}()
	<-gate.Arrived()
	leave()
	wantKind(t, <-gone, eventstore.KindUnknown)
	store.OnAppend(nil)
	return gate.Open
}

func TestACommandOfUnknownOutcomeIsRightWhenItIsRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		hook   func(*eventstoretest.Gate) eventstoretest.AppendHook
		stored bool
	}{
		"it had been stored": {func(g *eventstoretest.Gate) eventstoretest.AppendHook { return g.Answer }, true},
		"it had been stored, and the answer got lost": {func(g *eventstoretest.Gate) eventstoretest.AppendHook {
			return func(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next eventstoretest.AppendFunc) error {
				_ = g.Answer(ctx, head, batch, next) // which gets lost
				return eventstoretest.DropAppend(ctx, head, batch, next)
			}
		}, true},
		"it was stored later": {func(g *eventstoretest.Gate) eventstoretest.AppendHook { return g.Append }, true},
		"it had not been stored": {func(g *eventstoretest.Gate) eventstoretest.AppendHook {
			return func(ctx context.Context, head eventstore.Head, batch []eventstore.Event, _ eventstoretest.AppendFunc) error {
				return g.Append(ctx, head, batch, func(ctx context.Context, head eventstore.Head, batch []eventstore.Event) error {
					return eventstoretest.FailAppend(ctx, head, batch, nil)
				})
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			log := newLog(t)
			faulty := eventstoretest.NewFaulty(log.Open())
			n, k := node{Service: startOn(t, faulty), log: log}, key("k", "x")
			n.must(t, open("000001"))
			settle := inDoubt(t, n, faulty, c.hook, k, deposit("000001", 5))
			var all answers
			var group sync.WaitGroup
			for range 3 {
				group.Go(func() { all.note(k, n.ask(t, k, deposit("000001", 5))) })
			}
			other := start(t, log)
			settle()
			group.Wait()
			all.note(k, other.ask(t, k, deposit("000001", 5)))
			all.check(t, allEvents(t, log))
			if originals := slices.DeleteFunc(all.outs["k"], func(out journal.Outcome) bool { return out.Replayed }); (len(originals) == 0) != c.stored {
				t.Errorf("%d of those who repeated it were the first", len(originals))
			}
			if a, err := n.Account("000001"); err != nil || a.Balance != 5 {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// While one node does not know what became of its command, another one that is asked
// for the same carries it out, or finds it carried out, but never both.
func TestACommandInDoubtOnOneNodeIsRepeatedOnAnother(t *testing.T) {
	log := newLog(t)
	faulty := eventstoretest.NewFaulty(log.Open())
	a, b := node{Service: startOn(t, faulty), log: log}, start(t, log)
	k := key("k", "x")
	a.must(t, open("000001"))
	settle := inDoubt(t, a, faulty, func(g *eventstoretest.Gate) eventstoretest.AppendHook { return g.Append }, k, deposit("000001", 5))
	first := b.ask(t, k, deposit("000001", 5)) // a's append has not come through yet
	if first.Replayed {
		t.Errorf("%+v", first)
	}
	settle() // it comes now, and is too late
	a.repeats(t, k, deposit("000001", 5), first)
	if head := headOf(t, log); head != 2 {
		t.Errorf("%d events", head)
	}
}

// Two nodes on stores that fail in every way; the callers try again, here or there,
// until they are answered.
func TestWhateverFailsEveryKeyLeadsToOneEvent(t *testing.T) {
	log := newLog(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var nodes []node
	var stores []*eventstoretest.Faulty
	for i := range 2 {
		f := eventstoretest.NewFaulty(log.Open())
		nodes, stores = append(nodes, node{Service: startOn(t, f), log: log}), append(stores, f)
		f.OnAppend(eventstoretest.RandomAppends(seed+uint64(i), 0.3))
	}
	const callers, commands = 8, 40
	var all answers
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(caller)))
			for c := range commands {
				k := key(fmt.Sprint(caller, "-", c), "x")
				for {
					out, err := nodes[r.IntN(2)].Execute(t.Context(), open(number(1000*caller+c)), journal.Options{Key: k})
					if err == nil {
						all.note(k, out)
						break
					}
					if kind := eventstore.KindOf(err); kind != eventstore.KindUnavailable && kind != eventstore.KindUnknown {
						t.Errorf("%v", err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	for _, f := range stores {
		f.OnAppend(nil)
	}
	all.check(t, allEvents(t, log))
	if head := headOf(t, log); head != callers*commands {
		t.Errorf("%d events of %d commands", head, callers*commands)
	}
}
