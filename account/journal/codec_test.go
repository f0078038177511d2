package journal_test

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

const (
	openedData  = `{"accountNumber":"12345678","sortCode":"10-20-30","customerURLs":[],"cardURLs":[],"currency":"GBP"}`
	updatedData = `{"accountNumber":"12345678","sortCode":"10-20-30","customerURLs":[],"cardURLs":[]}`
	closedData  = `{"accountNumber":"12345678"}`

	depositedData   = `{"accountNumber":"12345678","amount":5,"currency":"GBP","reference":"x"}`
	transferredData = `{"from":"12345678","to":"000001","amount":5,"currency":"GBP"}`
)

func TestWhatThisProgramDoesNotKnowIsAnError(t *testing.T) {
	const subject = "accounts/12345678"
	v2 := map[string]string{"dataVersion": "2"}
	cases := []struct {
		name               string
		typ, subject, data string
		meta               map[string]string
		mentions           string
	}{
		{"an unknown type of accounts", "account.frozen", subject, closedData, nil, "account.frozen"},
		{"an unknown type of funds", "funds.gambled", subject, `{}`, nil, "funds.gambled"},
		{"no type behind the prefix", "account.", subject, closedData, nil, "account."},
		{"a type in other letters", "account.Closed", subject, closedData, nil, "account.Closed"},
		{"a newer version", "account.closed", subject, closedData, v2, `"2"`},
		{"a newer version of an unknown type", "account.frozen", subject, closedData, v2, `"2"`},
		{"an empty version", "account.closed", subject, closedData, map[string]string{"dataVersion": ""}, `""`},
		{"a version written otherwise", "account.closed", subject, closedData, map[string]string{"dataVersion": "01"}, `"01"`},
		{"an unknown member", "account.closed", subject, `{"accountNumber":"12345678","reason":"x"}`, nil, "reason"},
		{"an unknown member that is null", "account.closed", subject, `{"accountNumber":"12345678","reason":null}`, nil, "reason"},
		{"a member in other letters", "account.closed", subject, `{"AccountNumber":"12345678"}`, nil, ""},
		{"a member twice", "account.closed", subject, `{"accountNumber":"12345678","accountNumber":"12345678"}`, nil, ""},
		{"a balance where none is", "account.opened", subject, strings.Replace(openedData, "}", `,"balance":5}`, 1), nil, "balance"},
		{"a member of another type's", "account.updated", subject, openedData, nil, "currency"},
		{"no currency", "account.opened", subject, updatedData, nil, ""},
		{"no sort code", "account.opened", subject, strings.Replace(openedData, `"sortCode":"10-20-30",`, "", 1), nil, ""},
		{"no customers", "account.updated", subject, strings.Replace(updatedData, `"customerURLs":[],`, "", 1), nil, ""},
		{"null for a list", "account.updated", subject, strings.Replace(updatedData, `"cardURLs":[]`, `"cardURLs":null`, 1), nil, ""},
		{"null for a number", "account.closed", "accounts/", `{"accountNumber":null}`, nil, ""},
		{"a number for a text", "account.closed", subject, `{"accountNumber":12345678}`, nil, ""},
		{"no account number", "account.closed", "accounts/", `{}`, nil, ""},
		{"something that is no account number", "account.closed", "accounts/../x", `{"accountNumber":"../x"}`, nil, ""},
		{"null", "account.closed", "accounts/", `null`, nil, ""},
		{"a list", "account.closed", subject, `["12345678"]`, nil, ""},
		{"no JSON", "account.closed", subject, `{`, nil, ""},
		{"nothing", "account.closed", subject, ``, nil, ""},
		{"a second document", "account.closed", subject, closedData + closedData, nil, ""},
		{"invalid UTF-8", "account.closed", subject, "{\"accountNumber\":\"1234567\xff\"}", nil, ""},
		{"no amount", "funds.deposited", subject, strings.Replace(depositedData, `"amount":5,`, "", 1), nil, ""},
		{"an amount of nothing", "funds.withdrawn", subject, strings.Replace(depositedData, "5", "0", 1), nil, ""},
		{"a negative amount", "funds.withdrawn", subject, strings.Replace(depositedData, "5", "-5", 1), nil, ""},
		{"half a penny", "funds.deposited", subject, strings.Replace(depositedData, "5", "0.5", 1), nil, ""},
		{"a fraction of nothing", "funds.deposited", subject, strings.Replace(depositedData, "5", "5.0", 1), nil, ""},
		{"a text for an amount", "funds.deposited", subject, strings.Replace(depositedData, "5,", `"5",`, 1), nil, ""},
		{"null for an amount", "funds.deposited", subject, strings.Replace(depositedData, "5,", "null,", 1), nil, ""},
		{"an amount beyond all", "funds.deposited", subject, strings.Replace(depositedData, "5,", "9223372036854775808,", 1), nil, ""},
		{"money without a currency", "funds.withdrawn", subject, strings.Replace(depositedData, `"currency":"GBP",`, "", 1), nil, ""},
		{"null for a reference", "funds.deposited", subject, strings.Replace(depositedData, `"x"`, "null", 1), nil, ""},
		{"an empty reference", "funds.deposited", subject, strings.Replace(depositedData, `"x"`, `""`, 1), nil, ""},
		{"a number for a reference", "funds.deposited", subject, strings.Replace(depositedData, `"x"`, "7", 1), nil, ""},
		{"a balance with a deposit", "funds.deposited", subject, strings.Replace(depositedData, "}", `,"balance":5}`, 1), nil, "balance"},
		{"a transfer to nobody", "funds.transferred", subject, strings.Replace(transferredData, `"to":"000001",`, "", 1), nil, ""},
		{"a transfer from nobody", "funds.transferred", "accounts/", strings.Replace(transferredData, `"from":"12345678",`, "", 1), nil, ""},
		{"a transfer of nothing", "funds.transferred", subject, strings.Replace(transferredData, `"amount":5,`, "", 1), nil, ""},
		{"a transfer's other account for its subject", "funds.transferred", "accounts/000001", transferredData, nil, "accounts/000001"},
		{"another account's subject", "account.closed", "accounts/87654321", closedData, nil, "accounts/87654321"},
		{"a subject of another kind", "account.closed", "customers/12345678", closedData, nil, "customers/12345678"},
		{"a subject in part", "account.opened", "12345678", openedData, nil, "12345678"},
		{"no subject", "account.updated", "", updatedData, nil, ""},
	}
	for _, c := range cases {
		got, err := journal.Decode(eventstore.Event{Seq: 4711, Type: c.typ, Subject: c.subject, Meta: eventstore.MetaOf(c.meta), Data: c.data})
		if err == nil || got != nil {
			t.Errorf("%s: %+v, %v", c.name, got, err)
			continue
		}
		if !strings.Contains(err.Error(), "event 4711") || !strings.Contains(err.Error(), c.mentions) {
			t.Errorf("%s: %q does not say what is wrong where", c.name, err)
		}
	}
}

