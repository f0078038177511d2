package journal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// renamed are events about the given subjects.
func renamed(subjects ...string) journal.Foreign {
	var f journal.Foreign
	for i, subject := range subjects {
		f.Events = append(f.Events, eventstore.Proposal{Type: "customer.renamed", Subject: subject, Data: fmt.Sprintf(`{"n":%d}`, i)})
	}
	return f
}

// on is f on condition that the last event about a subject is the one at version.
func on(f journal.Foreign, subject string, version int64) journal.Foreign {
	f.Precondition = &account.Precondition{Subject: subject, Version: version}
	return f
}

// append appends what is accepted.
func (n *node) append(t tb, f journal.Foreign, o journal.Options) []journal.Outcome {
	t.Helper()
	outs, err := n.Append(context.Background(), f, o)
	if err != nil {
		t.Fatalf("append %+v: %v", f, err)
	}
	return outs
}

// wantMismatch wants a refusal that names both versions.
func wantMismatch(t tb, err error, subject string, expected, actual int64) {
	t.Helper()
	r, _ := errors.AsType[*account.Refusal](err)
	if r == nil || r.Code != account.CodeVersionMismatch || r.Subject != subject || r.Expected != expected || r.Actual != actual {
		t.Fatalf("%+v (%v), want a mismatch of %s: %d, not %d", r, err, subject, actual, expected)
	}
}

func TestEventsOfOtherServicesStandInTheSameOrderAsTheAccounts(t *testing.T) {
	log := newLog(t)
	n := start(t, log)
	n.must(t, open("000001"))
	meta := map[string]string{"requestId": "r", "a": "option"}
	f := renamed("customers/1", "accounts/000001", "customers/1")
	f.Events[2].Meta = eventstore.MetaOf(map[string]string{"a": "own", "b": "x"})
	outs := n.append(t, f, journal.Options{Meta: eventstore.MetaOf(meta)})
	if out := n.must(t, deposit("000001", 1)); out.Position != 5 {
		t.Errorf("deposited at %d", out.Position)
	}
	all := allEvents(t, log)
	metas := []map[string]string{
		{"requestId": "r", "a": "option", "atomic": "1/3"}, {"requestId": "r", "a": "option", "atomic": "2/3"}, {"requestId": "r", "a": "own", "b": "x", "atomic": "3/3"},
	}
	for i, out := range outs {
		if ev := all[i+1]; !reflect.DeepEqual(out.Event, ev) || out.Position != ev.Seq || ev.Type != "customer.renamed" ||
			ev.Subject != f.Events[i].Subject || ev.Data != f.Events[i].Data || !maps.Equal(ev.Meta.Map(), metas[i]) || out.Account != nil || out.Replayed {
			t.Errorf("%d: %+v, in the log %+v", i, out, ev)
		}
	}
	if len(meta) != 2 || len(f.Events[2].Meta) != 2 || f.Events[0].Meta != nil {
		t.Errorf("the caller's meta is %v and %v now", meta, f.Events[2].Meta)
	}
	if alone := n.append(t, renamed("customers/2"), journal.Options{}); len(alone) != 1 || len(alone[0].Event.Meta) != 0 {
		t.Errorf("%+v", alone)
	}
	if s := n.Status(); s.Foreign != 4 || s.Subjects != 3 {
		t.Errorf("%+v", s)
	}
}

