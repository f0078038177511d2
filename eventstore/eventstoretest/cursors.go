package eventstoretest

import (
	"strings"

	"openpayment/eventstore"
)

var cursorCases = []testCase{
	{"a cursor never saved is the zero head", 0, func(r *rig) {
		r.wantCursor(r.open(), "nobody", eventstore.Head{})
	}},
	{"a cursor comes back as saved, and the last save wins", 0, func(r *rig) {
		b := r.open()
		for _, p := range []eventstore.Position{3, 7, 7, 2, 1 << 40} { // back, too: a subscriber may start over
			at := eventstore.Head{Position: p, Hash: eventstore.Hash{byte(p), 31: 255}}
			r.saveCursor(b, "mail", at)
			r.wantCursor(b, "mail", at)
		}
		r.saveCursor(b, "mail", eventstore.Head{})
		r.wantCursor(b, "mail", eventstore.Head{})
	}},
	{"a cursor saved through one handle is seen through another", 0, func(r *rig) {
		a, b := r.open(), r.open()
		for p := range eventstore.Position(6) {
			at := eventstore.Head{Position: p + 1, Hash: eventstore.Hash{byte(p)}}
			r.saveCursor(a, "mail", at)
			r.wantCursor(b, "mail", at)
			a, b = b, a
		}
	}},
	{"cursors of different names, however alike, are different cursors", 0, func(r *rig) {
		b := r.open()
		names := []string{
			"mail", "Mail", "mail ", " mail", "mail/1", "m\u00e9l", "me\u0301l", "漢字", "😀", "שלום",
			"'; DROP TABLE cursors; --", "a\nb", "%", "_", "?", strings.Repeat("n", 500),
		}
		for i, name := range names {
			r.saveCursor(b, name, eventstore.Head{Position: eventstore.Position(i + 1), Hash: eventstore.Hash{byte(i)}})
		}
		other := r.open()
		for i, name := range names {
			r.wantCursor(other, name, eventstore.Head{Position: eventstore.Position(i + 1), Hash: eventstore.Hash{byte(i)}})
		}
	}},
	{"cursors and the log leave each other alone", 0, func(r *rig) {
		b := r.open()
		r.saveCursor(b, "mail", eventstore.Head{Position: 9})
		r.wantLog(b, nil)
		all := r.write(b, 3)
		r.wantCursor(b, "mail", eventstore.Head{Position: 9})
		r.saveCursor(b, "mail", all[1].Head())
		r.wantLog(b, all)
	}},
}

func (r *rig) saveCursor(b eventstore.CursorStore, name string, at eventstore.Head) {
	r.Helper()
	if err := b.SaveCursor(r.Context(), name, at); err != nil {
		r.Fatalf("save cursor %q: %v", name, err)
	}
}

func (r *rig) loadCursor(b eventstore.CursorStore, name string) eventstore.Head {
	r.Helper()
	at, err := b.LoadCursor(r.Context(), name)
	if err != nil {
		r.Fatalf("load cursor %q: %v", name, err)
	}
	return at
}

func (r *rig) wantCursor(b eventstore.CursorStore, name string, want eventstore.Head) {
	r.Helper()
	if got := r.loadCursor(b, name); got != want {
		r.Fatalf("cursor %q is %v, want %v", name, got, want)
	}
}
