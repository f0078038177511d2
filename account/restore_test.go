package account_test

import (
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"openpayment/account"
)

// restore makes a state of parts, added at once.
func restore(t testing.TB, position, passed int64, about []account.SubjectVersion, parts ...[]account.Record) (*account.State, error) {
	t.Helper()
	r := account.NewRestorer(position, 10)
	r.Pass(passed)
	for some := range slices.Chunk(about, 2) {
		if err := r.AddSubjects(some); err != nil {
			return nil, err
		}
	}
	failed := make(chan error, len(parts))
	var adding sync.WaitGroup
	for i, part := range parts {
		adding.Go(func() { failed <- r.Add(i, part) })
	}
	adding.Wait()
	for range parts {
		if err := <-failed; err != nil {
			return nil, err
		}
	}
	return r.Finish()
}

func TestAStateIsRestoredAsItWasFrozen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := account.NewState()
		for range rapid.IntRange(0, 60).Draw(rt, "events") {
			applyAny(rt, s)
		}
		f := freeze(s)
		all, about := contents(f), slices.Collect(f.Subjects())
		f.Thaw()
		restored, err := restore(t, f.Position(), f.Passed(), about, slices.Collect(slices.Chunk(all, rapid.IntRange(1, 4).Draw(rt, "part")))...)
		if err != nil {
			rt.Fatal(err)
		}
		f = freeze(restored)
		if again := contents(f); !reflect.DeepEqual(all, again) {
			rt.Fatalf("%+v became %+v", all, again)
		}
		if again := slices.Collect(f.Subjects()); !slices.Equal(about, again) {
			rt.Fatalf("%+v became %+v", about, again)
		}
		f.Thaw()
		same(rt, s, restored)
		// Both go on in the same way.
		for range rapid.IntRange(0, 20).Draw(rt, "more") {
			ev, stamp := events.Draw(rt, "event"), at(s.Position()+1)
			if a, b := s.Apply(ev, stamp), restored.Apply(ev, stamp); (a == nil) != (b == nil) {
				rt.Fatalf("%v, %v", a, b)
			}
		}
		same(rt, s, restored)
	})
}

func same(t *rapid.T, a, b *account.State) {
	t.Helper()
	at, digest := a.Digest()
	bt, again := b.Digest()
	if at != bt || digest != again || a.Open() != b.Open() || a.Passed() != b.Passed() || a.ForeignSubjects() != b.ForeignSubjects() {
		t.Fatalf("%d %s %d %d; %d %s %d %d", at, digest, a.Open(), a.Passed(), bt, again, b.Open(), b.Passed())
	}
	if !slices.Equal(a.AllNumbers(), b.AllNumbers()) {
		t.Fatalf("%v, %v", a.AllNumbers(), b.AllNumbers())
	}
	for _, n := range a.AllNumbers() {
		if !slices.Equal(a.History(n), b.History(n)) {
			t.Fatalf("%s: %v, %v", n, a.History(n), b.History(n))
		}
	}
}

func TestWhatNoStateCanHaveIsNotRestored(t *testing.T) {
	good := func(n account.Number) account.Record {
		a := known()
		a.Number, a.Version = n, 17
		return account.Record{Account: &a, Deltas: []byte{3, 14}}
	}
	if _, err := restore(t, 17, 0, nil, []account.Record{good("000001"), good("000002")}, []account.Record{good("000003")}); err != nil {
		t.Fatal(err)
	}
	but := func(change func(*account.Record)) account.Record {
		r := good("000001")
		change(&r)
		return r
	}
	for name, parts := range map[string][][]account.Record{
		"numbers that go back":           {{good("000002"), good("000001")}},
		"a number twice":                 {{good("000001"), good("000001")}},
		"parts that go back":             {{good("000002")}, {good("000001")}},
		"no number":                      {{but(func(r *account.Record) { r.Account.Number = "1" })}},
		"no status":                      {{but(func(r *account.Record) { r.Account.Status = "" })}},
		"no history":                     {{but(func(r *account.Record) { r.Deltas = nil })}},
		"a history cut short":            {{but(func(r *account.Record) { r.Deltas = []byte{3, 0x8e} })}},
		"a history that stands":          {{but(func(r *account.Record) { r.Deltas = []byte{17, 0} })}},
		"another version than history's": {{but(func(r *account.Record) { r.Account.Version = 16 })}},
		"a version to come":              {{but(func(r *account.Record) { r.Account.Version, r.Deltas = 18, []byte{18} })}},
		"a history beyond all positions": {{but(func(r *account.Record) {
			r.Account.Version, r.Deltas = math.MinInt64, binary.AppendUvarint(binary.AppendUvarint(nil, 1<<62), 1<<62)
		})}},
		"a balance below zero": {{but(func(r *account.Record) { r.Account.Balance = -1 })}},
		"a balance too high":   {{but(func(r *account.Record) { r.Account.Balance = account.MaxBalance + 1 })}},
	} {
		if _, err := restore(t, 17, 0, nil, parts...); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
	for _, passed := range []int64{-1, 18, math.MaxInt64} {
		if _, err := restore(t, 17, passed, nil, []account.Record{good("000001")}); err == nil {
			t.Errorf("%d events of 17 passed over: restored", passed)
		}
	}
}

func TestCompareNamesExactlyWhatDiffers(t *testing.T) {
	build := func(extra ...account.Event) *account.Frozen {
		s := stateOf(t, opened("000001"), opened("000003"), opened("000005"))
		for _, ev := range extra {
			mustApply(t, s, ev, at(s.Position()+1))
		}
		return freeze(s)
	}
	updated := account.Updated{Number: "000003", SortCode: "40-50-60", CustomerURLs: []string{"http://a"}, CardURLs: []string{}}
	left, right := build(opened("000000"), updated, opened("000004")), build(opened("000002"), opened("000004"), opened("000009"))
	type difference struct {
		number      account.Number
		left, right bool
		fields      []string
	}
	var got []difference
	for d := range account.Compare(left, right) {
		got = append(got, difference{d.Number, d.Left != nil, d.Right != nil, d.Fields})
	}
	want := []difference{
		{"000000", true, false, nil},
		{"000002", false, true, nil},
		{"000003", true, true, []string{"sortCode", "customerURLs", "version", "updatedAt", "history"}},
		{"000004", true, true, []string{"version", "openedAt", "updatedAt", "history"}},
		{"000009", false, true, nil},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	for range account.Compare(left, left) {
		t.Error("a state differs from itself")
	}
}
