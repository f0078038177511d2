package eventstore

import (
	"cmp"
	"slices"
)

// Meta is what is said about an event beside its facts: texts with names, in the order
// of the names, each of which stands there once. It is never changed. The zero Meta is
// empty. There is one with every event, so it is a slice: a map of few texts takes five
// times the memory, and several times as long to make, to hash and to look into.
type Meta []Entry

// Entry is a text of [Meta].
type Entry struct{ Name, Value string }

// MetaOf is the meta with these texts.
func MetaOf(texts map[string]string) Meta {
	entries := make([]Entry, 0, len(texts))
	for name, value := range texts {
		entries = append(entries, Entry{name, value})
	}
	return MetaInOrder(entries)
}

// MetaInOrder makes a meta of entries, which it keeps, in whatever order they are: of
// those with one name it takes the last.
func MetaInOrder(entries []Entry) Meta {
	byName := func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) }
	for i := 1; i < len(entries); i++ {
		if entries[i-1].Name >= entries[i].Name { // hardly ever
			slices.Reverse(entries)
			slices.SortStableFunc(entries, byName)
			entries = slices.CompactFunc(entries, func(a, b Entry) bool { return a.Name == b.Name })
			break
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return entries
}

// With is m with these entries, which take the place of others of their names.
func (m Meta) With(entries ...Entry) Meta {
	if len(entries) == 0 {
		return m
	}
	return MetaInOrder(slices.Concat(m, entries))
}

// Lookup gives the text of a name, and whether there is one.
func (m Meta) Lookup(name string) (value string, found bool) {
	for i := range m {
		if m[i].Name == name {
			return m[i].Value, true
		}
	}
	return "", false
}

// Get gives the text of a name, "" if there is none.
func (m Meta) Get(name string) string {
	value, _ := m.Lookup(name)
	return value
}

// Map gives the texts by their names.
func (m Meta) Map() map[string]string {
	texts := make(map[string]string, len(m))
	for _, e := range m {
		texts[e.Name] = e.Value
	}
	return texts
}

// size is how many bytes the names and texts have together.
func (m Meta) size() int {
	n := 0
	for i := range m {
		n += len(m[i].Name) + len(m[i].Value)
	}
	return n
}
