package api_test

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"openpayment/api"
	"openpayment/eventstore/eventstoretest"
)

// newBank is a rig with three open accounts, of which 111111 has 100 GBP, and a
// closed one, 444444. Its log has six events.
func newBank(t testing.TB) *rig {
	t.Helper()
	r := newRig(t)
	r.open("111111")
	r.open("222222")
	r.do("POST", "/v1/accounts", `{"accountNumber":"333333","sortCode":"10-20-30","currency":"JPY"}`).is(201, "")
	r.open("444444")
	r.do("DELETE", "/v1/accounts/444444", "").is(204, "")
	r.do("POST", "/v1/accounts/111111/deposits", `{"amount":100,"currency":"GBP"}`).is(201, "").has("Event-Position: 6")
	return r
}

// balance is what an account has, now or at a position.
func (r *rig) balance(account string) int64 {
	r.Helper()
	return r.do("GET", "/v1/accounts/"+account, "").is(200, "").account().Balance
}

func TestMoneyThatMovesIsAnsweredWithTheEvent(t *testing.T) {
	r := newBank(t)
	for i, c := range []struct{ path, body, typ, subject, data string }{
		{"/v1/accounts/111111/deposits", `{"amount":1250,"currency":"GBP","reference":"till 4"}`, "funds.deposited", "111111",
			`{"accountNumber":"111111","amount":1250,"currency":"GBP","reference":"till 4"}`},
		{"/v1/accounts/111111/withdrawals", `{"reference":"","currency":"GBP","amount":50}`, "funds.withdrawn", "111111",
			`{"accountNumber":"111111","amount":50,"currency":"GBP"}`},
		{"/v1/transfers", `{"from":"111111","to":"222222","amount":1300,"currency":"GBP","reference":"rent"}`, "funds.transferred", "111111",
			`{"from":"111111","to":"222222","amount":1300,"currency":"GBP","reference":"rent"}`},
	} {
		seq := fmt.Sprint(7 + i)
		got := r.do("POST", c.path, c.body, "X-Request-Id: r1").is(201, "").
			has("Event-Position: "+seq, "Applied-Position: "+seq, "Location: /v1/events/"+seq, "ETag:", "Dry-Run:", "Content-Type: application/json")
		want := regexp.MustCompile(`^\{"seq":` + seq + `,"id":"[0-9a-f-]{36}","type":"` + c.typ + `","subject":"accounts/` + c.subject +
			`","time":"[^"]{24}","meta":\{"requestId":"r1"\},"data":` + regexp.QuoteMeta(c.data) + `,"hash":"[0-9a-f]{64}"\}$`)
		if !want.Match(got.text) {
			t.Errorf("%s: %s", c.path, got.text)
		}
		if stored := r.do("GET", "/v1/events/"+seq, ""); string(stored.text) != string(got.text) {
			t.Errorf("%s was answered with %s, and stored as %s", c.path, got.text, stored.text)
		}
	}
	if from, to := r.balance("111111"), r.balance("222222"); from != 0 || to != 1300 {
		t.Errorf("balances of %d and %d", from, to)
	}
}

func TestATransferIsSeenFromBothSides(t *testing.T) {
	r := newBank(t)
	r.do("POST", "/v1/transfers", `{"from":"111111","to":"222222","amount":30,"currency":"GBP"}`).is(201, "")
	r.do("POST", "/v1/transfers", `{"from":"222222","to":"111111","amount":20,"currency":"GBP"}`).is(201, "")
	for path, seqs := range map[string]string{
		"/v1/accounts/111111/events":                          "1 6 7 8",
		"/v1/accounts/222222/events?order=desc":               "8 7 2",
		"/v1/accounts/333333/events":                          "3",
		"/v1/events?subject=accounts/111111":                  "1 6 7 8",
		"/v1/events?subject=accounts/222222":                  "2 7 8",
		"/v1/events?subject=accounts/222222&type=account.x":   "",
		"/v1/events?subject=accounts/222222&limit=1&after=7":  "8",
		"/v1/events?subject=222222":                           "",
		"/v1/events?subject=accounts/":                        "",
		"/v1/events?type=funds.transferred":                   "7 8",
		"/v1/events?subject=accounts/2&type=funds.deposited":  "",
		"/v1/events?subject=accounts/111111&after=6&limit=10": "7 8",
	} {
		if got := r.do("GET", path, "").is(200, "").page().seqs(); got != seqs {
			t.Errorf("%s: %s", path, got)
		}
	}
	for at, want := range map[string][2]int64{"6": {100, 0}, "7": {70, 30}, "8": {90, 10}} {
		for i, number := range []string{"111111", "222222"} {
			if a := r.do("GET", "/v1/accounts/"+number+"?at="+at, "").is(200, "").account(); a.Balance != want[i] {
				t.Errorf("at %s: %+v", at, a)
			}
		}
	}
	for _, number := range []string{"111111", "222222"} {
		r.do("GET", "/v1/accounts/"+number, "").is(200, "").has(`ETag: "8"`)
	}
}