func TestEventsOfOtherServicesAreNobodysBusiness(t *testing.T) {
	for _, typ := range []string{"customer.renamed", "account", "accounts.opened", "Account.opened", "funds", "fundsx.y", "x.account.opened", ""} {
		ev := eventstore.Event{Seq: 1, Type: typ, Subject: "accounts/12345678", Meta: eventstore.MetaOf(map[string]string{"dataVersion": "9"}), Data: "not even JSON"}
		if got, err := journal.Decode(ev); got != nil || err != nil {
			t.Errorf("%q: %+v, %v", typ, got, err)
		}
		if journal.Reserved(typ) {
			t.Errorf("%q is reserved", typ)
		}
	}
	for _, typ := range []string{"account.opened", "account.x", "account.", "funds.deposited", "funds."} {
		if !journal.Reserved(typ) {
			t.Errorf("%q is not reserved", typ)
		}
	}
}

func TestWhatCouldNotBeReadIsNotWritten(t *testing.T) {
	ok := journal.Stored["v1/account.opened"].(account.Opened)
	noList, noCode, noCurrency, noNumber := ok, ok, ok, ok
	noList.CardURLs, noCode.SortCode, noCurrency.Currency, noNumber.Number = nil, "", "", "../x"
	for name, ev := range map[string]account.Event{
		"a nil list": noList, "no sort code": noCode, "no currency": noCurrency, "no account number": noNumber,
		"no amount": account.Deposited{Number: "123456", Currency: "GBP"}, "a negative amount": account.Withdrawn{Number: "123456", Amount: -1, Currency: "GBP"},
		"a transfer to nobody": account.Transferred{From: "123456", Amount: 1, Currency: "GBP"}, "a transfer from nobody": account.Transferred{To: "123456", Amount: 1, Currency: "GBP"},
		"a transfer in nothing": account.Transferred{From: "123456", To: "654321", Amount: 1},
		"nothing at all":        account.Closed{}, "bad UTF-8": account.Updated{Number: "123456", SortCode: "\xff", CustomerURLs: []string{}, CardURLs: []string{}},
	} {
		if p, err := journal.Encode(ev, nil); err == nil {
			t.Errorf("%s is written as %+v", name, p)
		}
	}
	if p, err := journal.Encode(ok, eventstore.MetaOf(map[string]string{"dataVersion": "2"})); err == nil {
		t.Errorf("a version that the caller made up is written: %+v", p)
	}
}

var texts = rapid.OneOf(rapid.StringN(1, 20, -1), rapid.SampledFrom([]string{"10-20-30", "<&>", "\"\\/", "\u2028", "😀", "\x01"}))

