package account_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"openpayment/account"
)

func TestDecideAnswersWithTheEventThatFollows(t *testing.T) {
	v := show(known(), account.Account{Number: "000001", Currency: "EUR", Status: account.StatusOpen, Version: 2, SortCode: "00-00-00", CustomerURLs: []string{}, CardURLs: []string{}})
	cases := []struct {
		name string
		c    account.Command
		want account.Event
	}{
		{"opening with everything named",
			account.Open{Number: "0012345", SortCode: "405060", CustomerURLs: []string{"http://a"}, CardURLs: []string{"http://b", "http://a"}, Currency: "EUR"},
			account.Opened{Number: "0012345", SortCode: "40-50-60", CustomerURLs: []string{"http://a"}, CardURLs: []string{"http://b", "http://a"}, Currency: "EUR"}},
		{"opening with nothing but the sort code",
			account.Open{SortCode: "40-50-60", Propose: func() account.Number { return "777777" }},
			account.Opened{Number: "777777", SortCode: "40-50-60", CustomerURLs: []string{}, CardURLs: []string{}, Currency: "GBP"}},
		{"replacing all details",
			account.Update{Account: "12345678", SortCode: ptr("112233"), CustomerURLs: &[]string{}, CardURLs: &[]string{"http://c"}},
			account.Updated{Number: "12345678", SortCode: "11-22-33", CustomerURLs: []string{}, CardURLs: []string{"http://c"}}},
		{"replacing one detail",
			account.Update{Account: "12345678", CardURLs: &[]string{"http://c"}},
			account.Updated{Number: "12345678", SortCode: "10-20-30", CustomerURLs: known().CustomerURLs, CardURLs: []string{"http://c"}}},
		{"replacing a list by nil",
			account.Update{Account: "12345678", CustomerURLs: ptr[[]string](nil)},
			account.Updated{Number: "12345678", SortCode: "10-20-30", CustomerURLs: []string{}, CardURLs: known().CardURLs}},
		{"an update that changes nothing",
			account.Update{Account: "12345678"},
			account.Updated{Number: "12345678", SortCode: "10-20-30", CustomerURLs: known().CustomerURLs, CardURLs: known().CardURLs}},
		{"an update of the version believed in",
			account.Update{Account: "000001", Match: &account.Match{Version: 2}},
			account.Updated{Number: "000001", SortCode: "00-00-00", CustomerURLs: []string{}, CardURLs: []string{}}},
		{"an update of any version",
			account.Update{Account: "000001", Match: &account.Match{Any: true, Version: 99}},
			account.Updated{Number: "000001", SortCode: "00-00-00", CustomerURLs: []string{}, CardURLs: []string{}}},
		{"closing", account.Close{Account: "12345678"}, account.Closed{Number: "12345678"}},
		{"closing the version believed in", account.Close{Account: "12345678", Match: &account.Match{Version: 17}}, account.Closed{Number: "12345678"}},
	}
	for _, c := range cases {
		got, err := account.Decide(v, c.c)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %+v, %v\nwant %+v", c.name, got, err, c.want)
		}
	}
}

// Each step mends the reason for the refusal before it, so that every code is
// seen to come before those below it.
func TestTheFirstReasonThatAppliesRefuses(t *testing.T) {
	open, shut := known(), but(closed)
	full := but(func(a *account.Account) { a.Balance = 1 })
	shutFull := but(func(a *account.Account) { a.Balance = 1; closed(a) })
	wrong := &account.Match{Version: 16}
	bad := account.Update{Account: "12345678", SortCode: ptr("x"), Currency: ptr("EUR"), Match: wrong}
	foreign := account.Update{Account: "12345678", Currency: ptr("EUR"), Match: wrong}
	matching := account.Update{Account: "12345678", Currency: ptr("EUR"), Match: &account.Match{Version: 17}}
	steps := []struct {
		name string
		v    account.View
		c    account.Command
		want account.Code
	}{
		{"malformed, missing", show(), bad, account.CodeInvalid},
		{"malformed, closed, mismatch", show(shut), bad, account.CodeInvalid},
		{"malformed, mismatch, another currency", show(open), bad, account.CodeInvalid},
		{"missing, mismatch, another currency", show(), foreign, account.CodeAccountNotFound},
		{"closed, mismatch, another currency", show(shut), foreign, account.CodeAccountClosed},
		{"mismatch, another currency", show(open), foreign, account.CodeVersionMismatch},
		{"another currency", show(open), matching, account.CodeInvalid},
		{"close: missing, mismatch", show(), account.Close{Account: "12345678", Match: wrong}, account.CodeAccountNotFound},
		{"close: missing, any version", show(), account.Close{Account: "12345678", Match: &account.Match{Any: true}}, account.CodeAccountNotFound},
		{"close: closed, mismatch, not empty", show(shutFull), account.Close{Account: "12345678", Match: wrong}, account.CodeAccountClosed},
		{"close: mismatch, not empty", show(full), account.Close{Account: "12345678", Match: wrong}, account.CodeVersionMismatch},
		{"close: not empty", show(full), account.Close{Account: "12345678"}, account.CodeAccountNotEmpty},
		{"open: malformed, used", show(open), account.Open{Number: "12345678", SortCode: "x"}, account.CodeInvalid},
		{"open: used", show(open), account.Open{Number: "12345678", SortCode: "102030"}, account.CodeAccountExists},
		{"open: used and closed", show(shut), account.Open{Number: "12345678", SortCode: "102030"}, account.CodeAccountExists},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			ev, err := account.Decide(s.v, s.c)
			r := wantRefusal(t, err, s.want)
			if ev != nil {
				t.Errorf("a refused command led to %+v", ev)
			}
			if (len(r.Faults) > 0) != (s.want == account.CodeInvalid) {
				t.Errorf("faults %v with code %s", r.Faults, r.Code)
			}
		})
	}
}