func TestAnAccountWithMoneyIsNotClosed(t *testing.T) {
	r := newBank(t)
	r.do("DELETE", "/v1/accounts/111111", "").is(409, "account-not-empty")
	r.do("DELETE", "/v1/accounts/111111", "", `If-Match: "1"`).is(412, "version-mismatch")
	r.do("POST", "/v1/accounts/111111/withdrawals", `{"amount":100,"currency":"GBP"}`).is(201, "")
	r.do("DELETE", "/v1/accounts/111111", "", `If-Match: "7"`).is(204, "")
}

// Each line has all the faults of the lines below it.
func TestRefusalsOfMoneyComeInTheirOrder(t *testing.T) {
	r := newBank(t)
	r.do("POST", "/v1/accounts/222222/deposits", `{"amount":9007199254740991,"currency":"GBP"}`).is(201, "")
	bad := spaces(1<<20 + 1)
	for i, c := range []struct {
		path, body string
		headers    []string
		status     int
		code       string
	}{
		{"/v1/transfer?dryRun=x", bad, []string{"Content-Type: x/y"}, 404, "route-not-found"},
		{"/v1/transfers?dryRun=x", bad, []string{"Content-Type: x/y"}, 413, "body-too-large"},
		{"/v1/transfers?dryRun=x", "{", []string{"Content-Type: x/y"}, 415, "unsupported-media-type"},
		{"/v1/transfers?dryRun=x", "{", []string{"If-Match: x"}, 400, "bad-parameter"},
		{"/v1/transfers", "{", []string{"If-Match: x"}, 400, "bad-header"},
		{"/v1/transfers", "{", nil, 400, "bad-json"},
		{"/v1/transfers", `{"from":"555555","to":"555555","amount":101,"currency":"XXX"}`, nil, 422, "invalid"},
		{"/v1/transfers", `{"from":"555555","to":"555555","amount":101,"currency":"EUR"}`, []string{`If-Match: "1"`}, 404, "account-not-found"},
		{"/v1/transfers", `{"from":"444444","to":"555555","amount":101,"currency":"EUR"}`, []string{`If-Match: "1"`}, 410, "account-closed"},
		{"/v1/transfers", `{"from":"444444","to":"444444","amount":101,"currency":"EUR"}`, []string{`If-Match: "1"`}, 410, "account-closed"},
		{"/v1/transfers", `{"from":"111111","to":"555555","amount":101,"currency":"EUR"}`, []string{`If-Match: "1"`}, 412, "version-mismatch"},
		{"/v1/transfers", `{"from":"111111","to":"555555","amount":101,"currency":"EUR"}`, nil, 404, "account-not-found"},
		{"/v1/transfers", `{"from":"111111","to":"444444","amount":101,"currency":"EUR"}`, nil, 410, "account-closed"},
		{"/v1/transfers", `{"from":"111111","to":"111111","amount":101,"currency":"EUR"}`, []string{`If-Match: "1"`}, 412, "version-mismatch"},
		{"/v1/transfers", `{"from":"111111","to":"111111","amount":101,"currency":"EUR"}`, []string{`If-Match: "6"`}, 422, "same-account"},
		{"/v1/transfers", `{"from":"111111","to":"222222","amount":101,"currency":"EUR"}`, nil, 422, "currency-mismatch"},
		{"/v1/transfers", `{"from":"111111","to":"333333","amount":101,"currency":"GBP"}`, nil, 422, "currency-mismatch"},
		{"/v1/transfers", `{"from":"111111","to":"222222","amount":101,"currency":"GBP"}`, nil, 422, "insufficient-funds"},
		{"/v1/transfers", `{"from":"111111","to":"222222","amount":100,"currency":"GBP"}`, nil, 422, "amount-out-of-range"},

		{"/v1/accounts/x/deposits", `{}`, nil, 422, "invalid"},
		{"/v1/accounts/x/deposits", `{"amount":1,"currency":"EUR"}`, nil, 404, "account-not-found"},
		{"/v1/accounts/555555/withdrawals", `{"amount":101,"currency":"EUR"}`, []string{`If-Match: "1"`}, 404, "account-not-found"},
		{"/v1/accounts/444444/withdrawals", `{"amount":101,"currency":"EUR"}`, []string{`If-Match: "1"`}, 410, "account-closed"},
		{"/v1/accounts/111111/withdrawals", `{"amount":101,"currency":"EUR"}`, []string{`If-Match: "1"`}, 412, "version-mismatch"},
		{"/v1/accounts/111111/withdrawals", `{"amount":101,"currency":"EUR"}`, []string{`If-Match: *`}, 422, "currency-mismatch"},
		{"/v1/accounts/111111/withdrawals", `{"amount":101,"currency":"GBP"}`, nil, 422, "insufficient-funds"},
		{"/v1/accounts/111111/deposits", `{"amount":9007199254740991,"currency":"EUR"}`, []string{`If-Match: "1"`}, 412, "version-mismatch"},
		{"/v1/accounts/111111/deposits", `{"amount":9007199254740991,"currency":"EUR"}`, nil, 422, "currency-mismatch"},
		{"/v1/accounts/111111/deposits", `{"amount":9007199254740991,"currency":"GBP"}`, nil, 422, "amount-out-of-range"},
	} {
		t.Run(fmt.Sprint(i, c.code), func(t *testing.T) {
			for _, query := range []string{"", "?dryRun=true"} {
				if query != "" && strings.Contains(c.path, "?") {
					continue
				}
				r.do("POST", c.path+query, c.body, c.headers...).is(c.status, c.code).has("Event-Position:", "Location:", "ETag:", "Dry-Run:")
			}
		})
	}
	r.store.OnHead(eventstoretest.FailHead)
	r.do("POST", "/v1/accounts/x/deposits", `{"amount":1,"currency":"EUR"}`).is(404, "account-not-found") // whatever the log says
	r.do("POST", "/v1/accounts/555555/deposits", `{"amount":1,"currency":"EUR"}`).is(503, "store-unavailable")
	r.store.OnHead(nil)
	got := r.do("POST", "/v1/transfers", `{"from":"111111","to":"222222","amount":1,"currency":"GBP"}`, `If-Match: "7"`).is(412, "version-mismatch").problem()
	if *got.Expected != 7 || *got.Actual != 6 { // 7 is the version of the other one
		t.Errorf("%+v", got)
	}
	if r.head() != 7 {
		t.Errorf("%d events", r.head())
	}
}

