package account_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"openpayment/account"
)

// keyNamed is a key whose fingerprint follows from a number.
func keyNamed(text string, fingerprint byte) account.Key {
	return account.Key{Text: text, Fingerprint: account.Fingerprint{fingerprint}}
}

// keyed is the stamp of an event with a key, so many hours after the origin.
func keyed(seq int64, hours float64, k account.Key) account.Stamp {
	return account.Stamp{Seq: seq, Time: origin.Add(time.Duration(hours * float64(time.Hour))), Key: k}
}

func mustPass(t testing.TB, s *account.State, stamp account.Stamp) {
	t.Helper()
	if err := s.Pass("customers/1", stamp); err != nil {
		t.Fatal(err)
	}
}

// keysDigest is a state's digest without the subject of mustPass.
func keysDigest(s *account.State) account.Digest {
	_, d := s.Digest()
	d.Subtract(account.DigestOfSubject(account.SubjectVersion{Subject: "customers/1", Version: s.ForeignVersion("customers/1")}))
	return d
}

// keyModel is what the keys of a state are, in the plainest words: a list of all
// uses, of which the last day counts.
type keyModel struct {
	state *account.State
	now   time.Time
	uses  []account.KeyUse
}

func TestKeysAreRememberedForADayOfTheLogsTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &keyModel{state: account.NewState(), now: origin}
		t.Repeat(map[string]func(*rapid.T){
			"event": m.event,
			"draft": m.draft,
			"":      m.compare,
		})
	})
}

var drawnKeys = rapid.Custom(func(t *rapid.T) account.Key {
	if rapid.IntRange(0, 4).Draw(t, "key?") == 0 {
		return account.Key{}
	}
	return keyNamed(rapid.SampledFrom([]string{"a", "b", "c", "a key", strings.Repeat("~", 255)}).Draw(t, "key"),
		byte(rapid.IntRange(0, 1).Draw(t, "fingerprint")))
})

// steps lead to the edges of a day, and now and then back in time.
var steps = rapid.SampledFrom([]time.Duration{0, 0, time.Millisecond, time.Hour, 8 * time.Hour,
	account.KeyLife - time.Millisecond, account.KeyLife, account.KeyLife + time.Millisecond, 100 * time.Hour, -time.Hour})

func (m *keyModel) event(t *rapid.T) {
	m.now = m.now.Add(steps.Draw(t, "step"))
	stamp := account.Stamp{Seq: m.state.Position() + 1, Time: m.now, Key: drawnKeys.Draw(t, "key")}
	if m.state.Apply(events.Draw(t, "event"), stamp) != nil {
		if err := m.state.Pass(foreignSubjects.Draw(t, "subject"), stamp); err != nil {
			t.Fatal(err)
		}
	}
	m.take(stamp)
}

func (m *keyModel) take(stamp account.Stamp) {
	m.uses = slices.DeleteFunc(m.uses, func(u account.KeyUse) bool { return stamp.Time.Sub(u.Time) > account.KeyLife })
	if stamp.Key.Text == "" {
		return
	}
	use := account.KeyUse{Key: stamp.Key, First: stamp.Seq, Last: stamp.Seq, Time: stamp.Time}
	if n := len(m.uses); n > 0 {
		last := &m.uses[n-1]
		if use.Time.Before(last.Time) {
			use.Time = last.Time
		}
		if last.Key == stamp.Key && last.Last == stamp.Seq-1 {
			last.Last, last.Time = stamp.Seq, use.Time
			return
		}
	}
	if _, known := m.find(stamp.Key.Text); !known {
		m.uses = append(m.uses, use)
	}
}

func (m *keyModel) find(text string) (account.KeyUse, bool) {
	i := slices.IndexFunc(m.uses, func(u account.KeyUse) bool { return u.Text == text })
	if i < 0 {
		return account.KeyUse{}, false
	}
	return m.uses[i], true
}

