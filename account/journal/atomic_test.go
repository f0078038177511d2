package journal_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// opening is a command that opens accounts from the given number on, as proposals.
func opening(t tb, from, n int) []eventstore.Proposal {
	t.Helper()
	meta := eventstore.MetaOf(map[string]string{"requestId": "r"})
	proposals := make([]eventstore.Proposal, n)
	for i := range proposals {
		var err error
		opened := account.Opened{Number: number(from + i), SortCode: "10-20-30", CustomerURLs: []string{}, CardURLs: []string{}, Currency: "GBP"}
		proposals[i], err = journal.Encode(opened, meta)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
	}
	if proposals = journal.Atomic(proposals); len(meta) != 1 {
		t.Fatalf("the caller's meta is %v now", meta)
	}
	return proposals
}

// propose appends proposals as a service elsewhere would, changed at will.
func propose(t tb, log *memory.Log, proposals []eventstore.Proposal, changes ...func(i int, ev *eventstore.Event)) eventstore.Position {
	t.Helper()
	return foreign(t, log, len(proposals), func(i int, ev *eventstore.Event) {
		ev.Type, ev.Subject, ev.Meta, ev.Data = proposals[i].Type, proposals[i].Subject, proposals[i].Meta, proposals[i].Data
		for _, change := range changes {
			change(i, ev)
		}
	})
}

func TestEventsOfOneCommandAreMarkedAsSuch(t *testing.T) {
	for i, p := range opening(t, 0, 3) {
		if p.Meta.Get("atomic") != fmt.Sprintf("%d/3", i+1) || p.Meta.Get("requestId") != "r" {
			t.Errorf("meta %d: %v", i, p.Meta)
		}
	}
	if lone := opening(t, 0, 1); lone[0].Meta.Get("atomic") != "" {
		t.Errorf("a lone event is marked: %v", lone[0].Meta)
	}
}

// received is a configuration, and a channel that tells of each event that has
// reached the reducer.
func received() (journal.Config, <-chan eventstore.Position) {
	acked := make(chan eventstore.Position, 100)
	return journal.Config{Observer: eventstore.Observer{
		Acknowledged: func(_ string, ev eventstore.Event) { acked <- ev.Seq },
	}}, acked
}

// await takes positions until it has taken pos.
func await(acked <-chan eventstore.Position, pos eventstore.Position) {
	for seq := range acked {
		if seq == pos {
			return
		}
	}
}

func TestHalfOfACommandIsSeenByNobody(t *testing.T) {
	log := newLog(t)
	cfg, acked := received()
	cfg.Snapshots.Store = log.Open()
	n := startWith(t, log, cfg)
	n.must(t, open(number(100)))
	command := opening(t, 0, 3)
	half := propose(t, log, command[:2])
	await(acked, half)
	if n.Applied() != 1 {
		t.Errorf("%d is applied", n.Applied())
	}
	n.InDraft(func(d *account.Draft, at eventstore.Tail) {
		if at.Head.Position != 1 || d.Account(number(0)) != nil {
			t.Errorf("a draft stands at %d and knows %v", at.Head.Position, d.Account(number(0)))
		}
	})
	if m := n.snapshot(t); m.At.Head.Position != 1 {
		t.Errorf("a snapshot was taken at %d", m.At.Head.Position)
	}
	if r := n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart, Swap: true}); !r.Match() || r.ComparedAt != 1 || !r.Swapped {
		t.Errorf("%+v", r)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := n.Wait(short, 2); err == nil {
		t.Error("waiting for event 2 succeeded, but it is not applied")
	}

	waited := make(chan error)
	go func() { waited <- n.Wait(t.Context(), 2) }()
	whole := propose(t, log, command[2:])
	if err := <-waited; err != nil || n.Applied() < 2 {
		t.Errorf("waited for event 2: %v; applied is %d", err, n.Applied())
	}
	n.catchUp(t)
	if out := n.must(t, patch(number(1), "405060")); n.Applied() != whole+1 || out.Position != whole+1 {
		t.Errorf("updated at %d, applied %d", out.Position, n.Applied())
	}
	if r := n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromSnapshot}); !r.Match() {
		t.Errorf("%+v", r)
	}
}

