package account_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"openpayment/account"
)

func TestWhatAStateHandsOutNeverChanges(t *testing.T) {
	s := stateOf(t, opened("000001"))
	a := s.Account("000001")
	then := copyOf(a)
	history := s.History("000001")
	listed := s.List("", 10, account.Filter{})
	for seq := int64(2); seq < 50; seq++ {
		mustApply(t, s, account.Updated{
			Number: "000001", SortCode: "11-22-33", CustomerURLs: []string{fmt.Sprint("http://", seq)}, CardURLs: []string{},
		}, at(seq))
	}
	mustApply(t, s, account.Closed{Number: "000001"}, at(50))
	if !reflect.DeepEqual(a, then) {
		t.Errorf("the account given out is %+v now, was %+v", a, then)
	}
	if !slices.Equal(history, []int64{1}) {
		t.Errorf("the history given out is %v now", history)
	}
	if len(listed) != 1 || listed[0] != a {
		t.Errorf("the list given out is %v now", listed)
	}

	// A history is the reader's own.
	clear(s.History("000001"))
	if h := s.History("000001"); len(h) != 50 || h[0] != 1 || h[49] != 50 {
		t.Errorf("a reader wrote into the history: %v", h)
	}
}

func TestTheCallersListsStayTheCallers(t *testing.T) {
	customers, cards := []string{"http://a", "http://b"}, []string{"http://c"}
	ev, err := account.Decide(show(), account.Open{Number: "000001", SortCode: "102030", CustomerURLs: customers, CardURLs: cards})
	if err != nil {
		t.Fatal(err)
	}
	s := stateOf(t, ev)
	update, err := account.Decide(s, account.Update{Account: "000001", CustomerURLs: &customers, CardURLs: &cards})
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, update, at(2))
	customers[0], cards[0] = "changed", "changed"
	_ = append(customers[:1], "changed")
	for _, got := range [][]string{ev.(account.Opened).CustomerURLs, s.Account("000001").CustomerURLs} {
		if !slices.Equal(got, []string{"http://a", "http://b"}) {
			t.Errorf("the caller wrote into %v", got)
		}
	}
	for _, got := range [][]string{ev.(account.Opened).CardURLs, s.Account("000001").CardURLs} {
		if !slices.Equal(got, []string{"http://c"}) {
			t.Errorf("the caller wrote into %v", got)
		}
	}
}

// Readers of every kind run beside the one goroutine that applies; the race
// detector watches, and whatever they see must be some moment's truth.
func TestReadersSeeWholeAccountsWhileEventsAreApplied(t *testing.T) {
	const total = 1200 // more than two leaves of the index
	s := account.NewState()
	done := make(chan struct{})
	var readers sync.WaitGroup
	for _, read := range []func(*testing.T, *account.State) bool{readAccounts, readHistories, readDigest, readLists} {
		for range 2 {
			readers.Go(func() {
				for ok := true; ok; {
					select {
					case <-done:
						return
					default:
						ok = read(t, s)
					}
				}
			})
		}
	}
	for i := range total {
		// Inserted from both ends, so that leaves split everywhere.
		n := number(i)
		if i%2 == 1 {
			n = number(10*total - i)
		}
		mustApply(t, s, account.Opened{Number: n, SortCode: "10-20-30", CustomerURLs: []string{"http://a"}, CardURLs: []string{"http://a"}, Currency: "GBP"}, at(int64(3*i+1)))
		mustApply(t, s, account.Updated{Number: n, SortCode: "11-22-33", CustomerURLs: []string{"http://b"}, CardURLs: []string{"http://b"}}, at(int64(3*i+2)))
		if i%3 == 0 {
			mustApply(t, s, account.Closed{Number: n}, at(int64(3*i+3)))
		} else if err := s.Pass("customers/1", at(int64(3*i+3))); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	readers.Wait()
	if got, want := len(s.List("", total, account.Filter{})), total-total/3; got != want || s.Open() != want {
		t.Errorf("%d accounts are listed, %d open, want %d", got, s.Open(), want)
	}
}

func readAccounts(t *testing.T, s *account.State) bool {
	position := s.Position()
	for i := range 50 {
		a := s.Account(number(2 * i))
		if a == nil {
			if position > int64(6*i+3) {
				t.Errorf("account %d is missing at %d", 2*i, position)
				return false
			}
			continue
		}
		if before := a.SortCode == "10-20-30"; before != (a.CustomerURLs[0] == "http://a") || before != (a.CardURLs[0] == "http://a") {
			t.Errorf("half an account: %+v", a)
			return false
		}
	}
	return true
}

func readHistories(t *testing.T, s *account.State) bool {
	if h := s.History(number(0)); len(h) > 3 || !slices.IsSorted(h) || len(h) > 0 && h[0] != 1 {
		t.Errorf("the history is %v", h)
		return false
	}
	return true
}

func readDigest(t *testing.T, s *account.State) bool {
	position, digest := s.Digest()
	if again, same := s.Digest(); again < position || again == position && same != digest {
		t.Errorf("at %d the digest is %s, then at %d %s", position, digest, again, same)
		return false
	}
	return true
}

func readLists(t *testing.T, s *account.State) bool {
	opened := s.Open() // of these only the newest may be closed meanwhile
	list := s.List("", 1<<30, account.Filter{})
	if !slices.IsSortedFunc(list, func(a, b *account.Account) int { return strings.Compare(string(a.Number), string(b.Number)) }) {
		t.Error("a list is not in order")
		return false
	}
	for _, a := range list {
		if a.Status != account.StatusOpen {
			t.Errorf("account %s is listed and closed", a.Number)
			return false
		}
	}
	if len(list) < opened-1 {
		t.Errorf("%d accounts were open, %d are listed", opened, len(list))
		return false
	}
	return true
}
