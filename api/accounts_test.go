package api_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"openpayment/api"
)

func TestAnAccountThatDoesNotExistIsNotFound(t *testing.T) {
	r := newRig(t)
	for _, number := range []string{"1", "12345678", "1234567890123", "abcdefgh", "..%2Fx", "%2e%2e", "-1", "12345678%20", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96",
		"1e5000", "%00", "%ff", "12345678;x=1", "*", "12345678.json", "%2F", strings.Repeat("1", 5000)} {
		for _, c := range [][2]string{{"GET", ""}, {"HEAD", ""}, {"DELETE", ""}, {"PUT", `{"sortCode":"10-20-30"}`}, {"PATCH", `{}`}} {
			got := r.do(c[0], "/v1/accounts/"+number, c[1]).is(404, "")
			if c[0] != "HEAD" {
				got.is(404, "account-not-found")
			}
		}
		r.do("GET", "/v1/accounts/"+number+"?at=0", "").is(404, "account-not-found")
		r.do("GET", "/v1/accounts/"+number+"/events", "").is(404, "account-not-found")
	}
}

func TestAPathSegmentIsDecodedAfterRouting(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	r.do("GET", "/v1/accounts/%31234567%38", "").is(200, "")
	r.do("GET", "/v1/events/%31", "").is(200, "")
	r.do("GET", "/v1%2Faccounts", "").is(404, "route-not-found")
	r.do("GET", "/v1/%61ccounts", "").is(404, "route-not-found")
}

func TestAnAccountKnownToTheClientIsNotSentAgain(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	for _, same := range []string{`"1"`, `W/"1"`, `"0", "1"`, `"0",,W/"1" `, `*`, ` * `, `"a,b" , "1"`} {
		got := r.do("GET", "/v1/accounts/12345678", "", "If-None-Match: "+same).is(304, "").has(`ETag: "1"`, "Applied-Position: 1", "Content-Type:")
		if len(got.text) > 0 {
			t.Errorf("%s: %s", same, got.text)
		}
		r.do("HEAD", "/v1/accounts/12345678", "", "If-None-Match: "+same).is(304, "")
	}
	for _, other := range []string{`"2"`, `"01"`, `W/"11"`, `"a\"`} {
		r.do("GET", "/v1/accounts/12345678", "", "If-None-Match: "+other).is(200, "").has(`ETag: "1"`)
	}
	for _, bad := range []string{`1`, ``, `"1" "2"`, `"1`, `*, "1"`, `w/"1"`, `,`} {
		r.do("GET", "/v1/accounts/12345678", "", "If-None-Match: "+bad).is(400, "bad-header")
		r.do("GET", "/v1/accounts/12345678?at=1", "", "If-None-Match: "+bad).is(400, "bad-header")
	}
	r.do("GET", "/v1/accounts/12345678", "", `If-None-Match: "0"`, `If-None-Match: "1"`).is(304, "")
	r.do("GET", "/v1/accounts/99999999", "", `If-None-Match: *`).is(404, "account-not-found")
	r.do("DELETE", "/v1/accounts/12345678", "").is(204, "")
	r.do("GET", "/v1/accounts/12345678", "", `If-None-Match: *`).is(410, "account-closed")
}