var facts = rapid.Custom(func(t *rapid.T) account.Event {
	n := account.Number(rapid.StringMatching(`[0-9]{6,12}`).Draw(t, "number"))
	code := texts.Draw(t, "sort code")
	customers, cards := rapid.SliceOfN(rapid.String(), 0, 5).Draw(t, "customers"), rapid.SliceOfN(texts, 0, 5).Draw(t, "cards")
	amount, currency := rapid.Int64Range(1, account.MaxBalance).Draw(t, "amount"), account.Currency(texts.Draw(t, "currency"))
	reference := rapid.OneOf(rapid.Just(""), texts).Draw(t, "reference")
	switch rapid.IntRange(0, 5).Draw(t, "event") {
	case 0:
		return account.Opened{Number: n, SortCode: code, CustomerURLs: customers, CardURLs: cards, Currency: currency}
	case 1:
		return account.Updated{Number: n, SortCode: code, CustomerURLs: customers, CardURLs: cards}
	case 2:
		return account.Deposited{Number: n, Amount: amount, Currency: currency, Reference: reference}
	case 3:
		return account.Withdrawn{Number: n, Amount: amount, Currency: currency, Reference: reference}
	case 4:
		return account.Transferred{From: n, To: "123456", Amount: amount, Currency: currency, Reference: reference}
	default:
		return account.Closed{Number: n}
	}
})

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := facts.Draw(t, "event")
		p, err := journal.Encode(want, nil)
		if err != nil {
			t.Fatalf("encode %+v: %v", want, err)
		}
		got, err := journal.Decode(eventstore.Event{Seq: 1, Type: p.Type, Subject: p.Subject, Data: p.Data})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v was written as %s and read as %+v, %v", want, p.Data, got, err)
		}
		if again, err := decodeOtherwise(p.Type, p.Subject, p.Data, nil); err != nil || !reflect.DeepEqual(again, want) {
			t.Fatalf("%+v was written as %s and read by the library as %+v, %v", want, p.Data, again, err)
		}
	})
}

// decodeOtherwise has data read by the library of JSON: a space in front of it is no
// way in which this program writes, and means nothing.
func decodeOtherwise(typ, subject, data string, meta eventstore.Meta) (account.Event, error) {
	return journal.Decode(eventstore.Event{Seq: 1, Type: typ, Subject: subject, Data: " " + data, Meta: meta})
}

// Whatever stands in a log, reading it gives an answer, the same whichever way it is
// read; and what was read says the same when it is written again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []struct{ typ, data string }{
		{"account.opened", openedData}, {"account.updated", updatedData}, {"account.closed", closedData},
		{"funds.deposited", depositedData}, {"funds.withdrawn", depositedData}, {"funds.transferred", transferredData},
		{"account.frozen", closedData}, {"customer.renamed", "{}"}, {"account.closed", "null"},
		{"funds.deposited", `{"accountNumber":"12345678","amount":05,"currency":"GBP"}`}, {"funds.withdrawn", strings.Replace(depositedData, "5", "12345678901234567", 1)},
		{"funds.deposited", strings.Replace(depositedData, `"x"`, `""`, 1)}, {"funds.deposited", strings.Replace(depositedData, "x", "\x7f", 1)},
		{"account.updated", strings.Replace(updatedData, "[]", `["a",]`, 1)}, {"account.updated", strings.Replace(updatedData, "[]", `["a" ,"b"]`, 1)}, {"account.closed", closedData + "}"},
		{"account.opened", " { \"currency\" : \"\\u0047BP\", \"accountNumber\":\"12345678\",\"sortCode\":\"x\",\"customerURLs\":[\"\"],\"cardURLs\":[]}"},
	} {
		f.Add(seed.typ, "accounts/12345678", seed.data, "")
		f.Add(seed.typ, "accounts/12345678", seed.data, "1")
	}
	f.Fuzz(func(t *testing.T, typ, subject, data, version string) {
		ev := eventstore.Event{Seq: 1, Type: typ, Subject: subject, Data: data}
		if version != "" {
			ev.Meta = eventstore.MetaOf(map[string]string{"dataVersion": version})
		}
		got, err := journal.Decode(ev)
		if other, failed := decodeOtherwise(typ, subject, data, ev.Meta); !reflect.DeepEqual(got, other) || (err == nil) != (failed == nil) {
			t.Fatalf("%s is read as %+v (%v), and by the library as %+v (%v)", data, got, err, other, failed)
		}
		if err != nil || got == nil {
			if err == nil && journal.Reserved(typ) {
				t.Fatalf("%q was passed over", typ)
			}
			return
		}
		p, err := journal.Encode(got, nil)
		if err != nil || p.Type != typ || p.Subject != subject {
			t.Fatalf("%+v, read from %q of %q, is written as %+v: %v", got, typ, subject, p, err)
		}
		again, err := journal.Decode(eventstore.Event{Seq: 1, Type: p.Type, Subject: p.Subject, Data: p.Data})
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%s was read as %+v, then as %+v: %v", data, got, again, err)
		}
	})
}

func BenchmarkCodec(b *testing.B) {
	p, err := journal.Encode(journal.Stored["v1/account.opened"], nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = journal.Encode(journal.Stored["v1/account.opened"], nil)
		}
	})
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		ev := eventstore.Event{Seq: 1, Type: p.Type, Subject: p.Subject, Data: p.Data}
		for b.Loop() {
			_, _ = journal.Decode(ev)
		}
	})
}