func TestAPreconditionHoldsOrNothingIsAppended(t *testing.T) {
	log := newLog(t)
	a, b := start(t, log), start(t, log)
	a.append(t, on(renamed("customers/1", "customers/2"), "customers/1", 0), journal.Options{})
	for _, dryRun := range []bool{true, false} { // b has not heard of it
		_, err := b.Append(t.Context(), on(renamed("customers/1"), "customers/1", 0), journal.Options{DryRun: dryRun})
		wantMismatch(t, err, "customers/1", 0, 1)
		_, err = b.Append(t.Context(), on(renamed("customers/1"), "customers/3", 1), journal.Options{DryRun: dryRun})
		wantMismatch(t, err, "customers/3", 1, 0)
		outs, err := b.Append(t.Context(), on(renamed("customers/1", "customers/3"), "customers/1", 1), journal.Options{DryRun: dryRun})
		if err != nil || len(outs) != 2 || outs[0].Position != 3 || outs[1].Event.Seq != 4 || outs[1].Event.Meta.Get("atomic") != "2/2" {
			t.Errorf("%+v, %v", outs, err)
		}
	}
	wantEqual(t, "the log", seqsOf(allEvents(t, log)), []eventstore.Position{1, 2, 3, 4})

	// An account's version counts for what is about it: a transfer for both.
	a.must(t, open("000001"))
	a.must(t, open("000002"))
	a.must(t, deposit("000001", 5))
	a.must(t, transfer("000001", "000002", 5))
	for _, subject := range []string{"accounts/000001", "accounts/000002"} {
		_, err := b.Append(t.Context(), on(renamed("customers/1"), subject, 6), journal.Options{})
		wantMismatch(t, err, subject, 6, 8)
	}
	b.append(t, on(renamed("accounts/000002"), "accounts/000002", 8), journal.Options{})
	_, err := a.Append(t.Context(), on(renamed("customers/1"), "accounts/000002", 8), journal.Options{})
	wantMismatch(t, err, "accounts/000002", 8, 9)
	if x, err := a.Account("000002"); err != nil || x.Version != 8 {
		t.Errorf("another service's event has moved the account itself: %+v, %v", x, err)
	}
	sameState(t, a, b)
}

// Whoever comes first, on whatever node, keeps the others' precondition from holding.
func TestOfRacingAppendsWithOnePreconditionExactlyOneWins(t *testing.T) {
	log := newLog(t)
	nodes := []*node{start(t, log), start(t, log), start(t, log)}
	const callers, rounds = 12, 25
	version := int64(0)
	for round := range rounds {
		begin, answers := make(chan struct{}), make(chan error, callers)
		var won []journal.Outcome
		var mu sync.Mutex // guards won
		for i := range callers {
			go func() { // ends with the receive below
				<-begin
				outs, err := nodes[i%len(nodes)].Append(t.Context(), on(renamed("customers/1", fmt.Sprint("customers/", i)), "customers/1", version), journal.Options{})
				mu.Lock()
				won = append(won, outs...)
				mu.Unlock()
				answers <- err
			}()
		}
		close(begin)
		var mismatches []error
		for range callers {
			if err := <-answers; err != nil {
				mismatches = append(mismatches, err)
			}
		}
		if len(won) != 2 || len(mismatches) != callers-1 {
			t.Fatalf("round %d: %d events, %d of %d were refused", round, len(won), len(mismatches), callers)
		}
		last := int64(won[0].Position)
		if won[1].Event.Subject == "customers/1" {
			last = int64(won[1].Position)
		}
		for _, err := range mismatches {
			wantMismatch(t, err, "customers/1", version, last)
		}
		version = last
	}
	if head := headOf(t, log); head != 2*rounds {
		t.Errorf("%d events", head)
	}
	sameState(t, nodes...)
}

func TestWhatAnAppendBringsAlongInOneBatchIsSeenByTheNext(t *testing.T) {
	log := newLog(t)
	faulty, gate := eventstoretest.NewFaulty(log.Open()), eventstoretest.NewGate()
	n := node{Service: startOn(t, faulty), log: log}
	faulty.OnAppend(gate.Append)
	var group sync.WaitGroup
	group.Go(func() { n.must(t, open("000001")) })
	<-gate.Arrived()  // now all others are decided in one batch
	var mu sync.Mutex // guards both
	won, firsts := 0, 0
	for range 8 {
		group.Go(func() {
			_, err := n.Append(context.Background(), on(renamed("customers/1"), "customers/1", 0), journal.Options{})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if codeOf(err) != account.CodeVersionMismatch {
				t.Error(err)
			}
		})
		group.Go(func() {
			outs := n.append(t, renamed("customers/2", "customers/3"), journal.Options{Key: key("k", "x")})
			if mu.Lock(); !outs[0].Replayed {
				firsts++
			}
			mu.Unlock()
		})
	}
	for n.Status().Queue < 16 {
		runtime.Gosched()
	}
	gate.Open()
	group.Wait()
	if won != 1 || firsts != 1 || headOf(t, log) != 4 {
		t.Errorf("%d won, %d were the first, %d events", won, firsts, headOf(t, log))
	}
}