func TestTheListOfAccountsCanBePagedThrough(t *testing.T) {
	r := newRig(t)
	numbers := []string{"000009", "123456", "1234567", "222222", "333333", "444444"}
	for _, n := range slices.Backward(numbers) {
		r.open(n)
	}
	r.do("DELETE", "/v1/accounts/333333", "").is(204, "")
	open := append(slices.Clone(numbers[:4]), numbers[5])
	var found []string
	path := "/v1/accounts?limit=2&sortCode=102030&other=%26"
	for pages := 0; path != ""; pages++ {
		if pages > 3 {
			t.Fatal("no end")
		}
		var body struct {
			Items      []accountBody
			NextCursor *string
		}
		got := r.do("GET", path, "").is(200, "").has("Applied-Position: 7", "ETag:")
		got.decode(&body)
		for _, a := range body.Items {
			found = append(found, a.AccountNumber)
		}
		if path = ""; body.NextCursor != nil {
			link := got.header.Get("Link")
			path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
			if u, err := url.Parse(path); err != nil || u.Query().Get("cursor") != *body.NextCursor || u.Query().Get("limit") != "2" ||
				u.Query().Get("other") != "&" || url.QueryEscape(*body.NextCursor) != *body.NextCursor {
				t.Fatalf("Link: %s", link)
			}
		} else {
			got.has("Link:")
		}
	}
	if !slices.Equal(found, open) {
		t.Errorf("found %v", found)
	}
	if got := string(r.do("GET", "/v1/accounts?customer=https://nobody.example", "").is(200, "").text); got != `{"items":[]}` {
		t.Error(got)
	}
	for query, want := range map[string]int{
		"limit=5": 5, "limit=1000": 5, "customer=" + url.QueryEscape("https://c.example/222222"): 1, "sortCode=99-99-99": 0,
	} {
		var body struct{ Items []accountBody }
		got := r.do("GET", "/v1/accounts?"+query, "").is(200, "")
		if got.decode(&body); len(body.Items) != want || strings.Contains(string(got.text), "nextCursor") {
			t.Errorf("%s: %s", query, got.text)
		}
	}
}

func TestParametersThatCannotBeReadAreRefused(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	r.open("222222")
	for _, limit := range []string{"0", "1001", "-1", "x", "", "1.5", "%2B5", "1e2", "99999999999999999999", "+7", "0x10", "%D9%A1"} {
		for _, path := range []string{"/v1/accounts", "/v1/events", "/v1/accounts/111111/events"} {
			r.do("GET", path+"?limit="+limit, "").is(400, "bad-parameter")
		}
	}
	cursor := func(query string) string {
		var body struct{ NextCursor string }
		r.do("GET", query, "").is(200, "").decode(&body)
		if body.NextCursor == "" {
			t.Fatal(query, "has one page")
		}
		return body.NextCursor
	}
	list := cursor("/v1/accounts?limit=1")
	filtered := cursor("/v1/accounts?limit=1&sortCode=10-20-30")
	r.do("PUT", "/v1/accounts/111111", `{"sortCode":"10-20-30"}`).is(200, "")
	r.do("PUT", "/v1/accounts/222222", `{"sortCode":"10-20-30"}`).is(200, "")
	history := cursor("/v1/accounts/111111/events?limit=1")
	r.do("GET", "/v1/accounts?sortCode=102030&cursor="+filtered, "").is(200, "") // the same filter in other words
	r.do("GET", "/v1/accounts/111111/events?order=asc&limit=7&cursor="+history, "").is(200, "")
	for _, bad := range []string{
		"/v1/accounts?cursor=", "/v1/accounts?cursor=x", "/v1/accounts?cursor=" + filtered, "/v1/accounts?cursor=" + history,
		"/v1/accounts?cursor=" + list + "A", "/v1/accounts?cursor=" + list[1:], "/v1/accounts?cursor=" + list + "=",
		"/v1/accounts?cursor=" + base64.RawURLEncoding.EncodeToString([]byte("111111")),
		"/v1/accounts?cursor=" + api.Cursor("' OR 1=1", "accounts", "", ""),
		"/v1/accounts?customer=https://c&cursor=" + list, "/v1/accounts?sortCode=10-20-30&cursor=" + list,
		"/v1/accounts/111111/events?order=desc&cursor=" + history, "/v1/accounts/222222/events?cursor=" + history,
		"/v1/accounts?cursor=" + list + "&cursor=" + list,
		"/v1/accounts?sortCode=1", "/v1/accounts?sortCode=", "/v1/accounts?sortCode=10-2030", "/v1/accounts?customer=",
		"/v1/accounts?limit=1&limit=1", "/v1/accounts?limit=%zz", "/v1/accounts?x=%", "/v1/accounts?a;b", "/v1/accounts?LIMIT=1",
		"/v1/accounts/111111/events?order=up", "/v1/accounts/111111/events?order=",
		"/v1/accounts/111111?at=", "/v1/accounts/111111?at=now", "/v1/accounts/111111?at=-1", "/v1/accounts/111111?at=5",
		"/v1/accounts/111111?at=2026-01-02", "/v1/accounts/111111?at=2026-01-02T03:04:05", "/v1/accounts/111111?at=2026-01-02T03:04:05+01:00",
		"/v1/accounts/111111?at=2026-02-30T03:04:05Z", "/v1/accounts/111111?at=2026-01-02T03:04:05,5Z", "/v1/accounts/111111?at=99999999999999999999",
		"/v1/accounts/999999?at=5",
		"/v1/events?after=-1", "/v1/events?after=x", "/v1/events?after=", "/v1/events?after=1.0", "/v1/events?after=99999999999999999999", "/v1/events?type=",
	} {
		got := r.do("GET", bad, "")
		if got.status != 400 || got.problem().Code != "bad-parameter" {
			t.Errorf("%s: %d %s", bad, got.status, got.text)
		}
	}
}