// A log that was imported up to the middle of a command, say.
func TestALogThatEndsInTheMiddleOfACommandIsWaitedFor(t *testing.T) {
	log := newLog(t)
	command := opening(t, 0, 3)
	propose(t, log, command[:2])
	cfg, acked := received()
	caughtUp := untilCaughtUp(&cfg)
	n := launch(t, log, cfg)
	await(acked, 2)
	if err := n.Ready(); err == nil || n.Serving() == nil || n.Applied() != 0 {
		t.Errorf("ready (%v) with %d applied", err, n.Applied())
	}
	propose(t, log, command[2:])
	<-caughtUp
	if n.Applied() != 3 {
		t.Errorf("%d is applied", n.Applied())
	}
	n.must(t, open(number(3)))
}

func TestALogThatStaysInTheMiddleOfACommandMakesTheNodeNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		n := start(t, log)
		n.must(t, open(number(100)))
		command := opening(t, 0, 3)
		propose(t, log, command[:2])
		<-time.After(time.Second)
		if err := n.Ready(); err != nil {
			t.Errorf("a moment after half of a command: %v", err)
		}
		<-time.After(10 * time.Second)
		wantKind(t, n.Ready(), eventstore.KindMissing)
		_, err := n.Execute(t.Context(), open(number(200)), journal.Options{})
		wantKind(t, err, eventstore.KindMissing)
		if _, err := n.Account(number(100)); err != nil || n.Serving() != nil {
			t.Errorf("reads do not go on: %v, %v", err, n.Serving())
		}
		propose(t, log, command[2:])
		n.must(t, open(number(200)))
		if err := n.Ready(); err != nil {
			t.Error(err)
		}
		n.stop()
	})
}

// broken are commands that no service has stored: what each event's meta says.
var broken = map[string][]string{
	"begins in the middle":        {"2/3", "3/3"},
	"ends before its end":         {"1/3", "2/3", ""},
	"skips one":                   {"1/3", "3/3"},
	"repeats one":                 {"1/3", "1/3"},
	"changes its size":            {"1/3", "2/4"},
	"is cut by another":           {"1/2", "1/2", "2/2"},
	"is cut by another service's": {"1/2", "foreign", "2/2"},
	"is too large":                {"1/1001"},
	"is empty":                    {"0/2"},
	"is of one":                   {"1/1"},
	"is past its end":             {"3/2"},
	"is spelt otherwise":          {"01/2", "2/2"},
	"is no number":                {"all"},
}

func TestACommandThatIsNotWholeStopsTheNode(t *testing.T) {
	for name, marks := range broken {
		t.Run(name, func(t *testing.T) {
			log := newLog(t)
			n := start(t, log)
			n.must(t, open(number(100)))
			last := propose(t, log, opening(t, 0, len(marks)), func(i int, ev *eventstore.Event) {
				ev.Meta = eventstore.MetaOf(map[string]string{"atomic": marks[i]})
				switch marks[i] {
				case "":
					ev.Meta = eventstore.MetaOf(map[string]string{})
				case "foreign":
					ev.Type = "customer.renamed"
				}
			})
			wantKind(t, n.Wait(t.Context(), last), eventstore.KindClosed)
			_, err := n.Execute(t.Context(), open(number(200)), journal.Options{})
			wantKind(t, err, eventstore.KindClosed)
			if n.Applied() != 1 {
				t.Errorf("%d is applied", n.Applied())
			}
		})
	}
}

func TestACommandOfWhichOneEventCannotBeAppliedChangesNothing(t *testing.T) {
	log := newLog(t)
	n := start(t, log)
	n.must(t, open(number(2)))
	before := n.Status()
	last := propose(t, log, opening(t, 1, 3)) // the second one is open already
	err := n.Wait(t.Context(), last)
	wantKind(t, err, eventstore.KindClosed)
	if !strings.Contains(err.Error(), "event 3") {
		t.Errorf("%v does not name event 3", err)
	}
	wantKind(t, n.Wait(t.Context(), 2), eventstore.KindClosed) // received, but never to be applied
	if s := n.Status(); s.Applied != 1 || s.Digest != before.Digest || s.Accounts != 1 {
		t.Errorf("%+v, was %+v", s, before)
	}
}

