package api_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"openpayment/api"
)

// FuzzCommandHeaders: a command is carried out when its key can be one and its
// precondition is met, and refused with the status for what is wrong otherwise; with
// the same key again it is answered the same.
func FuzzCommandHeaders(f *testing.F) {
	for _, seed := range [][2]string{
		{"k", "*"}, {"", `"1"`}, {strings.Repeat("x", 256), `W/"1"`}, {"é", `1`}, {" ", `"1", "2"`}, {"\x7f", `"`}, {"k\x00", `"01"`}, {"k", `"9223372036854775808"`}, {"k", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	key, tag := regexp.MustCompile(`^[ -~]{1,255}$`), regexp.MustCompile(`^(W/)?"[^"\x00- \x7f]*"$`)
	r := newBank(f)
	n := int64(0) // keeps keys from meeting those of runs before
	f.Fuzz(func(t *testing.T, k, match string) {
		r := r.in(t)
		if n++; len(k) > 20 && len(k) < 240 || n > 1 && k != "" {
			k = strconv.FormatInt(n, 36) + k
		}
		before := r.head() // of the last event, which is the account's
		version := strconv.FormatInt(before, 10)
		match = strings.ReplaceAll(match, `"1"`, `"`+version+`"`) // so that it can be met
		send := func() *httptest.ResponseRecorder {
			req := httptest.NewRequest("POST", "/v1/accounts/111111/deposits", strings.NewReader(`{"amount":1,"currency":"GBP"}`))
			req.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {k}, "If-Match": {match}}
			rec := httptest.NewRecorder()
			r.handler.ServeHTTP(rec, req)
			return rec
		}
		want := http.StatusCreated
		switch {
		case !key.MatchString(k), match != "*" && !tag.MatchString(match):
			want = http.StatusBadRequest
		case match != "*" && match != `"`+version+`"`:
			want = http.StatusPreconditionFailed
		}
		got := send()
		stored := r.head() - before
		if got.Code != want || (stored == 1) != (want == http.StatusCreated) {
			t.Fatalf("the key %q with If-Match %q, at version %s: %d, want %d; %d events: %s", k, match, version, got.Code, want, stored, got.Body)
		}
		if again := send(); got.Code == http.StatusCreated && (again.Code != got.Code || again.Body.String() != got.Body.String() || r.head() != before+1) {
			t.Errorf("the same again: %d %s", again.Code, again.Body)
		}
	})
}

// FuzzMinPosition: a read waits for a position that can be one, in whatever digits, and
// is refused otherwise.
func FuzzMinPosition(f *testing.F) {
	for _, seed := range []string{"0", "1", "007", "2", "9007199254740991", "9007199254740992", "-1", "", "1e3", " 1", "٣", "\xff"} {
		f.Add(seed, "strong")
		f.Add(seed, "weak")
	}
	digits := regexp.MustCompile(`^[0-9]+$`)
	r := newRig(f, func(c *api.Config) { c.Log, c.CatchUpTimeout = nil, time.Millisecond })
	r.open("12345678")
	f.Fuzz(func(t *testing.T, least, consistency string) {
		req := httptest.NewRequest("GET", "/v1/accounts/12345678", nil)
		req.Header = http.Header{"Min-Position": {least}, "Consistency": {consistency}}
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, req)
		position, err := strconv.ParseInt(least, 10, 64)
		bad := !digits.MatchString(least) || len(least) > 1024 || err != nil || position > 1<<53-1 || consistency != "strong"
		switch {
		case bad && rec.Code == http.StatusBadRequest, !bad && position > 1 && rec.Code == http.StatusServiceUnavailable:
		case !bad && position <= 1 && (rec.Code == http.StatusOK || rec.Code == http.StatusServiceUnavailable): // in a millisecond, or not
		default:
			t.Errorf("Min-Position %q, Consistency %q: %d %s", least, consistency, rec.Code, rec.Body)
		}
	})
}

// FuzzTraceParent: what is read is a traceparent of version 00 with the trace that was
// sent, and reads the same again.
func FuzzTraceParent(f *testing.F) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, seed := range []string{good, "01" + good[2:] + "-more", good + "-more", "ff" + good[2:], strings.ToUpper(good), good[:52], "00-" + strings.Repeat("0", 32) + good[35:], good + "\n", ""} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
	f.Fuzz(func(t *testing.T, sent string) {
		got, ok := api.TraceParent(sent)
		if !ok {
			if form.MatchString(sent) && !strings.Contains(sent, strings.Repeat("0", 32)) && sent[36:52] != strings.Repeat("0", 16) {
				t.Errorf("%q is not taken", sent)
			}
			return
		}
		again, ok := api.TraceParent(got)
		if !form.MatchString(got) || got[2:] != sent[2:55] || !ok || again != got {
			t.Errorf("%q is read as %q, and then as %q", sent, got, again)
		}
	})
}
