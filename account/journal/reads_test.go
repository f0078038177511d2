package journal_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

func number(i int) account.Number { return account.Number(fmt.Sprintf("%06d", i)) }

// wander executes commands, most of them sensible, on a few accounts. Between
// them the clock goes on, or does not; now and then another service writes.
func wander(t *testing.T, n *node, commands int) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range commands {
		a := number(r.IntN(6))
		var c account.Command
		switch r.IntN(8) {
		case 0:
			c = account.Close{Account: a}
		case 1, 2:
			c = open(a)
		default:
			c = patch(a, fmt.Sprintf("%06d", r.IntN(1_000_000)))
		}
		if _, err := n.Execute(t.Context(), c, journal.Options{}); err != nil && codeOf(err) == "" {
			t.Fatal(err)
		}
		if r.IntN(5) == 0 {
			foreign(t, n.log, 1+r.IntN(3), func(int, *eventstore.Event) {})
		}
		if r.IntN(2) == 0 {
			<-time.After(time.Duration(r.IntN(5)) * time.Second / 2)
		}
	}
	n.catchUp(t)
}

func TestAnAccountIsGivenAsItWasAtAnyMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, newLog(t))
		wander(t, n, 150)
		log := allEvents(t, n.log)
		for p := range len(log) + 1 {
			then := replay(t, log[:p])
			moments := []journal.Moment{{Position: eventstore.Position(p)}}
			// A time means after the last event that is not later.
			if p > 0 && (p == len(log) || log[p].Time.After(log[p-1].Time)) {
				moments = append(moments, journal.Moment{Time: log[p-1].Time}, journal.Moment{Time: log[p-1].Time.In(time.FixedZone("", 3600))})
			}
			if p < len(log) && (p == 0 || log[p].Time.After(log[p-1].Time)) {
				moments = append(moments, journal.Moment{Time: log[p].Time.Add(-1)})
			}
			if p == len(log) {
				moments = append(moments, journal.Moment{Position: 1 << 60}, journal.Moment{Time: log[p-1].Time.AddDate(100, 0, 0)})
			}
			for _, m := range moments {
				for i := range 7 {
					got, err := n.AccountAt(t.Context(), number(i), m)
					want := then.Account(number(i))
					if want == nil {
						wantCode(t, err, account.CodeAccountNotFound)
					}
					if !reflect.DeepEqual(got, want) {
						t.Fatalf("at %+v (%d events) account %s is %+v, %v, want %+v", m, p, number(i), got, err, want)
					}
				}
			}
		}
	})
}

func TestAHistoryIsGivenInPagesFromEitherEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, newLog(t))
		wander(t, n, 150)
		byAccount := make(map[account.Number][]eventstore.Event)
		for _, ev := range allEvents(t, n.log) {
			decoded, err := journal.Decode(ev)
			if err != nil {
				t.Fatal(err)
			}
			if decoded != nil {
				a := decoded.Accounts()[0]
				byAccount[a] = append(byAccount[a], ev)
			}
		}
		for a, want := range byAccount {
			backwards := slices.Clone(want)
			slices.Reverse(backwards)
			for _, limit := range []int{1, 2, 7, len(want), 1000} {
				for from := eventstore.Position(0); from <= n.Applied()+1; from++ {
					behind := slices.DeleteFunc(slices.Clone(want), func(ev eventstore.Event) bool { return ev.Seq <= from })
					checkHistory(t, n, a, from, false, limit, behind)
					before := slices.DeleteFunc(slices.Clone(backwards), func(ev eventstore.Event) bool { return from > 0 && ev.Seq >= from })
					checkHistory(t, n, a, from, true, limit, before)
				}
			}
		}
	})
}

func checkHistory(t *testing.T, n *node, a account.Number, from eventstore.Position, descending bool, limit int, all []eventstore.Event) {
	t.Helper()
	got, more, err := n.History(t.Context(), a, from, descending, limit)
	want := all[:min(limit, len(all))]
	if err != nil || more != (len(all) > limit) || !slices.EqualFunc(got, want, func(a, b eventstore.Event) bool { return reflect.DeepEqual(a, b) }) {
		t.Fatalf("%d of %s from %d (descending %t): %v, more %t, %v; want %v of %d",
			limit, a, from, descending, seqsOf(got), more, err, seqsOf(want), len(all))
	}
}

// A history longer than what is read at once.
func TestALongHistoryIsReadInChunks(t *testing.T) {
	n := start(t, newLog(t))
	n.must(t, open("12345678"))
	const updates = 600
	done := make(chan error, updates)
	for range updates {
		go func() {
			_, err := n.Execute(t.Context(), account.Update{Account: "12345678"}, journal.Options{})
			done <- err
		}()
	}
	for range updates {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []eventstore.Position{1, 2, 255, 256, 257, 511, 512, 513, 600, 601, 1000} {
		a, err := n.AccountAt(t.Context(), "12345678", journal.Moment{Position: p})
		if err != nil || a.Version != int64(min(p, updates+1)) {
			t.Errorf("at %d: %+v, %v", p, a, err)
		}
	}
}

func TestTheLogIsGivenInPages(t *testing.T) {
	n := start(t, newLog(t))
	for i := range 10 {
		n.must(t, open(number(i)))
	}
	for _, c := range []struct {
		after, applied eventstore.Position
		limit          int
		want           []eventstore.Position
	}{
		{0, 10, 3, []eventstore.Position{1, 2, 3}},
		{7, 10, 100, []eventstore.Position{8, 9, 10}},
		{7, 8, 100, []eventstore.Position{8}},
		{10, 10, 100, nil},
		{99, 10, 100, nil},
	} {
		got, err := n.Events(t.Context(), c.after, c.applied, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, fmt.Sprintf("%+v", c), seqsOf(got), c.want)
	}
	if ev, err := n.Event(t.Context(), 4); err != nil || ev.Seq != 4 || ev.Subject != account.Subject(number(3)) {
		t.Errorf("event 4: %+v, %v", ev, err)
	}
}

func TestOpenAccountsAreListedByNumber(t *testing.T) {
	n := start(t, newLog(t))
	for _, i := range []int{5, 3, 8, 1, 9, 2} {
		n.must(t, account.Open{Number: string(number(i)), SortCode: fmt.Sprintf("00000%d", i%2), CustomerURLs: []string{fmt.Sprintf("http://c%d", i%3)}})
	}
	n.must(t, account.Close{Account: number(3)})
	all := account.Filter{}
	wantEqual(t, "all", numbersOf(n.List("", 10, all)), []account.Number{"000001", "000002", "000005", "000008", "000009"})
	wantEqual(t, "a page", numbersOf(n.List("000001", 2, all)), []account.Number{"000002", "000005"})
	wantEqual(t, "behind the last", numbersOf(n.List("000009", 2, all)), []account.Number{})
	wantEqual(t, "of a sort code", numbersOf(n.List("", 10, account.Filter{SortCode: "000001"})), []account.Number{"000001", "000005", "000009"})
	wantEqual(t, "of a customer", numbersOf(n.List("", 10, account.Filter{Customer: "http://c2"})), []account.Number{"000002", "000005", "000008"})
}