func TestTheMetaOfOtherServicesIsTheirs(t *testing.T) {
	log := newLog(t)
	n := start(t, log)
	foreign(t, log, 3, func(_ int, ev *eventstore.Event) { ev.Meta = eventstore.MetaOf(map[string]string{"atomic": "9/9"}) })
	n.catchUp(t)
	if out := n.must(t, open(number(1))); out.Position != 4 {
		t.Errorf("opened at %d", out.Position)
	}
}

// Commands of several events come in from elsewhere, in pieces, while this node
// decides, takes snapshots, and replays.
func TestNoDraftSnapshotOrSwapStandsInTheMiddleOfACommand(t *testing.T) {
	log := newLog(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	n := startWith(t, log, withSnapshots(log, &notes{}))
	inside := make(map[eventstore.Position]bool) // positions in the middle of a command
	var mu sync.Mutex                            // guards inside
	written := make(chan struct{})
	go func() { // ends by itself
		defer close(written)
		r := rand.New(rand.NewPCG(seed, 1))
		for from := 0; from < 1500; {
			size := 2 + r.IntN(20)
			command := opening(t, from, size)
			from += size
			head := headOf(t, log)
			mu.Lock()
			for i := range size - 1 {
				inside[head+eventstore.Position(i)+1] = true
			}
			mu.Unlock()
			for len(command) > 0 {
				some := 1 + r.IntN(len(command))
				propose(t, log, command[:some])
				command = command[some:]
			}
		}
	}()
	whole := func(what string, at eventstore.Position) {
		mu.Lock()
		defer mu.Unlock()
		if inside[at] {
			t.Errorf("%s stands at %d, in the middle of a command", what, at)
		}
	}
	for round, writing := 0, true; writing; round++ {
		select {
		case <-written:
			writing = false
		default:
		}
		n.InDraft(func(_ *account.Draft, at eventstore.Tail) { whole("a draft", at.Head.Position) })
		whole("a snapshot", n.snapshot(t).At.Head.Position)
		from := []journal.ReplayFrom{journal.ReplayFromStart, journal.ReplayFromSnapshot}[round%2]
		replay := n.replayed(t, journal.ReplayOptions{From: from, Swap: true})
		if !replay.Match() || !replay.Swapped || len(replay.SnapshotFaults) > 0 {
			t.Fatalf("%+v", replay)
		}
		whole("a comparison", replay.ComparedAt)
	}
	n.catchUp(t)
	again := startWith(t, log, withSnapshots(log, &notes{}))
	if a, b := n.Status(), again.Status(); a.Applied != b.Applied || a.Digest != b.Digest {
		t.Errorf("%+v\nafter a restart: %+v", a, b)
	}
}

// The store fails in the middle of commands; what is read again is not counted twice.
func TestACommandThatIsReadInPiecesIsAppliedOnce(t *testing.T) {
	log := newLog(t)
	propose(t, log, opening(t, 0, 50))
	store := eventstoretest.NewFaulty(log.Open())
	n := node{Service: startOn(t, store), log: log}
	n.catchUp(t)
	store.OnRead(eventstoretest.BreakRead(30))
	replays := make(chan struct{})
	id := n.begun(t, journal.ReplayOptions{From: journal.ReplayFromStart})
	go func() { // ends with the replay
		defer close(replays)
		n.AwaitReplay(id)
	}()
	select {
	case <-replays:
		t.Error("the replay has ended, though it can't read")
	case <-time.After(250 * time.Millisecond): // it has tried at least twice
	}
	store.OnRead(nil)
	<-replays
	if r := ended(t, n.Service, id); r.State != journal.ReplayDone || !r.Match() {
		t.Errorf("%+v", r)
	}
}