// draft lets a draft take up keys, and compares it with what the state becomes of
// the same events. None of them is old enough to make a key leave.
func (m *keyModel) draft(t *rapid.T) {
	draft := account.NewDraft(m.state)
	upper := account.NewDraft(draft)
	drafted := &keyModel{uses: slices.Clone(m.uses)}
	seq := m.state.Position()
	for i := range rapid.IntRange(0, 5).Draw(t, "drafted") {
		seq++
		ev := opened(number(int(seq)*10 + i))
		stamp := account.Stamp{Seq: seq, Time: m.now, Key: drawnKeys.Draw(t, "key")}
		if err := draft.Apply(ev, stamp); err != nil {
			t.Fatal(err)
		}
		drafted.takeBehind(stamp, m.state.Position())
	}
	for _, text := range []string{"a", "b", "c", "a key", strings.Repeat("~", 255), "never"} {
		want, known := drafted.find(text)
		for _, view := range []account.KeyView{draft, upper} {
			got, ok := view.KeyUse(text)
			if got.Time = want.Time; ok != known || got != want {
				t.Fatalf("drafted, %q is %+v, %t, want %+v, %t", text, got, ok, want, known)
			}
		}
	}
	if n := upper.KeysAt(m.now); n != drafted.at(m.now) {
		t.Fatalf("%d keys with those drafted, want %d", n, drafted.at(m.now))
	}
}

// takeBehind is take for a draft: a command is never partly in the log, so that no
// event of the draft goes on with one of the state.
func (m *keyModel) takeBehind(stamp account.Stamp, position int64) {
	if stamp.Seq == position+1 && stamp.Key.Text != "" {
		if _, known := m.find(stamp.Key.Text); known {
			return
		}
	}
	m.take(stamp)
}

func (m *keyModel) at(t time.Time) int {
	n := 0
	for _, u := range m.uses {
		if t.Sub(u.Time) <= account.KeyLife {
			n++
		}
	}
	return n
}

func (m *keyModel) compare(t *rapid.T) {
	f := freeze(m.state)
	defer f.Thaw()
	if got := slices.Collect(f.Keys()); len(got)+len(m.uses) > 0 && !reflect.DeepEqual(got, m.uses) {
		t.Fatalf("the keys are %+v, want %+v", got, m.uses)
	}
	if m.state.Keys() != len(m.uses) {
		t.Fatalf("%d keys, want %d", m.state.Keys(), len(m.uses))
	}
	for _, text := range []string{"a", "b", "c", "a key", strings.Repeat("~", 255), "", "never"} {
		want, known := m.find(text)
		if got, ok := m.state.KeyUse(text); ok != known || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %+v, %t, want %+v, %t", text, got, ok, want, known)
		}
	}
	for _, later := range []time.Duration{0, time.Hour, account.KeyLife, account.KeyLife + time.Millisecond} {
		if at := m.now.Add(later); m.state.KeysAt(at) != m.at(at) {
			t.Fatalf("%s later there are %d keys, want %d", later, m.state.KeysAt(at), m.at(at))
		}
	}
	if _, digest := m.state.Digest(); f.Sum() != digest {
		t.Fatalf("the digest is %s, made anew %s", digest, f.Sum())
	}
}

func TestTheFirstUseOfAKeyCounts(t *testing.T) {
	s := account.NewState()
	mustPass(t, s, keyed(1, 0, keyNamed("k", 1)))
	mustPass(t, s, keyed(2, 0, account.Key{}))
	mustPass(t, s, keyed(3, 0, keyNamed("k", 1)))
	mustPass(t, s, keyed(4, 0, keyNamed("k", 2)))
	if u, ok := s.KeyUse("k"); !ok || u.First != 1 || u.Last != 1 || u.Fingerprint[0] != 1 {
		t.Errorf("%+v, %t", u, ok)
	}
	mustPass(t, s, keyed(5, 24, account.Key{}))
	if _, ok := s.KeyUse("k"); !ok {
		t.Error("forgotten after 24 hours sharp")
	}
	mustPass(t, s, keyed(6, 24.001, keyNamed("k", 2)))
	if u, ok := s.KeyUse("k"); !ok || u.First != 6 || u.Fingerprint[0] != 2 {
		t.Errorf("%+v, %t", u, ok)
	}
}

