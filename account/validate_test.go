package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"openpayment/account"
)

func TestAnAccountNumberIsSixToTwelveASCIIDigits(t *testing.T) {
	for _, s := range []string{"123456", "000000", "0123456789", "123456789012"} {
		if !account.ValidNumber(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for name, s := range map[string]string{
		"empty": "", "five digits": "12345", "thirteen digits": "1234567890123", "a letter": "12345a",
		"a space before": " 123456", "a space behind": "123456 ", "a newline": "123456\n", "a NUL": "123456\x00",
		"full-width digits": "１２３４５６", "Arabic-Indic digits": "١٢٣٤٥٦", "two full-width digits": "１２",
		"a zero-width space": "1234\u200b56", "a zero-width joiner": "123\u200d456", "a byte order mark": "\ufeff123456",
		"a path": "../x", "a path of digits": "../12345", "a sign": "-123456", "a plus": "+123456",
		"a fraction": "1234.56", "an exponent": "1234e5", "invalid UTF-8": "12345\xff", "superscripts": "12345²",
	} {
		if account.ValidNumber(s) {
			t.Errorf("%s: %q is let in", name, s)
		}
	}
}

func TestASortCodeIsSixDigitsInPairs(t *testing.T) {
	for written, stored := range map[string]string{
		"10-20-30": "10-20-30", "102030": "10-20-30", "00-00-00": "00-00-00", "000001": "00-00-01",
	} {
		ev, err := account.Decide(show(), account.Open{Number: "123456", SortCode: written})
		if err != nil {
			t.Errorf("%q is refused: %v", written, err)
			continue
		}
		if got := ev.(account.Opened).SortCode; got != stored {
			t.Errorf("%q is stored as %q", written, got)
		}
	}
	for _, s := range []string{
		"", "10", "10-20", "10-20-3", "10-20-300", "10-20-30-40", "10-2030", "1020-30", "1-2-34", "1-2345", "--1234",
		"10 20 30", "10/20/30", "10–20–30", "10-20-30 ", " 102030", "10-20-30\n", "ab-cd-ef", "abcdef", "10203", "1020304",
		"１０-２０-３０", "１０", "102\u200b0", "+10203", "10-+2-30", "../x/y",
	} {
		if faults := (account.Open{Number: "123456", SortCode: s}).Validate(); !slices.Equal(pointers(faults), []string{"/sortCode"}) {
			t.Errorf("sort code %q: faults %v", s, faults)
		}
	}
}

func TestACurrencyIsAnActiveCodeInCapitals(t *testing.T) {
	for _, c := range []account.Currency{"GBP", "EUR", "USD", "JPY", "AED", "ZWG", "XOF"} {
		if !account.KnownCurrency(c) {
			t.Errorf("%s is unknown", c)
		}
	}
	for _, c := range []account.Currency{
		"", " ", "GB", "GBPS", "gbp", "Gbp", "XXX", "XAU", "HRK", "DEM", "ED ", " AE", "D A", "GBP ", "AED AFN", "ＧＢＰ", "GB\u200b", "£",
	} {
		if account.KnownCurrency(c) {
			t.Errorf("%q is known", c)
		}
	}
	ev, err := account.Decide(show(), account.Open{Number: "123456", SortCode: "102030"})
	if err != nil || ev.(account.Opened).Currency != account.DefaultCurrency {
		t.Errorf("an account opened without a currency: %v, %v", ev, err)
	}
}

func TestAURLIsAbsoluteAndHTTP(t *testing.T) {
	long := "https://example.com/" + strings.Repeat("a", account.MaxURLChars-len("https://example.com/"))
	for _, u := range []string{
		"http://example.com", "https://example.com/", "HTTPS://EXAMPLE.COM/A", "https://example.com:8443/a/b;c?q=1&r=%20#f",
		"https://[2001:db8::1]/x", "http://127.0.0.1", "https://user@example.com/", "https://example.com/%E2%80%8B", long,
	} {
		if faults := withCustomers(u).Validate(); faults != nil {
			t.Errorf("%.60q is refused: %v", u, faults)
		}
	}
	for name, u := range map[string]string{
		"empty": "", "a path": "../x", "an absolute path": "/x", "no scheme": "example.com/x", "no scheme, slashes": "//example.com/x",
		"another scheme": "ftp://example.com/", "a script": "javascript:alert(1)", "a data URL": "data:,x", "no host": "https:///x",
		"a port for a host": "http://:80/", "no authority": "http:example.com", "a bad escape": "https://example.com/%zz",
		"a bad port": "https://example.com:x/", "a space": "https://example.com/a b", "a space before": " https://example.com",
		"a newline": "https://example.com/\n", "a tab": "https://example.com/\ta", "a NUL": "https://example.com/\x00",
		"a delete": "https://example.com/\x7f", "a zero-width space": "https://example.com/\u200b",
		"a zero-width joiner in the host": "https://exam\u200dple.com/", "a byte order mark": "\ufeffhttps://example.com",
		"full-width digits": "https://example.com/１２", "a full-width dot": "https://example．com/", "Cyrillic": "https://еxample.com/",
		"an encoded zero-width space in the host": "https://exam%E2%80%8Bple.com/", "right-to-left": "https://example.com/\u202e", "invalid UTF-8": "https://example.com/\xff", "quotes": `https://example.com/"`,
		"angles": "https://example.com/<a>", "a backslash": `https://example.com\x`, "braces": "https://example.com/{id}",
		"a caret": "https://example.com/^", "a bar": "https://example.com/|", "a backtick": "https://example.com/`",
		"2,049 characters": long + "a",
	} {
		if faults := withCustomers("https://a.example", u).Validate(); !slices.Equal(pointers(faults), []string{"/customerURLs/1"}) {
			t.Errorf("%s: %.60q: faults %v", name, u, faults)
		}
	}
}

func withCustomers(urls ...string) account.Open {
	return account.Open{Number: "123456", SortCode: "102030", CustomerURLs: urls}
}

func TestListsOfURLsAreBounded(t *testing.T) {
	urls := func(n, size int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf("https://example.com/%04d", i)
			all[i] += strings.Repeat("x", size-len(all[i]))
		}
		return all
	}
	cases := []struct {
		name             string
		customers, cards []string
		faults           []string
	}{
		{"32 in each list", urls(32, 40), urls(32, 40), nil},
		{"33 customers", urls(33, 40), nil, []string{"/customerURLs"}},
		{"33 cards", nil, urls(33, 40), []string{"/cardURLs"}},
		{"33 and two bad ones", append(urls(33, 40), "x", "y"), nil, []string{"/customerURLs", "/customerURLs/33", "/customerURLs/34"}},
		{"far too many bad ones", urls(1000, 40), append(urls(1100, 40), "x"), []string{"/customerURLs", "/cardURLs", "/customerURLs"}},
		{"exactly 32 KiB in one list", urls(16, 2048), nil, nil},
		{"exactly 32 KiB in two lists", urls(8, 2048), urls(8, 2048), nil},
		{"a byte more than 32 KiB", urls(16, 2048), []string{"http://a"}, []string{"/customerURLs"}},
		{"the same URL in both lists", urls(3, 40), urls(3, 40), nil},
		{"a repeat", []string{"http://a", "http://b", "http://a"}, nil, []string{"/customerURLs/2"}},
		{"each repeat", nil, []string{"http://a", "http://a", "http://a"}, []string{"/cardURLs/1", "/cardURLs/2"}},
		{"repeats of something bad", []string{"x", "x"}, nil, []string{"/customerURLs/0", "/customerURLs/1"}},
		{"both too many and too much", urls(33, 2000), urls(33, 40), []string{"/customerURLs", "/cardURLs", "/customerURLs"}},
	}
	for _, c := range cases {
		open := account.Open{Number: "123456", SortCode: "102030", CustomerURLs: c.customers, CardURLs: c.cards}
		if got := pointers(open.Validate()); !slices.Equal(got, c.faults) {
			t.Errorf("open, %s: faults at %v, want %v", c.name, got, c.faults)
		}
		update := account.Update{Account: "123456", CustomerURLs: &c.customers, CardURLs: &c.cards}
		if got := pointers(update.Validate()); !slices.Equal(got, c.faults) {
			t.Errorf("update, %s: faults at %v, want %v", c.name, got, c.faults)
		}
	}
}

func TestAllFaultsAreListedAtOnce(t *testing.T) {
	open := account.Open{
		Number: "../x", SortCode: "10–20–30", Currency: "gbp",
		CustomerURLs: []string{"https://a.example", "../x", "https://a.example", "https://a\u200b.example"},
		CardURLs:     []string{"https://a.example", "https://a.example"},
	}
	want := []string{
		"/accountNumber must be 6 to 12 digits, 0 to 9",
		"/sortCode must be six digits, as 10-20-30 or 102030",
		"/customerURLs/1 must be an absolute URL, such as https://example.com/path",
		"/customerURLs/2 repeats /customerURLs/0",
		"/customerURLs/3 holds a character that must be percent-encoded in a URL",
		"/cardURLs/1 repeats /cardURLs/0",
		"/currency must be a currency code of ISO 4217 in capital letters, such as GBP",
	}
	r := wantRefusal(t, check(open), account.CodeInvalid)
	var got []string
	for _, f := range r.Faults {
		got = append(got, f.Pointer+" "+f.Detail)
	}
	if !slices.Equal(got, want) {
		t.Errorf("open:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	update := account.Update{
		Account: "12345678", Number: ptr("87654321"), SortCode: ptr(""), Currency: ptr("POUND"),
		CustomerURLs: &[]string{"x"}, CardURLs: &[]string{"http://a", "http://a"},
	}
	r = wantRefusal(t, check(update), account.CodeInvalid)
	if got, want := pointers(r.Faults), []string{"/accountNumber", "/sortCode", "/customerURLs/0", "/cardURLs/1", "/currency"}; !slices.Equal(got, want) {
		t.Errorf("update: faults at %v, want %v", got, want)
	}
}

func TestASingleFaultIsTheDetail(t *testing.T) {
	r := wantRefusal(t, check(account.Open{Number: "1", SortCode: "102030"}), account.CodeInvalid)
	if want := "/accountNumber must be 6 to 12 digits, 0 to 9"; r.Detail != want {
		t.Errorf("detail %q, want %q", r.Detail, want)
	}
}

func TestTheZeroCommandsAreNoAccident(t *testing.T) {
	if got := pointers(account.Open{}.Validate()); !slices.Equal(got, []string{"/accountNumber", "/sortCode"}) {
		t.Errorf("the zero Open has faults at %v", got)
	}
	if faults := (account.Update{}).Validate(); faults != nil {
		t.Errorf("the zero Update asks for no change, and has faults %v", faults)
	}
	if faults := (account.Close{}).Validate(); faults != nil {
		t.Errorf("the zero Close has faults %v", faults)
	}
	for _, c := range []account.Command{account.Update{}, account.Close{}} {
		_, err := account.Decide(show(), c)
		wantRefusal(t, err, account.CodeAccountNotFound)
	}
}

func TestWhatCannotChangeMayBeNamedInAnUpdate(t *testing.T) {
	v := show(known())
	if _, err := account.Decide(v, account.Update{Account: "12345678", Number: ptr("12345678"), Currency: ptr("GBP")}); err != nil {
		t.Errorf("naming what is: %v", err)
	}
	_, err := account.Decide(v, account.Update{Account: "12345678", Number: ptr("")})
	if r := wantRefusal(t, err, account.CodeInvalid); !slices.Equal(pointers(r.Faults), []string{"/accountNumber"}) {
		t.Errorf("another number: faults %v", r.Faults)
	}
	_, err = account.Decide(v, account.Update{Account: "12345678", Currency: ptr("EUR")})
	if r := wantRefusal(t, err, account.CodeInvalid); !slices.Equal(pointers(r.Faults), []string{"/currency"}) {
		t.Errorf("another currency: faults %v", r.Faults)
	}
}

// check gives the refusal of a command that is invalid by itself.
func check(c account.Command) error {
	_, err := account.Check(c)
	return err
}
