package journal_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

func TestAnAccountIsOpenedUpdatedAndClosed(t *testing.T) {
	n := start(t, newLog(t))
	meta := map[string]string{"requestId": "r-1"}
	out, err := n.Execute(t.Context(), open("12345678"), journal.Options{Meta: eventstore.MetaOf(meta)})
	if err != nil {
		t.Fatal(err)
	}
	opened := out.Account
	if out.Position != 1 || opened.Version != 1 || opened.Status != account.StatusOpen || opened.SortCode != "10-20-30" || opened.Currency != "GBP" {
		t.Errorf("opened at %d: %+v", out.Position, opened)
	}
	if got, err := n.Account("12345678"); err != nil || !reflect.DeepEqual(got, opened) {
		t.Errorf("the account is %+v, %v, the answer was %+v", got, err, opened)
	}

	out = n.must(t, patch("12345678", "405060"))
	if a := out.Account; out.Position != 2 || a.Version != 2 || a.SortCode != "40-50-60" || !a.OpenedAt.Equal(opened.OpenedAt) {
		t.Errorf("updated at %d: %+v", out.Position, a)
	}
	out = n.must(t, account.Close{Account: "12345678", Match: &account.Match{Version: 2}})
	if a := out.Account; out.Position != 3 || a.Version != 3 || a.Status != account.StatusClosed {
		t.Errorf("closed at %d: %+v", out.Position, a)
	}
	_, err = n.Account("12345678")
	wantCode(t, err, account.CodeAccountClosed)
	_, err = n.Account("87654321")
	wantCode(t, err, account.CodeAccountNotFound)

	log := allEvents(t, n.log)
	if len(log) != 3 || log[0].Meta.Get("requestId") != "r-1" || len(log[0].Meta) != 1 || len(log[1].Meta) != 0 {
		t.Errorf("the log is %+v", log)
	}
	if opened.Version != 1 || opened.SortCode != "10-20-30" {
		t.Errorf("the first answer is %+v now", opened)
	}
}

// An answer is of the command's own event, whatever follows in the same batch.
func TestAnAnswerIsOfTheCommandsOwnEvent(t *testing.T) {
	n := start(t, newLog(t))
	n.must(t, open("12345678"))
	const many = 50
	type answer struct {
		out journal.Outcome
		err error
	}
	answers := make(chan answer, many)
	for range many {
		go func() {
			out, err := n.Execute(t.Context(), account.Update{Account: "12345678"}, journal.Options{})
			answers <- answer{out, err}
		}()
	}
	seen := make(map[eventstore.Position]bool)
	for range many {
		a := <-answers
		if a.err != nil {
			t.Fatal(a.err)
		}
		out := a.out
		if eventstore.Position(out.Account.Version) != out.Position || seen[out.Position] {
			t.Errorf("answered at %d with version %d", out.Position, out.Account.Version)
		}
		seen[out.Position] = true
		ev, err := n.Event(t.Context(), out.Position)
		if err != nil || !ev.Time.Equal(out.Account.UpdatedAt) {
			t.Errorf("event %d is of %s (%v), the answer of %s", out.Position, ev.Time, err, out.Account.UpdatedAt)
		}
	}
}

func TestRefusalsStoreNothing(t *testing.T) {
	n := start(t, newLog(t))
	n.must(t, open("12345678"))
	n.must(t, open("000001"))
	n.must(t, account.Close{Account: "000001"})
	for _, c := range []struct {
		c    account.Command
		want account.Code
	}{
		{account.Open{}, account.CodeInvalid},
		{open("12345678"), account.CodeAccountExists},
		{open("000001"), account.CodeAccountExists},
		{patch("12345678", "x"), account.CodeInvalid},
		{patch("87654321", "405060"), account.CodeAccountNotFound},
		{patch("000001", "405060"), account.CodeAccountClosed},
		{account.Close{Account: "12345678", Match: &account.Match{Version: 3}}, account.CodeVersionMismatch},
		{account.Close{Account: "000001"}, account.CodeAccountClosed},
	} {
		for _, dry := range []bool{false, true} {
			out, err := n.Execute(t.Context(), c.c, journal.Options{DryRun: dry})
			wantCode(t, err, c.want)
			out.Course = eventstore.Course{} // which tells how it came to be refused
			if !reflect.ValueOf(out).IsZero() {
				t.Errorf("%+v is refused with %+v", c.c, out)
			}
		}
	}
	if head := headOf(t, n.log); head != 3 {
		t.Errorf("the log ends at %d", head)
	}
}

