package account_test

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"openpayment/account"
)

// freeze freezes a state to which nobody applies anything meanwhile.
func freeze(s *account.State) *account.Frozen {
	f, err := s.Freeze(context.Background(), func(mark func()) { mark() })
	if err != nil {
		panic(err) // nothing ends the wait
	}
	return f
}

// applyAny applies an event of whatever kind if it is possible, else passes.
func applyAny(t *rapid.T, s *account.State) {
	stamp := at(s.Position() + 1)
	if rapid.IntRange(0, 9).Draw(t, "foreign?") == 0 || s.Apply(events.Draw(t, "event"), stamp) != nil {
		if err := s.Pass(foreignSubjects.Draw(t, "subject"), stamp); err != nil {
			t.Fatal(err)
		}
	}
}

// contents are all records, shared with nobody.
func contents(f *account.Frozen) []account.Record {
	var all []account.Record
	for r := range f.All() {
		all = append(all, account.Record{Account: copyOf(r.Account), Deltas: slices.Clone(r.Deltas)})
	}
	return all
}

func TestAFrozenStateStaysAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := account.NewState()
		for range rapid.IntRange(0, 30).Draw(t, "before") {
			applyAny(t, s)
		}
		position, digest := s.Digest()
		still := freeze(s)
		before := contents(still)
		for range rapid.IntRange(0, 30).Draw(t, "meanwhile") {
			applyAny(t, s)
		}
		if after := contents(still); !reflect.DeepEqual(before, after) {
			t.Fatalf("was %+v, is %+v", before, after)
		}
		if still.Position() != position || still.Digest() != digest || still.Sum() != digest {
			t.Fatalf("at %d with %s and %s, was at %d with %s", still.Position(), still.Digest(), still.Sum(), position, digest)
		}
		still.Thaw()

		again := freeze(s)
		defer again.Thaw()
		for r := range again.All() {
			if s.Account(r.Account.Number) != r.Account {
				t.Fatalf("frozen anew, account %s is %+v", r.Account.Number, r.Account)
			}
		}
		if _, digest := s.Digest(); again.Sum() != digest {
			t.Fatal("the digest kept up to date is not that of the accounts")
		}
	})
}

func TestAStateIsFrozenOnceAtATime(t *testing.T) {
	s := stateOf(t, opened("000001"))
	first := freeze(s)
	second := make(chan *account.Frozen)
	go func() { second <- freeze(s) }() // ends with the receive below
	mustApply(t, s, opened("000002"), at(2))
	if n := len(contents(first)); n != 1 {
		t.Errorf("%d accounts", n)
	}
	first.Thaw()
	f := <-second
	defer f.Thaw()
	if n := len(contents(f)); n != 2 {
		t.Errorf("%d accounts", n)
	}
}

func TestAFrozenStateIsReadWhileEventsAreApplied(t *testing.T) {
	s := account.NewState()
	const accounts = 3000
	for i := range accounts {
		mustApply(t, s, opened(number(2*i)), at(s.Position()+1))
	}
	f := freeze(s)
	defer f.Thaw()
	var reading sync.WaitGroup
	for range 4 {
		reading.Go(func() {
			n := 0
			for r := range f.All() {
				if n++; r.Account.SortCode != "10-20-30" || r.Account.Version > accounts {
					t.Errorf("%+v", r.Account)
				}
			}
			if n != accounts {
				t.Errorf("%d accounts", n)
			}
		})
	}
	for i := range accounts {
		mustApply(t, s, opened(number(2*i+1)), at(s.Position()+1))
		mustApply(t, s, account.Updated{Number: number(2 * i), SortCode: "40-50-60", CustomerURLs: []string{}, CardURLs: []string{}}, at(s.Position()+1))
	}
	reading.Wait()
}