func TestAllFaultsOfABodyThatMovesMoneyAreListedAtOnce(t *testing.T) {
	r := newBank(t)
	for _, c := range []struct{ path, body, pointers string }{
		{"/v1/transfers", `{}`, "/from /to /amount /currency"},
		{"/v1/transfers", `[]`, ""},
		{"/v1/transfers", `{"from":111111,"to":null,"amount":"5","currency":[],"reference":7,"x":1,"balance":1}`, "/from /to /amount /currency /reference /x /balance"},
		{"/v1/transfers", `{"from":"1","to":"","amount":-5,"currency":"gbp","reference":"` + strings.Repeat("é", 141) + `"}`, "/from /to /amount /currency /reference"},
		{"/v1/transfers", `{"from":"111111","to":"../x","amount":5,"currency":"GBP"}`, "/to"},
		{"/v1/accounts/111111/deposits", `{}`, "/amount /currency"},
		{"/v1/accounts/111111/deposits", `{"amount":null,"currency":null,"reference":null}`, "/amount /currency /reference"},
		{"/v1/accounts/111111/deposits", `{"amount":5,"currency":"GBP","accountNumber":"111111","from":"111111"}`, "/accountNumber /from"},
		{"/v1/accounts/111111/withdrawals", `{"amount":{},"currency":"","reference":{}}`, "/amount /currency /reference"},
	} {
		if got := r.do("POST", c.path, c.body).is(422, "invalid"); got.pointers() != c.pointers {
			t.Errorf("%s %s: %s", c.path, c.body, got.text)
		}
	}
	if got := r.do("POST", "/v1/transfers", `{"form":"111111"}`).is(422, "invalid"); !strings.Contains(string(got.text), "did you mean from?") {
		t.Errorf("%s", got.text)
	}
	if got := r.do("POST", "/v1/accounts/111111/deposits", `{"amount":"5","currency":"GBP"}`); !strings.Contains(string(got.text), "without quotes") {
		t.Errorf("%s", got.text)
	}
	r.do("POST", "/v1/accounts/111111/deposits", `{"amount":5,"currency":"GBP","reference":"`+strings.Repeat("😀", 140)+`"}`).is(201, "")
}