func TestAVersionMismatchSaysWhatWasExpectedAndWhatIs(t *testing.T) {
	for _, asked := range []int64{0, 16, 18, -1, 1 << 60} {
		_, err := account.Decide(show(known()), account.Close{Account: "12345678", Match: &account.Match{Version: asked}})
		if r := wantRefusal(t, err, account.CodeVersionMismatch); r.Expected != asked || r.Actual != 17 {
			t.Errorf("expected %d, actual %d, want %d and 17", r.Expected, r.Actual, asked)
		}
	}
}

func TestAMalformedNumberIsNotRepeated(t *testing.T) {
	for _, n := range []account.Number{"../x", "<script>", "１２３４５６", "12345678\n"} {
		_, err := account.Decide(show(known()), account.Close{Account: n})
		if r := wantRefusal(t, err, account.CodeAccountNotFound); strings.Contains(r.Detail, string(n)) {
			t.Errorf("the detail %q repeats it", r.Detail)
		}
	}
	if detail := account.NotFound("87654321").Detail; !strings.Contains(detail, "87654321") {
		t.Errorf("the detail %q does not name the account", detail)
	}
}

func TestLookupGivesOpenAccountsOnly(t *testing.T) {
	open := known()
	v := show(open, but(func(a *account.Account) { a.Number = "000001"; closed(a) }))
	if a, err := account.Lookup(v, "12345678"); err != nil || a != v["12345678"] {
		t.Errorf("an open account: %v, %v", a, err)
	}
	_, err := account.Lookup(v, "000001")
	wantRefusal(t, err, account.CodeAccountClosed)
	_, err = account.Lookup(v, "000002")
	wantRefusal(t, err, account.CodeAccountNotFound)
}

func TestNumbersAreProposedUntilOneIsFree(t *testing.T) {
	v := show()
	for i := range 99 {
		v[number(i)] = &account.Account{Number: number(i), Status: account.StatusClosed}
	}
	asked := 0
	open := account.Open{SortCode: "102030", Propose: func() account.Number { asked++; return number(asked - 1) }}
	ev, err := account.Decide(v, open)
	if err != nil || ev.(account.Opened).Number != number(99) || asked != 100 {
		t.Errorf("after %d proposals: %v, %v", asked, ev, err)
	}

	asked = 0
	v[number(99)] = &account.Account{Number: number(99), Status: account.StatusOpen}
	_, err = account.Decide(v, open)
	wantRefusal(t, err, account.CodeAccountExists)
	if asked != 100 {
		t.Errorf("gave up after %d proposals", asked)
	}
}

func TestAPatchOfOneListCountsTheOther(t *testing.T) {
	long := func(c string) []string {
		urls := make([]string, 9)
		for i := range urls {
			urls[i] = "https://example.com/" + string(rune('a'+i)) + strings.Repeat(c, 2000)
		}
		return urls
	}
	v := show(but(func(a *account.Account) { a.CustomerURLs = long("x") }))
	patch := account.Update{Account: "12345678", CardURLs: ptr(long("y"))}
	if faults := patch.Validate(); faults != nil {
		t.Fatalf("alone it is well: %v", faults)
	}
	_, err := account.Decide(v, patch)
	if r := wantRefusal(t, err, account.CodeInvalid); !slices.Equal(pointers(r.Faults), []string{"/customerURLs"}) {
		t.Errorf("faults %v", r.Faults)
	}
	patch.CustomerURLs = &[]string{}
	if _, err := account.Decide(v, patch); err != nil {
		t.Errorf("with the other list emptied: %v", err)
	}
}
