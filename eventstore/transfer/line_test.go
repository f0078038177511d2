package transfer_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/transfer"
)

// golden is an event, and its line: a stored format, which never changes.
const golden = `{"seq":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","type":"account.opened","subject":"accounts/12345678","time":"2026-01-02T03:04:05.060Z","meta":{"a \"b\"":"<&>é","requestId":"r-1"},"data":{"n":1.50,"s":"\u0041\/ é"},"hash":"13a2d5ceae8ea148d61adb33b4e498194cfb31fbf8de565069445274bd95cb8f"}`

func goldenEvent() eventstore.Event {
	ev := eventstore.Event{
		Seq: 1, ID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), Type: "account.opened", Subject: "accounts/12345678",
		Time: time.Date(2026, 1, 2, 3, 4, 5, 60_000_000, time.UTC),
		Meta: eventstore.MetaOf(map[string]string{"requestId": "r-1", `a "b"`: "<&>é"}), Data: `{"n":1.50,"s":"\u0041\/ é"}`,
	}
	ev.Hash = ev.ChainHash(eventstore.Hash{})
	return ev
}

func TestTheLineOfAnEventNeverChanges(t *testing.T) {
	line, err := transfer.AppendLine(nil, goldenEvent())
	if err != nil || string(line) != golden {
		t.Errorf("%v\n got %s\nwant %s", err, line, golden)
	}
	ev, err := transfer.ParseLine([]byte(golden))
	if err != nil {
		t.Fatal(err)
	}
	if err := ev.Follows(eventstore.Head{}); err != nil {
		t.Error(err)
	}
}

// TestDataComesBackByteByByte: a hash is taken over it.
func TestDataComesBackByteByByte(t *testing.T) {
	for _, data := range []string{
		`{}`, `{"a":1}`, `{ "a" : 1 }`, `{"a":"\u0041"}`, `{"a":1e5,"b":-0.0}`, // as they are
		"{\n\"a\":1}", ` {}`, "{}\n", `{"a":1,"a":2}`, `no JSON`, `{"a":1}{"b":2}`, `1,"b":2`, "\"\xe2\x80\xa8\"", `"a`, `""`, "\x01\x02",
		strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), strings.Repeat("[", 999) + strings.Repeat("]", 999),
	} {
		ev := goldenEvent()
		ev.Data = data
		line, err := transfer.AppendLine(nil, ev)
		if err != nil || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("%.40q: %v, %.80q", data, err, line)
		}
		if again, err := transfer.ParseLine(line); err != nil || again.Data != data {
			t.Errorf("%.40q became %.40q, %v", data, again.Data, err)
		}
	}
}

func TestALineInAnotherFormIsRefused(t *testing.T) {
	for name, change := range map[string][2]string{
		"a blank":               {`{"seq"`, `{ "seq"`},
		"a member more":         {`"hash"`, `"extra":1,"hash"`},
		"a member less":         {`"type":"account.opened",`, ``},
		"another order":         {`"seq":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057"`, `"id":"01890a5d-ac96-774b-bcce-b302099a8057","seq":1`},
		"a member twice":        {`"seq":1`, `"seq":1,"seq":1`},
		"a number as text":      {`"seq":1`, `"seq":"1"`},
		"a number in full":      {`"seq":1`, `"seq":1.0`},
		"upper case":            {`ceae`, `CEAE`},
		"another zone":          {`060Z`, `060+00:00`},
		"microseconds":          {`060Z`, `060000Z`},
		"no such day":           {`2026-01-02`, `2026-02-30`},
		"meta that is not text": {`"requestId":"r-1"`, `"requestId":1`},
		"no meta":               {`"meta":{"a \"b\"":"<&>é","requestId":"r-1"}`, `"meta":null`},
		"data and text":         {`"hash"`, `"dataText":"{}","hash"`},
		"an escape too many":    {`accounts/`, `accounts\/`},
		"a short hash":          {`cb8f"}`, `bb"}`},
		"something behind":      {`cb8f"}`, `cb8f"} `},
		"invalid UTF-8":         {`é"}`, "\xff\"}"},
	} {
		text := strings.Replace(golden, change[0], change[1], 1)
		if text == golden {
			t.Errorf("%s: nothing to change", name)
		}
		if _, err := transfer.ParseLine([]byte(text)); err == nil {
			t.Errorf("%s was accepted: %s", name, text)
		}
	}
}

// FuzzParseLine: whatever is accepted is written the same way again.
func FuzzParseLine(f *testing.F) {
	f.Add([]byte(golden))
	f.Add([]byte(strings.Replace(golden, `"data":{"n":1.50,"s":"\u0041\/ é"}`, `"dataText":"no\njson"`, 1)))
	f.Add([]byte(`{"seq":1}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, text []byte) {
		ev, err := transfer.ParseLine(text)
		if err != nil {
			return
		}
		again, err := transfer.AppendLine(nil, ev)
		if err != nil || !bytes.Equal(text, again) {
			t.Errorf("%q became %q, %v", text, again, err)
		}
	})
}
