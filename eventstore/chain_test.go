package eventstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// known is an event with every field set.
func known() eventstore.Event {
	return eventstore.Event{
		Seq:     3,
		ID:      uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"),
		Type:    "account.opened",
		Subject: "accounts/12345678",
		Time:    time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC),
		Meta:    eventstore.MetaOf(map[string]string{"requestId": "r-1", "actor": "ünï"}),
		Data:    `{"accountNumber":"12345678"}`,
	}
}

var knownPrev = eventstore.Hash{31: 1}

// TestTheHashOfAKnownEventNeverChanges pins a stored format: if it fails, the
// program is wrong, not the test.
func TestTheHashOfAKnownEventNeverChanges(t *testing.T) {
	const want = "928dc607d801c684ad154770662685857e4c93ae30b7040a207fe2a479079915"
	if got := known().ChainHash(knownPrev).String(); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestEveryFieldIsPartOfTheHash(t *testing.T) {
	base := known().ChainHash(knownPrev)
	seen := map[eventstore.Hash]string{base: "nothing"}
	check := func(what string, h eventstore.Hash) {
		if other, same := seen[h]; same {
			t.Errorf("changing %s gives the same hash as changing %s", what, other)
		}
		seen[h] = what
	}
	check("the event before", known().ChainHash(eventstore.Hash{}))
	for what, change := range map[string]func(*eventstore.Event){
		"seq":          func(e *eventstore.Event) { e.Seq++ },
		"id":           func(e *eventstore.Event) { e.ID[0]++ },
		"type":         func(e *eventstore.Event) { e.Type += "x" },
		"subject":      func(e *eventstore.Event) { e.Subject += "x" },
		"time":         func(e *eventstore.Event) { e.Time = e.Time.Add(time.Millisecond) },
		"a meta value": func(e *eventstore.Event) { e.Meta = e.Meta.With(eventstore.Entry{Name: "actor", Value: "x"}) },
		"a meta key": func(e *eventstore.Event) {
			e.Meta = eventstore.MetaOf(map[string]string{"requestId": "r-1", "actos": "ünï"})
		},
		"one more meta entry":          func(e *eventstore.Event) { e.Meta = e.Meta.With(eventstore.Entry{Name: "a"}) },
		"no meta":                      func(e *eventstore.Event) { e.Meta = nil },
		"data":                         func(e *eventstore.Event) { e.Data += " " },
		"where subject and data meet":  func(e *eventstore.Event) { e.Subject += "{"; e.Data = e.Data[1:] },
		"where type and subject meet":  func(e *eventstore.Event) { e.Type += "a"; e.Subject = e.Subject[1:] },
		"meta moved into the next key": func(e *eventstore.Event) { e.Meta = eventstore.MetaOf(map[string]string{"actorünïrequestId": "r-1"}) },
	} {
		ev := known()
		change(&ev)
		check(what, ev.ChainHash(knownPrev))
	}
}

func TestAHashReadsBackAsItWasWritten(t *testing.T) {
	h := known().ChainHash(knownPrev)
	if got, err := eventstore.ParseHash(h.String()); err != nil || got != h {
		t.Errorf("read back %v, %v", got, err)
	}
	for _, bad := range []string{"", "00", h.String() + "00", h.String()[:63] + "g", h.String()[:62]} {
		if _, err := eventstore.ParseHash(bad); err == nil {
			t.Errorf("%q was taken for a hash", bad)
		}
	}
}

func TestAProposalThatNotEveryStoreKeepsIsInvalid(t *testing.T) {
	good := func() eventstore.Proposal {
		return eventstore.Proposal{Type: "t", Subject: "s", Data: "{}", Meta: eventstore.MetaOf(map[string]string{"k": "v"})}
	}
	if err := good().Validate(); err != nil {
		t.Errorf("a good proposal: %v", err)
	}
	for what, change := range map[string]func(*eventstore.Proposal){
		"no type":               func(p *eventstore.Proposal) { p.Type = "" },
		"no subject":            func(p *eventstore.Proposal) { p.Subject = "" },
		"no data":               func(p *eventstore.Proposal) { p.Data = "" },
		"a NUL in the subject":  func(p *eventstore.Proposal) { p.Subject = "a\x00b" },
		"invalid UTF-8 in data": func(p *eventstore.Proposal) { p.Data = "{\xff}" },
		"a NUL in a meta key":   func(p *eventstore.Proposal) { p.Meta = eventstore.MetaOf(map[string]string{"\x00": ""}) },
		"bad UTF-8 in meta":     func(p *eventstore.Proposal) { p.Meta = eventstore.MetaOf(map[string]string{"k": "\xc3"}) },
		"too long a type":       func(p *eventstore.Proposal) { p.Type = string(make([]byte, eventstore.MaxNameBytes+1)) },
		"meta not in order":     func(p *eventstore.Proposal) { p.Meta = eventstore.Meta{{Name: "b"}, {Name: "a"}} },
		"a name of meta twice":  func(p *eventstore.Proposal) { p.Meta = eventstore.Meta{{Name: "a"}, {Name: "a"}} },
		"too much meta": func(p *eventstore.Proposal) {
			p.Meta = p.Meta.With(eventstore.Entry{Name: "x", Value: strings.Repeat("x", eventstore.MaxMetaBytes)})
		},
	} {
		p := good()
		change(&p)
		err := p.Validate()
		if err == nil {
			t.Errorf("%s was accepted", what)
			continue
		}
		wantKind(t, err, eventstore.KindInvalid)
	}
}
