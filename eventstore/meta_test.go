package eventstore_test

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"openpayment/eventstore"
)

// A map is what meta is measured by, but for its order.
func TestMetaHoldsWhatAMapWould(t *testing.T) {
	names := rapid.SampledFrom([]string{"", "a", "b", "ab", "é", "zz"})
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.MapOf(names, rapid.String()).Draw(t, "first")
		second := rapid.MapOf(names, rapid.String()).Draw(t, "second")
		meta := eventstore.MetaOf(first)
		before := slices.Clone(meta)
		both := meta.With(eventstore.MetaOf(second)...)
		want := maps.Clone(first)
		maps.Copy(want, second)
		if !maps.Equal(both.Map(), want) || len(both) != len(want) || !slices.Equal(meta, before) {
			t.Fatalf("%q with %q is %q, and itself %q", first, second, both, meta)
		}
		if !slices.IsSortedFunc(both, func(a, b eventstore.Entry) int { return cmp.Compare(a.Name, b.Name) }) {
			t.Fatalf("%q is not in order", both)
		}
		for _, name := range []string{"", "a", "b", "ab", "é", "zz", "other"} {
			value, found := both.Lookup(name)
			if text, there := want[name]; value != text || found != there || both.Get(name) != text {
				t.Fatalf("%q of %q is %q, %v", name, want, value, found)
			}
		}
	})
}

func TestOfEntriesWithOneNameTheLastCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(rapid.Custom(func(t *rapid.T) eventstore.Entry {
			return eventstore.Entry{Name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"), Value: rapid.String().Draw(t, "value")}
		})).Draw(t, "entries")
		want := map[string]string{}
		for _, e := range entries {
			want[e.Name] = e.Value
		}
		if got := eventstore.MetaInOrder(slices.Clone(entries)); !maps.Equal(got.Map(), want) || len(got) != len(want) {
			t.Fatalf("%q is %q", entries, got)
		}
	})
}