func TestAnAppendWithAKeyIsDoneOnce(t *testing.T) {
	for _, size := range []int{1, 5} {
		t.Run(fmt.Sprint(size, " events"), func(t *testing.T) {
			log := newLog(t)
			nodes := []*node{start(t, log), start(t, log)}
			f := on(renamed(slices.Repeat([]string{"customers/1"}, size)...), "customers/1", 0) // which a repetition must not be asked again
			o := journal.Options{Key: key("k", "x"), Meta: eventstore.MetaOf(map[string]string{"requestId": "r"})}
			const callers = 8
			answers := make(chan []journal.Outcome, callers)
			for i := range callers {
				go func() { // ends with the receive below
					outs, err := nodes[i%2].Append(t.Context(), f, o)
					if err != nil {
						t.Error(err)
					}
					answers <- outs
				}()
			}
			firsts := 0
			var told [][]journal.Outcome
			for range callers {
				outs := <-answers
				told = append(told, outs)
			}
			events := allEvents(t, log)
			for _, outs := range append(told, start(t, log).append(t, f, o)) {
				if len(outs) != size || len(events) != size {
					t.Fatalf("%d outcomes, %d events", len(outs), len(events))
				}
				if !outs[0].Replayed {
					firsts++
				}
				for i, out := range outs {
					if !reflect.DeepEqual(out.Event, events[i]) || out.Position != events[i].Seq {
						t.Errorf("%+v, in the log %+v", out, events[i])
					}
				}
			}
			if firsts > 1 {
				t.Errorf("%d were told that they were the first", firsts)
			}
			for _, n := range nodes {
				_, err := n.Append(t.Context(), f, journal.Options{Key: key("k", "y")})
				wantCode(t, err, account.CodeKeyReused)
				_, err = n.Execute(t.Context(), open("000001"), journal.Options{Key: key("k", "y")})
				wantCode(t, err, account.CodeKeyReused)
			}
			sameState(t, nodes...)
		})
	}
}

func TestAnAppendOfUnknownOutcomeIsRightWhenItIsRepeated(t *testing.T) {
	n, faulty := small(t)
	gate := eventstoretest.NewGate()
	defer gate.Open()
	faulty.OnAppend(gate.Answer)
	ctx, leave := context.WithCancel(t.Context())
	f, o := on(renamed("customers/1", "customers/2"), "customers/2", 0), journal.Options{Key: key("k", "x")}
	gone := make(chan error)
	go func() { // ends with the receive below
		_, err := n.Append(ctx, f, o)
		gone <- err
	}()
	<-gate.Arrived()
	leave()
	wantKind(t, <-gone, eventstore.KindUnknown)
	faulty.OnAppend(nil)
	gate.Open()
	if outs := n.append(t, f, o); len(outs) != 2 || !outs[1].Replayed || headOf(t, n.log) != 3 {
		t.Errorf("%+v, %d events", outs, headOf(t, n.log))
	}
}