func TestADryRunAnswersAsIfAndStoresNothing(t *testing.T) {
	n := start(t, newLog(t))
	n.must(t, open("12345678"))
	before := n.Status()
	for _, c := range []account.Command{open("000001"), patch("12345678", "405060"), account.Close{Account: "12345678"}} {
		dry, err := n.Execute(t.Context(), c, journal.Options{DryRun: true})
		if err != nil || dry.Position != 2 || dry.Account.Version != 2 {
			t.Errorf("%+v: %+v (%+v), %v", c, dry, dry.Account, err)
		}
	}
	if after := n.Status(); after.Digest != before.Digest || after.Applied != 1 || headOf(t, n.log) != 1 {
		t.Errorf("dry runs left the log at %d, the state at %d", headOf(t, n.log), after.Applied)
	}
	dry, err := n.Execute(t.Context(), account.Close{Account: "12345678"}, journal.Options{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	out := n.must(t, account.Close{Account: "12345678"})
	if dry.Event.ID != uuid.Nil || dry.Event.Hash != (eventstore.Hash{}) || !reflect.DeepEqual(out.Event, allEvents(t, n.log)[1]) {
		t.Errorf("the dry run gave %+v, then it was %+v", dry.Event, out.Event)
	}
	dry.Event.ID, dry.Event.Hash = out.Event.ID, out.Event.Hash
	dry.Account.UpdatedAt, dry.Event.Time = out.Account.UpdatedAt, out.Event.Time // the clock may have gone on
	dry.Event.Meta = out.Event.Meta                                               // none, as nil or empty
	dry.Course = out.Course
	if !reflect.DeepEqual(dry, out) {
		t.Errorf("the dry run said %+v, then it was %+v", dry.Account, out.Account)
	}
}

// Dry runs share batches with commands that are stored; neither may show in the
// other's answer.
func TestDryRunsBesideCommandsLeaveNoTrace(t *testing.T) {
	n := start(t, newLog(t))
	n.must(t, open("12345678"))
	const many = 100
	done := make(chan error, 2*many)
	for range many {
		go func() {
			out, err := n.Execute(t.Context(), account.Close{Account: "12345678"}, journal.Options{DryRun: true})
			if err == nil && out.Account.Status != account.StatusClosed {
				err = errors.New("a dry close left the account open")
			}
			done <- err
		}()
		go func() {
			out, err := n.Execute(t.Context(), account.Update{Account: "12345678"}, journal.Options{})
			if err == nil && out.Account.Status != account.StatusOpen {
				err = errors.New("an update closed the account")
			}
			done <- err
		}()
	}
	for range 2 * many {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if head := headOf(t, n.log); head != 1+many {
		t.Errorf("the log ends at %d", head)
	}
}

func TestARestartFindsTheSameState(t *testing.T) {
	log := newLog(t)
	first := start(t, log)
	for i := range 30 {
		first.must(t, open(number(i)))
		if i%2 == 0 {
			first.must(t, patch(number(i), "405060"))
		}
		if i%3 == 0 {
			first.must(t, account.Close{Account: number(i)})
		}
	}
	before := first.Status()
	listed := numbersOf(first.List("", 100, account.Filter{}))
	first.stop()

	second := start(t, log)
	after := second.Status()
	if after.Digest != before.Digest || after.Applied != before.Applied || after.Accounts != before.Accounts || after.Head != before.Head {
		t.Errorf("before %+v, after %+v", before, after)
	}
	wantEqual(t, "the list", numbersOf(second.List("", 100, account.Filter{})), listed)
	if out := second.must(t, open("999999")); out.Position != before.Head+1 {
		t.Errorf("the next event got %d behind %d", out.Position, before.Head)
	}
}

func TestAnEmptyLogIsReadyAtOnce(t *testing.T) {
	n := start(t, newLog(t))
	if s := n.Status(); s.Head != 0 || s.Applied != 0 || s.Accounts != 0 || s.Problem != nil || s.Digest != (account.Digest{}) || s.Queue != 0 {
		t.Errorf("the status is %+v", s)
	}
	n.catchUp(t)
	if list := n.List("", 10, account.Filter{}); len(list) != 0 {
		t.Errorf("listed %v", list)
	}
	if events, err := n.Events(t.Context(), 0, 0, 10); len(events) != 0 || err != nil {
		t.Errorf("events %v, %v", events, err)
	}
	_, _, err := n.History(t.Context(), "12345678", 0, false, 10)
	wantCode(t, err, account.CodeAccountNotFound)
}

func TestAClosedServiceAcceptsNothing(t *testing.T) {
	n := start(t, newLog(t))
	n.must(t, open("12345678"))
	n.stop()
	if err := n.Close(t.Context()); err != nil {
		t.Errorf("the second close: %v", err)
	}
	_, err := n.Execute(t.Context(), open("000001"), journal.Options{})
	wantKind(t, err, eventstore.KindClosed)
	if head := headOf(t, n.log); head != 1 {
		t.Errorf("the log ends at %d", head)
	}
}

func TestACommandWhoseCallerHasGoneIsNotStored(t *testing.T) {
	n := start(t, newLog(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := n.Execute(ctx, open("12345678"), journal.Options{})
	wantKind(t, err, eventstore.KindUnavailable)
	n.must(t, open("000001"))
	if head := headOf(t, n.log); head != 1 {
		t.Errorf("the log ends at %d", head)
	}
}

func TestAServiceDoesNotStartOnAStoreThatCannotBeAsked(t *testing.T) {
	store := newLog(t).Open()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := journal.Start(t.Context(), store, journal.Config{})
	wantKind(t, err, eventstore.KindUnavailable)
}

func TestMetaThatCannotBeStoredRefusesItsCommandOnly(t *testing.T) {
	n := start(t, newLog(t))
	_, err := n.Execute(t.Context(), open("12345678"), journal.Options{Meta: eventstore.MetaOf(map[string]string{"actor": "\x00"})})
	wantKind(t, err, eventstore.KindInvalid)
	_, err = n.Execute(t.Context(), open("12345678"), journal.Options{Meta: eventstore.MetaOf(map[string]string{"dataVersion": "2"})})
	if err == nil || codeOf(err) != "" {
		t.Errorf("an event that no node would read: %v", err)
	}
	if out := n.must(t, open("12345678")); out.Position != 1 {
		t.Errorf("the first event stands at %d", out.Position)
	}
}