func TestAnAmountIsAWholeNumberHoweverItIsWritten(t *testing.T) {
	r := newBank(t)
	deposit := func(amount string) response {
		return r.do("POST", "/v1/accounts/222222/deposits", `{"amount":`+amount+`,"currency":"GBP"}`)
	}
	zeros := strings.Repeat("0", 100_000)
	for _, bad := range []string{"0", "-0", "-1", "0.0", "1.5", "0.1", "1e-1", "1e400", "-1e400", "1e-400", "1e99999999999999999999", "1E-99999999999999999999", "9007199254740992",
		"9007199254740991.5", "9007199254740991.00000000000000000000001", "9223372036854775807", "9223372036854775808", "18446744073709551617", "1" + zeros, "1." + zeros + "1", `"1"`, "true", "null", "[1]", "{}"} {
		if got := deposit(bad).is(422, "invalid").pointers(); got != "/amount" {
			t.Errorf("%.50s: faults at %s", bad, got)
		}
	}
	total := int64(0)
	for good, want := range map[string]int64{"1": 1, "1.0": 1, "1e3": 1000, "1E+3": 1000, "12.50e2": 1250, "1000e-3": 1, "1." + zeros: 1, "0.005e3": 5, "1" + zeros + "e-100000": 1, "4503599627370497": 4503599627370497} {
		r.apart = len(good) > len(zeros) // kin-openapi reads only 10,000 digits of an exponent
		if got := deposit(good).is(201, "").text; !strings.Contains(string(got), fmt.Sprintf(`"amount":%d,`, want)) {
			t.Errorf("%.50s: %s", good, got)
		}
		if total += want; r.balance("222222") != total {
			t.Errorf("%.50s: a balance of %d, want %d", good, r.balance("222222"), total)
		}
	}
}

func TestWholeNumbersAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		exact, _ := new(big.Rat).SetString(s)
		got, ok := api.WholeNumber(s)
		fits := exact.IsInt() && exact.Num().IsInt64()
		if ok != fits && !(exact.IsInt() && exact.Num().BitLen() > 63) || ok && exact.Num().Int64() != got {
			t.Fatalf("%s is read as %d, %t", s, got, ok)
		}
	})
}

func TestADryRunOfMoneyAnswersAsIf(t *testing.T) {
	r := newBank(t)
	for path, body := range map[string]string{
		"/v1/accounts/111111/deposits":    `{"amount":5,"currency":"GBP","reference":"x"}`,
		"/v1/accounts/111111/withdrawals": `{"amount":5,"currency":"GBP"}`,
		"/v1/transfers":                   `{"from":"111111","to":"222222","amount":5,"currency":"GBP"}`,
	} {
		got := r.do("POST", path+"?dryRun=true", body, "X-Request-Id: r1", "Idempotency-Key: k", `If-Match: "6"`).is(201, "").
			has("Dry-Run: true", "Event-Position:", "ETag:", "Location:", "Applied-Position: 6")
		want := regexp.MustCompile(`^\{"seq":7,"type":"funds\.[a-z]+","subject":"accounts/111111","time":"[^"]{24}","meta":\{"requestId":"r1"\},"data":\{.*"amount":5,.*\}\}$`)
		if !want.Match(got.text) {
			t.Errorf("%s: %s", path, got.text)
		}
	}
	if r.head() != 6 || r.balance("111111") != 100 {
		t.Errorf("%d events, a balance of %d", r.head(), r.balance("111111"))
	}
}

func TestAPreconditionOfATransferIsOnThePayer(t *testing.T) {
	r := newBank(t)
	body := `{"from":"111111","to":"222222","amount":5,"currency":"GBP"}`
	r.do("POST", "/v1/transfers", body, `If-Match: "2"`).is(412, "version-mismatch")
	r.do("POST", "/v1/transfers", body, `If-Match: W/"6"`).is(412, "version-mismatch")
	r.do("POST", "/v1/transfers", body, `If-Match: "6"`).is(201, "")
	r.do("POST", "/v1/transfers", body, `If-Match: *`).is(201, "")
	r.do("POST", "/v1/accounts/222222/deposits", `{"amount":1,"currency":"GBP"}`, `If-Match: "8"`).is(201, "")
	r.do("POST", "/v1/accounts/222222/deposits", `{"amount":1,"currency":"GBP"}`, `If-Match: "8"`).is(412, "version-mismatch")
}

// FuzzTransfer: whatever is sent, the service does not fail, and no money comes
// or goes.
func FuzzTransfer(f *testing.F) {
	for _, seed := range []string{
		`{"from":"111111","to":"222222","amount":5,"currency":"GBP"}`, `{"from":"222222","to":"111111","amount":1e1,"currency":"GBP","reference":"x"}`,
		`{"from":"111111","to":"111111","amount":-0.0e-9,"currency":"JPY"}`, `{"amount":1e999999999999}`, `{}`,
	} {
		f.Add(seed)
	}
	r := newBank(f)
	f.Fuzz(func(t *testing.T, body string) {
		r := r.in(t)
		if got := r.do("POST", "/v1/transfers", body, "Content-Type: application/json"); got.status >= 500 {
			t.Errorf("%d %s", got.status, got.text)
		}
		if a, b := r.balance("111111"), r.balance("222222"); a < 0 || b < 0 || a+b != 100 {
			t.Errorf("balances of %d and %d", a, b)
		}
	})
}
