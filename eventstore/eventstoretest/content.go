package eventstoretest

import (
	"strings"
	"time"

	"openpayment/eventstore"
)

var contentCases = []testCase{
	{"text comes back byte for byte", 0, textCase},
	{"meta comes back byte for byte, whatever its keys are", 0, metaCase},
	{"an event without meta comes back with an empty one", 0, func(r *rig) {
		b := r.open()
		batch := batchAfter(eventstore.Head{}, 2, func(i int, ev *eventstore.Event) {
			ev.Meta = [...]eventstore.Meta{nil, {}}[i]
		})
		r.mustAppend(b, eventstore.Head{}, batch)
		r.wantLog(b, batch)
		r.wantLog(r.open(), batch)
	}},
	{"times come back to the millisecond, in UTC", 0, timesCase},
	{"events of one time keep their order", 0, func(r *rig) {
		b := r.open()
		var head eventstore.Head
		var all []eventstore.Event
		for range 4 {
			batch := NewBatch(head, time.Date(2026, 3, 29, 1, 59, 59, 999_000_000, time.UTC), 25)
			r.mustAppend(b, head, batch)
			all = append(all, batch...)
			head = batch[24].Head()
		}
		r.wantLog(b, all)
	}},
}

// texts are what a store may mangle: escapes undone, numbers rounded, repeated
// names dropped, text normalised, trimmed or cut.
var texts = []string{
	`{}`,
	`[]`,
	` { "spaces" :  1 , "kept":[ ] } `,
	"{\n\t\"lines\": \"and\\ttabs\"\r\n}",
	`{"":"an empty name","a":1,"a":2}`,
	`{"z":1,"a":2,"m":3}`,
	`{"quotes":"\"'` + "`" + `","slashes":"\\ \/ /","control":"\u0000\u001f\b\f","html":"<a href=\"x\">&amp;</a>"}`,
	`{"pair":"\uD83D\uDE00","lone":"\uD800","written":"😀"}`,
	`{"number":123456789012345678901234567890.000,"small":1e-400,"big":1E+400,"zero":-0,"float":0.1000}`,
	`{"deep":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`,
	"{\"rtl\":\"שלום עולم \u202etxt.exe\u202c\",\"emoji\":\"👩\u200d👩\u200d👧\u200d👦🏳️\u200d🌈\",\"cjk\":\"漢字𠮷\"}",
	"{\"composed\":\"\u00e9\",\"decomposed\":\"e\u0301\",\"ligature\":\"\ufb01\",\"kelvin\":\"\u212a\"}",
	"{\"nonchars\":\"\uffff\ufffe\ufdd0\U0010ffff\",\"bom\":\"\ufeff\",\"replacement\":\"\ufffd\",\"separators\":\"\u2028\u2029\u0085\u007f\u0001\"}",
	`{"sql":"'; DROP TABLE events; --","format":"%s %d %%","marks":"? :name $1 @p"}`,
	`{"true":true,"null":null,"false":false}`,
}

func textCase(r *rig) {
	b := r.open()
	batch := batchAfter(eventstore.Head{}, len(texts), func(i int, ev *eventstore.Event) {
		ev.Data = texts[i]
		ev.Type = "typ\u00e9." + texts[i][:min(len(texts[i]), 3)]
		ev.Subject = "Über/漢字😀/ " + strings.ToValidUTF8(texts[i][:min(len(texts[i]), 400)], "")
	})
	r.mustAppend(b, eventstore.Head{}, batch)
	r.wantLog(b, batch)
	r.wantLog(r.open(), batch)
}

func metaCase(r *rig) {
	b := r.open()
	metas := []map[string]string{
		{"": "an empty key", "empty": ""},
		{"b": "2", "a": "1", "c": "3", "B": "not b"},
		{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{"html": "<>&'\"", "json": `{"a":"\u00e9"}`, "back\\slash": "\\n"},
		{"\u00e9": "composed", "e\u0301": "decomposed", "😀": "👩\u200d👩\u200d👧\u200d👦", "\u202e": "שלום"},
		{"\uffff": "\U0010ffff", "\ufeff": "\u2028", "\x01\x1f\x7f": "\t\r\n\b"},
	}
	for _, text := range texts {
		metas = append(metas, map[string]string{"text": text, text: "text"})
	}
	batch := batchAfter(eventstore.Head{}, len(metas), func(i int, ev *eventstore.Event) { ev.Meta = eventstore.MetaOf(metas[i]) })
	r.mustAppend(b, eventstore.Head{}, batch)
	r.wantLog(b, batch)
	r.wantLog(r.open(), batch)
}

func timesCase(r *rig) {
	b := r.open()
	var all []eventstore.Event
	var head eventstore.Head
	for _, at := range []string{
		"1969-12-31T23:59:59.999Z",
		"1970-01-01T00:00:00Z",
		"1970-01-01T00:00:00.001Z",
		"2000-02-29T12:00:00.1Z",
		"2016-12-31T23:59:59.999Z", // before and after a leap second
		"2017-01-01T00:00:00Z",
		"2026-03-29T02:30:00.12+01:00", // a zone of its own
		"2038-01-19T03:14:07.999Z",
		"2038-01-19T03:14:08Z",
		"2100-02-28T23:59:59.01Z",
		"9999-12-31T23:59:59.999Z",
	} {
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			r.Fatal(err)
		}
		batch := NewBatch(head, t, 1)
		r.mustAppend(b, head, batch)
		all = append(all, batch...)
		head = batch[0].Head()
	}
	r.wantLog(b, all)
}