func TestEventsInSuccessionWithOneKeyAreOneCommand(t *testing.T) {
	s := account.NewState()
	mustPass(t, s, keyed(1, 0, keyNamed("k", 1)))
	mustPass(t, s, keyed(2, 1, keyNamed("k", 1)))
	f := freeze(s)
	mustPass(t, s, keyed(3, 2, keyNamed("k", 1)))
	if u, _ := s.KeyUse("k"); u.First != 1 || u.Last != 3 || !u.Time.Equal(origin.Add(2*time.Hour)) || s.Keys() != 1 {
		t.Errorf("%+v", u)
	}
	if all := slices.Collect(f.Keys()); len(all) != 1 || all[0].Last != 2 || f.Sum() != f.Digest() {
		t.Errorf("frozen before: %+v", all)
	}
	f.Thaw()
}

// An event that is refused must leave nothing behind.
func TestTheKeyOfAnImpossibleEventIsNotRemembered(t *testing.T) {
	s := stateOf(t, opened("000001"))
	if s.Apply(opened("000001"), keyed(2, 0, keyNamed("k", 1))) == nil {
		t.Fatal("opened twice")
	}
	draft := account.NewDraft(s)
	if draft.Apply(opened("000001"), keyed(2, 0, keyNamed("k", 1))) == nil {
		t.Fatal("opened twice")
	}
	for _, view := range []account.KeyView{s, draft} {
		if _, ok := view.KeyUse("k"); ok || view.KeysAt(origin) != 0 {
			t.Error("the key is remembered")
		}
	}
}

func TestAKeyOfAnotherRequestIsRefused(t *testing.T) {
	u := account.KeyUse{Key: keyNamed("k", 1), First: 7, Last: 7, Time: origin}
	if err := u.Judge(keyNamed("k", 1)); err != nil {
		t.Error(err)
	}
	wantRefusal(t, u.Judge(keyNamed("k", 2)), account.CodeKeyReused)
}

func TestTheTextOfAKeyIsPrintable(t *testing.T) {
	for s, want := range map[string]bool{
		"": false, " ": true, "~": true, "\x7f": false, "\x1f": false, "é": false, "a\nb": false,
		strings.Repeat("k", 255): true, strings.Repeat("k", 256): false,
	} {
		if account.ValidKey(s) != want {
			t.Errorf("%q: %t", s, !want)
		}
	}
}

// The digest's input is a stored format: states of different versions of this
// program are compared by it.
func TestTheDigestOfAKnownKeyNeverChanges(t *testing.T) {
	s := account.NewState()
	mustPass(t, s, keyed(1, 0, account.Key{Text: "0198c3f2-7a1c-7c11", Fingerprint: account.Fingerprint{1, 2, 3, 31: 0xff}}))
	const want = "6aaa09df077b6c98368c1a41be916c03000965bd49a5ef9a727b59d0599ba0ae"
	if got := keysDigest(s); got.String() != want {
		t.Errorf("the digest is %s, was %s", got, want)
	}
}

func TestEveryPartOfAUseCountsInTheDigest(t *testing.T) {
	seen := make(map[account.Digest]string)
	for _, stamps := range [][]account.Stamp{
		{keyed(1, 0, keyNamed("k", 1))},
		{keyed(1, 0, keyNamed("l", 1))},
		{keyed(1, 0, keyNamed("k", 2))},
		{keyed(1, 1, keyNamed("k", 1))},
		{keyed(1, 0, account.Key{}), keyed(2, 0, keyNamed("k", 1))},
		{keyed(1, 0, keyNamed("k", 1)), keyed(2, 0, keyNamed("k", 1))},
		{keyed(1, 0, account.Key{})},
	} {
		s := account.NewState()
		for _, stamp := range stamps {
			mustPass(t, s, stamp)
		}
		d := keysDigest(s)
		if other, twice := seen[d]; twice {
			t.Errorf("%+v and %s have one digest", stamps, other)
		}
		seen[d] = fmt.Sprintf("%+v", stamps)
	}
}

func TestKeysThatAllLeaveAreNotInTheDigestAnyMore(t *testing.T) {
	s := account.NewState()
	const n = 5000
	for i := range int64(n) {
		mustPass(t, s, keyed(i+1, float64(i)/100, keyNamed(fmt.Sprint(i), 1)))
	}
	if s.Keys() != 2401 { // one every 36 seconds, of 24 hours
		t.Errorf("%d keys", s.Keys())
	}
	mustPass(t, s, keyed(n+1, 1000, account.Key{}))
	if d := keysDigest(s); d != (account.Digest{}) || s.Keys() != 0 {
		t.Errorf("%d keys, digest %s", s.Keys(), d)
	}
}

func TestKeysAreRestoredAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &keyModel{state: account.NewState(), now: origin}
		for range rapid.IntRange(0, 40).Draw(t, "events") {
			m.event(t)
		}
		f := freeze(m.state)
		r := account.NewRestorer(f.Position(), 10)
		r.Pass(f.Passed())
		if err := r.AddSubjects(slices.Collect(f.Subjects())); err != nil {
			t.Fatal(err)
		}
		for i, part := range slices.Collect(slices.Chunk(contents(f), 2)) {
			if err := r.Add(i, part); err != nil {
				t.Fatal(err)
			}
		}
		parts := slices.Collect(slices.Chunk(slices.Collect(f.Keys()), rapid.IntRange(1, 3).Draw(t, "part")))
		for i := range slices.Backward(parts) {
			r.AddKeys(10+2*i, parts[i])
		}
		f.Thaw()
		restored, err := r.Finish()
		if err != nil {
			t.Fatal(err)
		}
		same(t, m.state, restored)
		m.state = restored
		m.compare(t)
		for range rapid.IntRange(0, 20).Draw(t, "more") { // and goes on in the same way
			m.event(t)
			m.compare(t)
		}
	})
}

func TestKeysThatNoStateCanHaveAreNotRestored(t *testing.T) {
	good := func(text string, first, last int64, at time.Time) account.KeyUse {
		return account.KeyUse{Key: keyNamed(text, 1), First: first, Last: last, Time: at}
	}
	restore := func(parts ...[]account.KeyUse) error {
		r := account.NewRestorer(17, 0)
		for i, part := range parts {
			r.AddKeys(3*i, part)
		}
		_, err := r.Finish()
		return err
	}
	if err := restore([]account.KeyUse{good("a", 1, 1, origin), good("b", 2, 4, origin)}, []account.KeyUse{good("c", 5, 17, origin)}); err != nil {
		t.Fatal(err)
	}
	for name, parts := range map[string][][]account.KeyUse{
		"no key":               {{good("", 1, 1, origin)}},
		"an unprintable key":   {{good("\n", 1, 1, origin)}},
		"no position":          {{good("a", 0, 1, origin)}},
		"an end before":        {{good("a", 2, 1, origin)}},
		"a position to come":   {{good("a", 17, 18, origin)}},
		"a key twice":          {{good("a", 1, 1, origin), good("a", 2, 2, origin)}},
		"a key in two parts":   {{good("a", 1, 1, origin)}, {good("a", 2, 2, origin)}},
		"an event of two":      {{good("a", 1, 2, origin), good("b", 2, 3, origin)}},
		"parts that go back":   {{good("a", 5, 5, origin)}, {good("b", 2, 2, origin)}},
		"times that go back":   {{good("a", 1, 1, origin), good("b", 2, 2, origin.Add(-1))}},
		"positions that stand": {{good("a", 5, 5, origin), good("b", 5, 5, origin)}},
	} {
		if restore(parts...) == nil {
			t.Errorf("%s: restored", name)
		}
	}
}

func TestKeysThatDifferAreCounted(t *testing.T) {
	build := func(stamps ...account.Stamp) *account.Frozen {
		s := account.NewState()
		for i, stamp := range stamps {
			stamp.Seq = int64(i + 1)
			mustPass(t, s, stamp)
		}
		return freeze(s)
	}
	none, a, b := keyed(0, 0, account.Key{}), keyed(0, 0, keyNamed("a", 1)), keyed(0, 0, keyNamed("b", 1))
	left, right := build(a, b, none, keyed(0, 0, keyNamed("c", 1))), build(a, none, b, keyed(0, 0, keyNamed("c", 2)))
	if n := account.CompareKeys(left, right); n != 3 { // b here and there, c in both
		t.Errorf("%d differ", n)
	}
	if n := account.CompareKeys(left, left); n != 0 {
		t.Errorf("of the same, %d differ", n)
	}
	empty := build()
	if account.CompareKeys(left, empty) != 3 || account.CompareKeys(empty, right) != 3 {
		t.Error("all differ from none")
	}
}
