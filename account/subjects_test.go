package account_test

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"openpayment/account"
)

// The digest's input is a stored format, of subjects too.
func TestTheDigestOfAKnownSubjectNeverChanges(t *testing.T) {
	s := account.NewState()
	mustPass(t, s, at(1))
	const want = "c6f2d30caaf241b98d991a5631a4cf03bc83d9e54971aadb26e8e7bececff96a"
	if _, got := s.Digest(); got.String() != want {
		t.Errorf("the digest is %s, was %s", got, want)
	}
}

func TestAFrozenStateKeepsItsSubjects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := account.NewState()
		pass := func() {
			if err := s.Pass(foreignSubjects.Draw(t, "subject"), at(s.Position()+1)); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(0, 10).Draw(t, "before") {
			pass()
		}
		for range 2 { // what the first one kept is not in the way of the second
			f := freeze(s)
			before := slices.Collect(f.Subjects())
			for range rapid.IntRange(0, 10).Draw(t, "meanwhile") {
				pass()
			}
			if after := slices.Collect(f.Subjects()); !slices.Equal(before, after) || f.Sum() != f.Digest() {
				t.Fatalf("was %v, is %v; digest %s, of what is there %s", before, after, f.Digest(), f.Sum())
			}
			f.Thaw()
		}
		f := freeze(s)
		defer f.Thaw()
		for v := range f.Subjects() {
			if s.ForeignVersion(v.Subject) != v.Version {
				t.Fatalf("frozen anew, %q has version %d, not %d", v.Subject, v.Version, s.ForeignVersion(v.Subject))
			}
		}
	})
}

func TestSubjectsAreReadWhileEventsAreApplied(t *testing.T) {
	const subjects = 3000
	s := account.NewState()
	pass := func(i int) {
		if err := s.Pass(fmt.Sprint("customers/", i), at(s.Position()+1)); err != nil {
			t.Error(err)
		}
	}
	for i := range subjects {
		pass(2 * i)
	}
	f := freeze(s)
	defer f.Thaw()
	var reading sync.WaitGroup
	for range 4 {
		reading.Go(func() {
			n := 0
			for v := range f.Subjects() {
				if n++; v.Version > subjects || s.ForeignVersion(v.Subject) < v.Version {
					t.Errorf("%+v", v)
				}
			}
			if n != subjects {
				t.Errorf("%d subjects", n)
			}
		})
	}
	for i := range subjects {
		pass(2*i + 1)
		pass(2 * i)
	}
	reading.Wait()
	if n := s.ForeignSubjects(); n != 2*subjects {
		t.Errorf("%d subjects", n)
	}
}

func TestCompareSubjectsNamesExactlyWhatDiffers(t *testing.T) {
	build := func(subjects ...string) *account.Frozen {
		s := account.NewState()
		for _, subject := range subjects {
			if err := s.Pass(subject, at(s.Position()+1)); err != nil {
				t.Fatal(err)
			}
		}
		return freeze(s)
	}
	left, right := build("a", "b", "c", "d", "c"), build("a", "b", "e", "c", "f")
	got := slices.Collect(account.CompareSubjects(left, right))
	slices.SortFunc(got, func(a, b account.SubjectDifference) int { return strings.Compare(a.Subject, b.Subject) })
	want := []account.SubjectDifference{{"c", 5, 4}, {"d", 4, 0}, {"e", 0, 3}, {"f", 0, 5}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for d := range account.CompareSubjects(left, left) {
		t.Errorf("a state differs from itself: %v", d)
	}
	empty := build()
	if n := len(slices.Collect(account.CompareSubjects(left, empty))); n != 4 {
		t.Errorf("%d differences from nothing", n)
	}
	if n := len(slices.Collect(account.CompareSubjects(empty, right))); n != 5 {
		t.Errorf("%d differences of nothing", n)
	}
}

func TestSubjectsThatNoStateCanHaveAreNotRestored(t *testing.T) {
	for name, about := range map[string][]account.SubjectVersion{
		"no version":                {{"a", 0}},
		"one below zero":            {{"a", -1}},
		"one to come":               {{"a", 18}},
		"a subject twice":           {{"a", 1}, {"b", 2}, {"a", 3}},
		"more subjects than events": {{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}},
	} {
		if _, err := restore(t, 17, 3, about); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
	if s, err := restore(t, 17, 3, []account.SubjectVersion{{"a", 1}, {"b", 17}}); err != nil || s.ForeignVersion("b") != 17 || s.ForeignSubjects() != 2 {
		t.Errorf("%v", err)
	}
}

// A subject's version is the last event that a reader finds about it.
func TestThePreconditionIsAboutTheLastEventOfASubject(t *testing.T) {
	s := stateOf(t, opened("000001"), opened("000002"),
		account.Deposited{Number: "000001", Amount: 5, Currency: "GBP"},
		account.Transferred{From: "000001", To: "000002", Amount: 5, Currency: "GBP"}) // about both
	for _, subject := range []string{"customers/1", "accounts/000001", "accounts/000003", "accounts/"} {
		if err := s.Pass(subject, at(s.Position()+1)); err != nil {
			t.Fatal(err)
		}
	}
	mustApply(t, s, account.Closed{Number: "000002"}, at(9))
	draft := account.NewDraft(s)
	draft.Pass("customers/1", at(10))
	if err := draft.Apply(account.Deposited{Number: "000001", Amount: 5, Currency: "GBP"}, at(11)); err != nil {
		t.Fatal(err)
	}
	over := account.NewDraft(draft)
	over.Pass("customers/2", at(12))
	draft.Adopt(over)
	for _, c := range []struct {
		view    account.Base
		subject string
		version int64
	}{
		{s, "customers/1", 5}, {s, "customers/2", 0}, {s, "accounts/000001", 6}, {s, "accounts/000002", 9}, {s, "accounts/000003", 7},
		{s, "accounts/", 8}, {s, "accounts/000004", 0}, {s, "000001", 0}, {s, "", 0},
		{draft, "customers/1", 10}, {draft, "customers/2", 12}, {draft, "accounts/000001", 11}, {draft, "accounts/000002", 9}, {draft, "accounts/000003", 7},
	} {
		if got := account.VersionOf(c.view, c.subject); got != c.version {
			t.Errorf("%q has version %d, want %d", c.subject, got, c.version)
		}
		for _, version := range []int64{0, c.version, c.version + 1} {
			err := account.Precondition{Subject: c.subject, Version: version}.Check(c.view)
			if version == c.version {
				if err != nil {
					t.Errorf("%q is at %d: %v", c.subject, version, err)
				}
				continue
			}
			if r := wantRefusal(t, err, account.CodeVersionMismatch); r.Expected != version || r.Actual != c.version || r.Subject != c.subject {
				t.Errorf("%+v", r)
			}
		}
	}
}

// BenchmarkStatePass passes over events of other services, each about a subject of its
// own, behind a million of them, and tells what those take.
func BenchmarkStatePass(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := account.NewState()
	pass := func(subject int64) {
		if err := s.Pass(fmt.Sprintf("customers/%08d", subject), at(s.Position()+1)); err != nil {
			b.Fatal(err)
		}
	}
	for i := range int64(million) {
		pass(i)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	for b.Loop() {
		pass(s.Position())
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/million, "B/subject")
}
