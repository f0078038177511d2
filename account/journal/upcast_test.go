package journal

import (
	"errors"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"openpayment/account"
	"openpayment/eventstore"
)

// The machinery of versions is tried on a type that there never was, which has
// changed its form twice: version 2 knows why, and version 3 says in one member
// what was in two.
type noted struct {
	account.Closed        // what makes it an event
	Text           string // why and by whom
}

type (
	notedV1 struct {
		AccountNumber account.Number `json:"accountNumber"`
		By            string         `json:"by"`
	}
	notedV2 struct {
		AccountNumber account.Number `json:"accountNumber"`
		By            string         `json:"by"`
		Why           string         `json:"why"`
	}
	notedV3 struct {
		AccountNumber account.Number `json:"accountNumber"`
		Text          string         `json:"text"`
	}
)

func (d notedV1) whole() bool { return closedV1{d.AccountNumber}.whole() && d.By != "" }
func (d notedV2) whole() bool { return notedV1{d.AccountNumber, d.By}.whole() && d.Why != "" }
func (d notedV3) whole() bool { return closedV1{d.AccountNumber}.whole() && d.Text != "" }

func notedV1ToV2(d *notedV1) notedV2 { return notedV2{d.AccountNumber, d.By, "unknown"} }
func notedV2ToV3(d *notedV2) notedV3 { return notedV3{d.AccountNumber, d.By + ": " + d.Why} }

func notedType(before ...storedForm) eventType {
	return typeOf("account.noted",
		func(d *notedV3) noted { return noted{account.Closed{Number: d.AccountNumber}, d.Text} },
		func(e noted) notedV3 { return notedV3{e.Number, e.Text} },
		before...)
}

var storedNotes = map[string]account.Event{
	"v1/account.noted": noted{account.Closed{Number: "00123456"}, "ada: unknown"},
	"v2/account.noted": noted{account.Closed{Number: "00123456"}, "ada: <moved>"},
	"v3/account.noted": noted{account.Closed{Number: "00123456"}, "ada: moved & gone"},
}

const notedDir = "testdata/madeup"

func TestEveryVersionIsReadAndTheNewestIsWritten(t *testing.T) {
	typ := notedType(older(notedV1ToV2), older(notedV2ToV3))
	if err := typ.check(); err != nil {
		t.Fatal(err)
	}
	if err := checkGolden(newCodec(typ), notedDir, storedNotes, *update); err != nil {
		t.Error(err)
	}
}

func TestAFormThatDoesNotLeadToTheNextIsFound(t *testing.T) {
	for name, typ := range map[string]eventType{
		"nothing leads from version 1": notedType(older[notedV1, notedV2](nil), older(notedV2ToV3)),
		"nothing leads from version 2": notedType(older(notedV1ToV2), older[notedV2, notedV3](nil)),
		"version 1 becomes":            notedType(older(notedV1ToV2)),
		"version 2 becomes":            notedType(older(notedV1ToV2), older(func(d *notedV2) notedV1 { return notedV1{d.AccountNumber, d.By} })),
	} {
		if err := typ.check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAMissingGoldenFileIsFound(t *testing.T) {
	c := newCodec(notedType(older(notedV1ToV2), older(notedV2ToV3), older(func(d *notedV3) notedV3 { return *d })))
	want := maps.Clone(storedNotes)
	if err := checkGolden(c, notedDir, want, false); err == nil || !strings.Contains(err.Error(), "v4/account.noted") {
		t.Errorf("a version that no test knows: %v", err)
	}
	want["v4/account.noted"] = want["v3/account.noted"]
	if err := checkGolden(c, notedDir, want, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a version without a file: %v", err)
	}
	c = newCodec(notedType(older(notedV2ToV3)))
	if err := checkGolden(c, notedDir, storedNotes, false); err == nil || !strings.Contains(err.Error(), "is not read any more") {
		t.Errorf("a file without a version: %v", err)
	}
}

func TestTheVersionDecidesHowDataIsRead(t *testing.T) {
	c := newCodec(notedType(older(notedV1ToV2), older(notedV2ToV3)))
	const v1, v2, v3 = `{"accountNumber":"12345678","by":"x"}`, `{"accountNumber":"12345678","by":"x","why":"y"}`, `{"accountNumber":"12345678","text":"z"}`
	for _, tc := range []struct{ version, data, text string }{
		{"", v1, "x: unknown"}, {"1", v1, "x: unknown"}, {"2", v2, "x: y"}, {"3", v3, "z"},
		// Strict in every version: what belongs to another one is unknown, or lacking.
		{"1", v2, ""}, {"1", v3, ""}, {"", v3, ""}, {"2", v1, ""}, {"2", v3, ""}, {"3", v1, ""}, {"3", v2, ""},
		{"2", `{"accountNumber":"12345678","by":"x","why":null}`, ""},
		{"0", v1, ""}, {"4", v3, ""}, {"-1", v1, ""}, {"03", v3, ""}, {"+3", v3, ""}, {"3 ", v3, ""}, {"9999999999999999999999", v3, ""},
	} {
		var meta eventstore.Meta
		if tc.version != "" {
			meta = eventstore.Meta{{Name: metaDataVersion, Value: tc.version}}
		}
		got, err := c.decode(eventstore.Event{Seq: 1, Type: "account.noted", Subject: "accounts/12345678", Meta: meta, Data: tc.data})
		want := account.Event(noted{account.Closed{Number: "12345678"}, tc.text})
		if tc.text == "" && (err == nil || got != nil) || tc.text != "" && !reflect.DeepEqual(got, want) {
			t.Errorf("version %q of %s: %+v, %v", tc.version, tc.data, got, err)
		}
	}
}

func TestAnUpcastThatLosesAMemberIsNotRead(t *testing.T) {
	c := newCodec(notedType(older(func(d *notedV2) notedV3 { return notedV3{AccountNumber: d.AccountNumber} })))
	ev := eventstore.Event{Seq: 1, Type: "account.noted", Subject: "accounts/12345678", Data: `{"accountNumber":"12345678","by":"x","why":"y"}`}
	if got, err := c.decode(ev); !errors.Is(err, errNotWhole) || got != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheVersionIsWrittenBesideTheCallersMeta(t *testing.T) {
	c := newCodec(notedType(older(notedV1ToV2), older(notedV2ToV3)))
	ev := storedNotes["v3/account.noted"]
	for _, meta := range []eventstore.Meta{nil, {}, {{Name: "requestId", Value: "r-1"}}} {
		before := slices.Clone(meta)
		p, err := c.encode(ev, meta)
		if err != nil || p.Meta.Get(metaDataVersion) != "3" || len(p.Meta) != len(meta)+1 || !slices.Equal(meta, before) {
			t.Errorf("%v became %v (%v), and is %v now", before, p.Meta, err, meta)
		}
	}
	for _, v := range []string{"1", "3", ""} {
		if p, err := c.encode(ev, eventstore.Meta{{Name: metaDataVersion, Value: v}}); err == nil {
			t.Errorf("a version that the caller made up is written: %+v", p)
		}
	}
}
