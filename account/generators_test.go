package account_test

import (
	"math"
	"strings"

	"pgregory.net/rapid"

	"openpayment/account"
)

// Few numbers, so that commands and events meet.
var numbers = rapid.SampledFrom([]account.Number{"000001", "000002", "12345678", "123456789012", "1234567", "999999"})

var sortCodes = rapid.SampledFrom([]string{"10-20-30", "102030", "40-50-60", "00-00-00"})

var currencies = rapid.SampledFrom([]account.Currency{"GBP", "EUR", "JPY"})

var goodURLs = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
	"http://a", "http://b", "https://example.com/1", "https://example.com/2", "https://[::1]:8080/?q=%20",
	"https://example.com/" + strings.Repeat("x", 2000),
}), 0, 4, rapid.ID)

// Few subjects, of other services and of accounts, so that events meet.
var foreignSubjects = rapid.SampledFrom([]string{"customers/1", "customers/2", "orders/1", "accounts/000001", "accounts/12345678", "", "x"})

// hostile is text that nobody should send.
var hostile = rapid.OneOf(
	rapid.SampledFrom([]string{"", "../x", "１２３４５６", "123\u200b456", "10–20–30", "gbp", "\x00", "\xff\xfe", "http://", "%", strings.Repeat("9", 70_000)}),
	rapid.String(),
)

func text[T ~string](good *rapid.Generator[T]) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 9).Draw(t, "good?") > 0 {
			return string(good.Draw(t, "good"))
		}
		return hostile.Draw(t, "hostile")
	})
}

var urlLists = rapid.OneOf(goodURLs, goodURLs, goodURLs, rapid.Just[[]string](nil), rapid.SliceOfN(hostile, 0, 40))

var matches = rapid.Custom(func(t *rapid.T) *account.Match {
	switch rapid.IntRange(0, 3).Draw(t, "match") {
	case 0:
		return nil
	case 1:
		return &account.Match{Any: true, Version: rapid.Int64().Draw(t, "ignored")}
	case 2:
		return &account.Match{Version: rapid.Int64().Draw(t, "any version")}
	default:
		return &account.Match{Version: rapid.Int64Range(0, 20).Draw(t, "version")}
	}
})

// commands are of every kind, good ones mostly.
var commands = rapid.OneOf(rapid.Map(opens, asCommand), rapid.Map(updates, asCommand), rapid.Map(closes, asCommand),
	rapid.Map(deposits, asCommand), rapid.Map(withdrawals, asCommand), rapid.Map(transfers, asCommand), zeroes)

func asCommand[C account.Command](c C) account.Command { return c }

var zeroes = rapid.SampledFrom([]account.Command{
	account.Open{}, account.Update{}, account.Close{}, account.Deposit{}, account.Withdraw{}, account.Transfer{},
})

var opens = rapid.Custom(func(t *rapid.T) account.Open {
	c := account.Open{
		SortCode:     text(sortCodes).Draw(t, "sort code"),
		CustomerURLs: urlLists.Draw(t, "customers"), CardURLs: urlLists.Draw(t, "cards"),
	}
	if rapid.Bool().Draw(t, "named?") {
		c.Number = text(numbers).Draw(t, "number")
	}
	if rapid.Bool().Draw(t, "propose?") {
		c.Propose = func() account.Number { return numbers.Draw(t, "proposal") }
	}
	if rapid.Bool().Draw(t, "currency?") {
		c.Currency = text(currencies).Draw(t, "currency")
	}
	return c
})

var updates = rapid.Custom(func(t *rapid.T) account.Update {
	n := text(numbers).Draw(t, "account")
	c := account.Update{
		Account: account.Number(n), Match: matches.Draw(t, "match"),
		SortCode:     rapid.Ptr(text(sortCodes), true).Draw(t, "sort code"),
		CustomerURLs: rapid.Ptr(urlLists, true).Draw(t, "customers"),
		CardURLs:     rapid.Ptr(urlLists, true).Draw(t, "cards"),
		Number:       rapid.Ptr(rapid.SampledFrom([]string{n, n, "000001"}), true).Draw(t, "number"),
		Currency:     rapid.Ptr(text(currencies), true).Draw(t, "currency"),
	}
	return c
})

