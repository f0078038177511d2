package journal_test

import (
	"reflect"
	"testing"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

func deposit(n account.Number, amount int64) account.Deposit {
	return account.Deposit{Account: n, Amount: amount, Currency: "GBP"}
}

func transfer(from, to account.Number, amount int64) account.Transfer {
	return account.Transfer{From: from, To: to, Amount: amount, Currency: "GBP"}
}

func TestABalanceCanBeSeenAfterEachEvent(t *testing.T) {
	n := start(t, newLog(t))
	n.must(t, open("111111"))
	n.must(t, open("222222"))
	n.must(t, deposit("111111", 100))
	out := n.must(t, transfer("111111", "222222", 30))
	n.must(t, account.Withdraw(deposit("222222", 10)))
	if a := out.Account; a.Number != "111111" || a.Balance != 70 || a.Version != 4 {
		t.Errorf("the answer to the transfer was %+v", a)
	}
	if !reflect.DeepEqual(out.Event, allEvents(t, n.log)[3]) {
		t.Errorf("the answer to the transfer was %+v", out.Event)
	}
	for number, balances := range map[account.Number][]int64{"111111": {0, 0, 100, 70, 70}, "222222": {-1, 0, 0, 30, 20}} {
		for i, want := range balances {
			at, err := n.AccountAt(t.Context(), number, journal.Moment{Position: eventstore.Position(i + 1)})
			if want < 0 {
				wantCode(t, err, account.CodeAccountNotFound)
			} else if err != nil || at.Balance != want {
				t.Errorf("account %s at %d is %+v, %v, want %d", number, i+1, at, err, want)
			}
		}
	}
	for number, want := range map[account.Number][]eventstore.Position{"111111": {1, 3, 4}, "222222": {2, 4, 5}} {
		events, _, err := n.History(t.Context(), number, 0, false, 10)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "the history of "+string(number), seqsOf(events), want)
	}
}

// Two nodes, and more asked of each than there is.
func TestAnOverdraftIsRefusedOnWhateverNodeItArrives(t *testing.T) {
	log := newLog(t)
	nodes := []*node{start(t, log), start(t, log)}
	nodes[0].must(t, open("111111"))
	nodes[0].must(t, open("222222"))
	nodes[0].must(t, deposit("111111", 30))
	const each = 40
	answers := make(chan error, 2*each)
	for i := range 2 * each {
		var c account.Command = transfer("111111", "222222", 1)
		if i%3 == 0 {
			c = account.Withdraw(deposit("111111", 1))
		}
		go func() {
			_, err := nodes[i%2].Execute(t.Context(), c, journal.Options{})
			answers <- err
		}()
	}
	accepted := 0
	for range 2 * each {
		if err := <-answers; err == nil {
			accepted++
		} else {
			wantCode(t, err, account.CodeInsufficientFunds)
		}
	}
	if head := headOf(t, log); accepted != 30 || head != 33 {
		t.Errorf("of 30 pounds, %d were spent, and the log ends at %d", accepted, head)
	}
	for _, n := range nodes {
		n.catchUp(t)
		if a, err := n.Account("111111"); err != nil || a.Balance != 0 {
			t.Errorf("the account is %+v, %v", a, err)
		}
	}
	sameState(t, nodes...)
}

func TestATransferIsAboutBothAccounts(t *testing.T) {
	ev := func(typ, subject, data string) eventstore.Event {
		return eventstore.Event{Seq: 1, Type: typ, Subject: subject, Data: data}
	}
	transferred := ev("funds.transferred", "accounts/12345678", transferredData)
	for _, c := range []struct {
		ev      eventstore.Event
		subject string
		want    bool
	}{
		{transferred, "accounts/12345678", true}, {transferred, "accounts/000001", true},
		{transferred, "accounts/000002", false}, {transferred, "000001", false}, {transferred, "accounts/", false}, {transferred, "", false},
		{ev("funds.transferred", "accounts/12345678", "{}"), "accounts/12345678", true},
		{ev("funds.transferred", "accounts/12345678", "{}"), "accounts/000001", false},
		{ev("funds.transferred", "accounts/12345678", "{}"), "accounts/", false},
		{ev("note.made", "notes/1", transferredData), "notes/1", true},
		{ev("note.made", "notes/1", transferredData), "accounts/000001", false},
	} {
		if got := journal.About(c.ev, c.subject); got != c.want {
			t.Errorf("%s of %s is about %q: %t", c.ev.Type, c.ev.Data, c.subject, got)
		}
	}
}
