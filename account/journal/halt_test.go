package journal_test

import (
	"errors"
	"strings"
	"testing"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

func TestEventsOfOtherServicesArePassedOver(t *testing.T) {
	log := newLog(t)
	foreign(t, log, 3, func(i int, ev *eventstore.Event) { ev.Type = "customer.renamed" })
	n := start(t, log)
	if s := n.Status(); s.Applied != 3 || s.Foreign != 3 || s.Subjects != 3 || s.Accounts != 0 {
		t.Errorf("after events of others: %+v", s)
	}
	if out := n.must(t, open("12345678")); out.Position != 4 {
		t.Errorf("opened at %d", out.Position)
	}
	before, err := n.Account("12345678")
	if err != nil {
		t.Fatal(err)
	}
	// Even one that looks like an account's is not, without the type.
	last := foreign(t, log, 2, func(i int, ev *eventstore.Event) { ev.Type, ev.Subject = "audit.seen", "accounts/12345678" })
	n.catchUp(t)
	if a, err := n.Account("12345678"); err != nil || a != before || n.Applied() != last {
		t.Errorf("after %d: %+v, %v", last, a, err)
	}
	if out := n.must(t, patch("12345678", "405060")); out.Position != last+1 {
		t.Errorf("updated at %d behind %d", out.Position, last)
	}
	events, more, err := n.History(t.Context(), "12345678", 0, false, 10)
	if err != nil || more {
		t.Fatal(more, err)
	}
	wantEqual(t, "the history", seqsOf(events), []eventstore.Position{4, last + 1})
}

// stoppers are events that a node can't go on without, and can't understand.
var stoppers = map[string]func(ev *eventstore.Event){
	"an unknown type of accounts": func(ev *eventstore.Event) { ev.Type = "account.frozen" },
	"an unknown type of funds":    func(ev *eventstore.Event) { ev.Type = "funds.gambled" },
	"a newer version of the data": func(ev *eventstore.Event) { ev.Meta = eventstore.MetaOf(map[string]string{"dataVersion": "2"}) },
	"an unknown member":           func(ev *eventstore.Event) { ev.Data = `{"accountNumber":"12345678","why":"?"}` },
	"no JSON":                     func(ev *eventstore.Event) { ev.Data = "no JSON" },
	"another subject":             func(ev *eventstore.Event) { ev.Subject = "accounts/000001" },
	"an account never opened": func(ev *eventstore.Event) {
		ev.Subject, ev.Data = "accounts/000001", `{"accountNumber":"000001"}`
	},
}

func TestAnEventThatIsNotUnderstoodStopsTheNode(t *testing.T) {
	for name, change := range stoppers {
		t.Run(name, func(t *testing.T) {
			log := newLog(t)
			halted := make(chan error, 10)
			observer := eventstore.Observer{Halted: func(_ string, err error) { halted <- err }}
			n := launch(t, log, journal.Config{Observer: observer})
			n.must(t, open("12345678"))
			before := n.Status()
			stop := foreign(t, log, 2, func(i int, ev *eventstore.Event) {
				if i == 0 {
					ev.Type, ev.Subject, ev.Data = journal.TypeClosed, "accounts/12345678", closedData
					change(ev)
				}
			})
			// Whether or not the node has heard of it: nothing is decided on what it
			// knows, and it never gets behind it.
			_, err := n.Execute(t.Context(), open("000002"), journal.Options{})
			wantKind(t, err, eventstore.KindClosed)
			wantKind(t, n.Wait(t.Context(), stop), eventstore.KindClosed)
			wantKind(t, n.CatchUp(t.Context()), eventstore.KindClosed)
			mustName(t, n.Ready(), "event 2 ")
			mustName(t, <-halted, "event 2 ")
			for _, dry := range []bool{false, true} {
				_, err = n.Execute(t.Context(), account.Close{Account: "12345678"}, journal.Options{DryRun: dry})
				wantKind(t, err, eventstore.KindClosed)
			}
			_, err = n.Execute(t.Context(), patch("000009", "405060"), journal.Options{}) // a refusal would be an answer too
			wantKind(t, err, eventstore.KindClosed)

			after := n.Status()
			if after.Applied != 1 || after.Digest != before.Digest || after.Problem == nil {
				t.Errorf("halted with %+v, was %+v", after, before)
			}
			if head := headOf(t, log); head != stop {
				t.Errorf("the log ends at %d, not %d", head, stop)
			}
			n.stop()
			mustNotStart(t, n)
		})
	}
}

// mustNotStart starts another node on a log that has a stopper.
func mustNotStart(t *testing.T, n *node) {
	t.Helper()
	again := launch(t, n.log, journal.Config{Progress: func(_, _ eventstore.Position, done bool) {
		if done {
			t.Error("caught up with what it does not understand")
		}
	}})
	wantKind(t, again.Wait(t.Context(), 2), eventstore.KindClosed)
	mustName(t, again.Ready(), "event 2 ")
	_, err := again.Execute(t.Context(), open("000002"), journal.Options{})
	wantKind(t, err, eventstore.KindClosed)
	if again.Serving() == nil {
		t.Error("it has caught up")
	}
}

func mustName(t *testing.T, err error, what string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), what) {
		t.Errorf("%q does not name %q", err, what)
	}
	if errors.Is(err, journal.ErrStarting) {
		t.Errorf("%q is no reason for patience", err)
	}
}