var closes = rapid.Custom(func(t *rapid.T) account.Close {
	return account.Close{Account: account.Number(text(numbers).Draw(t, "account")), Match: matches.Draw(t, "match")}
})

// amounts are small ones mostly, so that balances meet them; and all others.
var amounts = rapid.OneOf(
	rapid.Int64Range(1, 9), rapid.Int64Range(1, 9),
	rapid.SampledFrom([]int64{0, -1, 1, account.MaxBalance - 1, account.MaxBalance, account.MaxBalance + 1, math.MaxInt64, math.MinInt64}),
	rapid.Int64(),
)

var references = rapid.OneOf(rapid.Just(""), rapid.StringN(0, 150, -1), hostile)

var deposits = rapid.Custom(func(t *rapid.T) account.Deposit {
	return account.Deposit{
		Account: account.Number(text(numbers).Draw(t, "account")), Match: matches.Draw(t, "match"),
		Amount: amounts.Draw(t, "amount"), Currency: account.Currency(text(currencies).Draw(t, "currency")),
		Reference: references.Draw(t, "reference"),
	}
})

var withdrawals = rapid.Map(deposits, func(d account.Deposit) account.Withdraw { return account.Withdraw(d) })

var transfers = rapid.Custom(func(t *rapid.T) account.Transfer {
	d := deposits.Draw(t, "what")
	return account.Transfer{
		From: d.Account, To: account.Number(text(numbers).Draw(t, "to")), Match: d.Match,
		Amount: d.Amount, Currency: d.Currency, Reference: d.Reference,
	}
})

// views are accounts in any condition, ones no history leads to included.
var views = rapid.Custom(func(t *rapid.T) accounts {
	v := make(accounts)
	for _, n := range rapid.SliceOfDistinct(numbers, rapid.ID).Draw(t, "accounts") {
		seq := rapid.Int64Range(1, 20).Draw(t, "version")
		v[n] = &account.Account{
			Number: n, SortCode: "10-20-30", Currency: currencies.Draw(t, "currency"),
			CustomerURLs: goodURLs.Draw(t, "customers"), CardURLs: goodURLs.Draw(t, "cards"),
			Balance: rapid.OneOf(rapid.Int64Range(0, 9), amounts).Draw(t, "balance"),
			Status:  rapid.SampledFrom([]account.Status{account.StatusOpen, account.StatusOpen, account.StatusClosed}).Draw(t, "status"),
			Version: seq, OpenedAt: at(1).Time, UpdatedAt: at(seq).Time,
		}
	}
	return v
})

// events are possible and impossible ones.
var events = rapid.Custom(func(t *rapid.T) account.Event {
	n, code := numbers.Draw(t, "number"), "40-50-60"
	customers, cards := goodURLs.Draw(t, "customers"), goodURLs.Draw(t, "cards")
	amount, currency := amounts.Draw(t, "amount"), currencies.Draw(t, "currency")
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 0, 1:
		return account.Opened{Number: n, SortCode: code, CustomerURLs: customers, CardURLs: cards, Currency: currency}
	case 2, 3:
		return account.Updated{Number: n, SortCode: code, CustomerURLs: customers, CardURLs: cards}
	case 4, 5:
		return account.Deposited{Number: n, Amount: amount, Currency: currency}
	case 6:
		return account.Withdrawn{Number: n, Amount: amount, Currency: currency, Reference: "r"}
	case 7, 8:
		return account.Transferred{From: n, To: numbers.Draw(t, "to"), Amount: amount, Currency: currency}
	default:
		return account.Closed{Number: n}
	}
})
