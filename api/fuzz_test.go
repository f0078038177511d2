package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"openpayment/api"
)

// FuzzOpen: whatever is sent, the service does not fail, and only what it says
// it stored is stored.
func FuzzOpen(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `null`, `{"sortCode":"10-20-30"}`, `{"sortCode":"102030","accountNumber":"000001","currency":"EUR","customerURLs":["https://a.b/c"],"cardURLs":[]}`,
		`{"sortCode":1,"x":[[{}]],"customerURLs":[1,"http://[::1]","https://a.b/%zz"]}`, `{"a":1,"a":2}`, "\xff", `{"sortCode":"\ud800"}`, strings.Repeat("[", 100), `{"":{"":""}}`,
	} {
		f.Add([]byte(seed), "application/json")
	}
	r := newRig(f, func(c *api.Config) { c.Log = nil })
	f.Fuzz(func(t *testing.T, body []byte, media string) {
		r := r.in(t)
		before := r.head()
		req := httptest.NewRequest("POST", "/v1/accounts", strings.NewReader(string(body)))
		req.Header.Set("Content-Type", media)
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, req)
		stored := r.head() - before
		switch {
		case rec.Code >= 500:
			t.Errorf("%d %s", rec.Code, rec.Body)
		case rec.Code == http.StatusCreated && stored != 1, rec.Code != http.StatusCreated && stored != 0:
			t.Errorf("%d, but %d events", rec.Code, stored)
		}
	})
}

// FuzzCursor: a cursor is taken only where it was given, as it was given.
func FuzzCursor(f *testing.F) {
	f.Add(api.Cursor("12345678", "accounts", "", ""), "accounts", "", "12345678")
	f.Add("", "", "", "")
	f.Add("AAAAAAAAAAA", "a", "b", "\xff")
	f.Fuzz(func(t *testing.T, cursor, route, filter, key string) {
		if found, ok := api.CursorKey(cursor, route, filter); ok && api.Cursor(found, route, filter) != cursor {
			t.Errorf("%q is taken for %q", cursor, api.Cursor(found, route, filter))
		}
		made := api.Cursor(key, route, filter)
		if found, ok := api.CursorKey(made, route, filter); !ok || found != key {
			t.Errorf("%q became %q", key, found)
		}
		if _, ok := api.CursorKey(made, route+filter, ""); ok && filter != "" {
			t.Error("taken in another scope")
		}
		if strings.Trim(made, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%q can't stand in a URL", made)
		}
	})
}

// FuzzRequest: no path, query or header makes the service fail.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/v1/accounts/12345678", "at=1", "If-None-Match", `"1"`)
	f.Add("GET", "/v1/accounts", "limit=1&cursor=x&sortCode=1&customer=2", "Accept", "a;q=1")
	f.Add("GET", "/v1/events", "after=1&type=x", "Min-Position", "0")
	f.Add("DELETE", "/v1/accounts/1", "dryRun=true", "If-Match", `W/"`)
	r := newRig(f, func(c *api.Config) { c.Log, c.CatchUpTimeout = nil, time.Millisecond })
	r.open("12345678")
	f.Fuzz(func(t *testing.T, method, path, query, header, value string) {
		req, err := http.NewRequest(method, "http://x"+path+"?"+query, nil)
		if err != nil {
			return
		}
		req.Body = http.NoBody
		req.Header.Set(header, value)
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, req)
		canonical := http.CanonicalHeaderKey(header)
		waited := (canonical == "Min-Position" || canonical == "Consistency") && rec.Code == http.StatusServiceUnavailable
		if rec.Code >= 500 && !waited {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	})
}

// FuzzWhereAStreamBegins: whatever a client says of where it was, it begins there or is
// told that this can't be read.
func FuzzWhereAStreamBegins(f *testing.F) {
	for _, seed := range []string{"", "0", "1", "007", "9007199254740991", "9007199254740992", "-1", "+1", "1e3", "1.0", " 1", "1\n", "٣", "\xff", "0x1", "1,2", strings.Repeat("9", 400), strings.Repeat("0", 400)} {
		f.Add(seed, seed)
	}
	digits := regexp.MustCompile(`^0*([0-9]{1,16})$`)
	good := func(s string) bool {
		found := digits.FindStringSubmatch(s)
		return found != nil && len(s) <= 1024 && (len(found[1]) < 16 || found[1] <= "9007199254740991")
	}
	r := newRig(f, func(c *api.Config) { c.Log = nil })
	f.Fuzz(func(t *testing.T, after, last string) {
		req := httptest.NewRequest("HEAD", "/v1/events/stream?after="+url.QueryEscape(after), nil)
		req.Header["Last-Event-Id"] = []string{last}
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, req)
		want := http.StatusBadRequest
		if good(after) && good(last) {
			want = http.StatusOK
		}
		if rec.Code != want {
			t.Errorf("after %q, Last-Event-ID %q: %d, want %d: %s", after, last, rec.Code, want, rec.Body)
		}
	})
}