func TestAnAccountCanBeSeenAsItWas(t *testing.T) {
	r := newRig(t)
	before := time.Now().Add(-time.Hour)
	r.open("111111")
	r.open("222222")
	r.do("PUT", "/v1/accounts/111111", `{"sortCode":"99-99-99"}`).is(200, "")
	r.do("DELETE", "/v1/accounts/111111", "").is(204, "")
	at := func(moment string) response {
		return r.do("GET", "/v1/accounts/111111?at="+url.QueryEscape(moment), "").has("ETag:")
	}
	at("0").is(404, "account-not-found")
	for pos, want := range map[string]string{"1": "10-20-30 open 1", "2": "10-20-30 open 1", "003": "99-99-99 open 3", "4": "99-99-99 closed 4"} {
		a := at(pos).is(200, "").account()
		if got := fmt.Sprint(a.SortCode, " ", a.Status, " ", a.Version); got != want {
			t.Errorf("at %s: %s", pos, got)
		}
	}
	at("5").is(400, "bad-parameter")
	at(before.Format(time.RFC3339)).is(404, "account-not-found")
	for _, later := range []string{time.Now().Add(time.Hour).Format(time.RFC3339), "9999-12-31T23:59:59.999999999+02:00", "2099-01-01t00:00:00z"} {
		if a := at(later).is(200, "").account(); a.Status != "closed" {
			t.Errorf("at %s: %+v", later, a)
		}
	}
	closed := at("4").account().UpdatedAt
	if a := at(closed).is(200, "").account(); a.Version != 4 {
		t.Errorf("at its own time: %+v", a)
	}
	at("0001-01-01T00:00:00Z").is(404, "account-not-found")
	r.do("GET", "/v1/accounts/111111?at=4", "", "If-None-Match: *").is(200, "")
}

func TestTimesAreReadAsRFC3339HasThem(t *testing.T) {
	for _, good := range []string{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456789Z", "2026-01-02t03:04:05.1-23:59", "2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5Z"} {
		if _, err := api.ParseTime(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"2026-01-02T3:04:05Z", "2026-01-02T03:04:05,1Z", "2026-01-02 03:04:05Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04Z", "02 Jan 06 15:04 MST", "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+23:60", "2026-01-02T03:04:61Z", "2026-01-02T03:04:05"} {
		if got, err := api.ParseTime(bad); err == nil {
			t.Errorf("%s was read as %s", bad, got)
		}
	}
}

func TestTheHistoryOfAnAccountIsItsEvents(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	r.open("222222")
	for range 3 {
		r.do("PATCH", "/v1/accounts/111111", "{}").is(200, "")
	}
	r.do("DELETE", "/v1/accounts/111111", "").is(204, "")
	for order, want := range map[string][]string{"asc": {"1 3", "4 5", "6"}, "desc": {"6 5", "4 3", "1"}} {
		path := "/v1/accounts/111111/events?limit=2&order=" + order
		for _, seqs := range want {
			got := r.do("GET", path, "").is(200, "").has("Applied-Position: 6")
			if got.page().seqs() != seqs {
				t.Errorf("%s: %s", path, got.text)
			}
			if (got.page().NextCursor == "") != (seqs == want[2]) {
				t.Errorf("%s: %s", path, got.text)
			}
			path = "/v1/accounts/111111/events?limit=2&order=" + order + "&cursor=" + got.page().NextCursor
		}
	}
	r.do("GET", "/v1/accounts/999999/events", "").is(404, "account-not-found")
}