func TestWhatCannotBeAnotherServicesEventIsNotAppended(t *testing.T) {
	n, _ := small(t) // appends of up to three events
	but := func(change func(*eventstore.Proposal)) journal.Foreign {
		f := renamed("customers/1", "customers/2")
		change(&f.Events[1])
		return f
	}
	for name, f := range map[string]journal.Foreign{
		"no events":      {},
		"too many":       renamed("1", "2", "3", "4"),
		"an account's":   but(func(p *eventstore.Proposal) { p.Type = "account.opened" }),
		"money":          but(func(p *eventstore.Proposal) { p.Type = "funds.minted" }),
		"no subject":     but(func(p *eventstore.Proposal) { p.Subject = "" }),
		"too much data":  but(func(p *eventstore.Proposal) { p.Data = strings.Repeat(" ", eventstore.MaxDataBytes+1) }),
		"a key":          but(func(p *eventstore.Proposal) { p.Meta = eventstore.MetaOf(map[string]string{"idempotencyKey": "k"}) }),
		"a place":        but(func(p *eventstore.Proposal) { p.Meta = eventstore.MetaOf(map[string]string{"atomic": "1/2"}) }),
		"a data version": but(func(p *eventstore.Proposal) { p.Meta = eventstore.MetaOf(map[string]string{"dataVersion": "2"}) }),
		"a large meta": but(func(p *eventstore.Proposal) {
			p.Meta = eventstore.MetaOf(map[string]string{"a": strings.Repeat("x", eventstore.MaxMetaBytes)})
		}),
		"a NUL in a name": but(func(p *eventstore.Proposal) { p.Subject = "a\x00b" }),
	} {
		_, err := n.Append(t.Context(), f, journal.Options{Key: key(name, "x")})
		if wantKind(t, err, eventstore.KindInvalid); errors.Is(err, journal.ErrBulkTooLarge) != (name == "too many") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if headOf(t, n.log) != 1 || n.Status().Keys != 0 {
		t.Errorf("%d events", headOf(t, n.log))
	}
}

// Versions and keys outlive the process, with and without a snapshot, and a replay.
func TestTheVersionsOfSubjectsOutliveRestartsAndReplays(t *testing.T) {
	log := newLog(t)
	n := startWith(t, log, withSnapshots(log, &notes{}))
	versions := make(map[string]int64)
	put := func(subject string) {
		version := versions[subject]
		outs := n.append(t, on(renamed(subject), subject, version), journal.Options{Key: key(fmt.Sprint(subject, version), "x")})
		versions[subject] = int64(outs[0].Position)
	}
	for i := range 30 {
		if put(fmt.Sprint("customers/", i%7)); i == 15 {
			n.must(t, open("000001"))
			n.snapshot(t)
		}
	}
	check := func(n *node) {
		t.Helper()
		for subject, version := range versions {
			_, err := n.Append(t.Context(), on(renamed(subject), subject, version+1), journal.Options{})
			wantMismatch(t, err, subject, version+1, version)
		}
		if outs := n.append(t, renamed("customers/0"), journal.Options{Key: key("customers/00", "x")}); !outs[0].Replayed || outs[0].Position != 1 {
			t.Errorf("%+v", outs)
		}
		if s := n.Status(); s.Subjects != len(versions) || s.Foreign != 30 || s.Applied != 31 {
			t.Errorf("%+v", s)
		}
	}
	check(n)
	for _, from := range []journal.ReplayFrom{journal.ReplayFromStart, journal.ReplayFromSnapshot} {
		if r := n.replayed(t, journal.ReplayOptions{From: from, Swap: true}); !r.Match() || !r.Swapped {
			t.Errorf("%+v", r)
		}
		check(n)
	}
	n.stop()
	var told notes
	n = startWith(t, log, withSnapshots(log, &told))
	if told.from != 17 {
		t.Errorf("started from %d", told.from)
	}
	check(n)
	n.stop()
	check(start(t, log)) // from the log alone
}

func TestAReplayNamesTheSubjectsThatDiffer(t *testing.T) {
	n := start(t, newLog(t))
	n.append(t, renamed("customers/1", "customers/2", "customers/3"), journal.Options{})
	n.BreakSubjects(func(all []account.SubjectVersion) []account.SubjectVersion {
		all = slices.DeleteFunc(all, func(v account.SubjectVersion) bool { return v.Subject == "customers/1" })
		for i := range all {
			all[i].Version -= map[string]int64{"customers/3": 1}[all[i].Subject]
		}
		return append(all, account.SubjectVersion{Subject: "customers/4", Version: 1})
	})
	r := n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart, Swap: true})
	got := make(map[string][2]int64)
	for _, d := range r.SubjectDifferences {
		got[d.Subject] = [2]int64{d.Left, d.Right}
	}
	want := map[string][2]int64{"customers/1": {0, 1}, "customers/3": {2, 3}, "customers/4": {1, 0}}
	if r.Match() || r.DifferingSubjects != 3 || r.Differing != 0 || !maps.Equal(got, want) || r.Digest == r.LiveDigest || !r.Swapped {
		t.Errorf("%v, want %v; %+v", got, want, r)
	}
	if r = n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart}); !r.Match() {
		t.Errorf("after the swap: %+v", r)
	}
}
