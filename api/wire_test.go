package api

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"openpayment/account"
)

func TestAnAccountIsWrittenAsByTheLibrary(t *testing.T) {
	texts := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"\xff", "a\xed\xa0\x80", "<&>", "\"\\/", "\u2028", "\x00\x7f", "https://customers.example/1?a=1&b=%20"}))
	lists := rapid.SliceOfN(texts, 0, 3)
	times := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(-1e12, 1e14).Draw(t, "milliseconds")).In(time.FixedZone("", rapid.IntRange(-40000, 40000).Draw(t, "zone")))
	})
	rapid.Check(t, func(t *rapid.T) {
		a := &account.Account{
			Number: account.Number(texts.Draw(t, "number")), SortCode: texts.Draw(t, "sort code"),
			CustomerURLs: lists.Draw(t, "customers"), CardURLs: lists.Draw(t, "cards"), Currency: account.Currency(texts.Draw(t, "currency")),
			Balance: rapid.Int64().Draw(t, "balance"), Status: account.Status(texts.Draw(t, "status")), Version: rapid.Int64().Draw(t, "version"),
			OpenedAt: times.Draw(t, "opened"), UpdatedAt: times.Draw(t, "updated"),
		}
		want, err := encode(toWire(a))
		if got := appendAccount(nil, a); err != nil || string(got) != string(want) {
			t.Fatalf("%+v is written as %s, by the library as %s, %v", a, got, want, err)
		}
	})
}
