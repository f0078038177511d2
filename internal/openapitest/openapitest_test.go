package openapitest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// with are headers given as "Name: value".
func with(lines ...string) http.Header {
	header := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Set(name, value)
	}
	return header
}

// always are the headers that every answer with a body has, and some that this one has.
func always(more ...string) http.Header {
	return with(append([]string{"Request-Id: r", "X-Content-Type-Options: nosniff", "Cache-Control: no-store", "Date: now", "Content-Type: application/json"}, more...)...)
}

const (
	account = `{"accountNumber":"12345678","sortCode":"10-20-30","customerURLs":[],"cardURLs":[],"currency":"GBP","balance":0,"status":"open","version":1,"openedAt":"2026-01-02T03:04:05.006Z","updatedAt":"2026-01-02T03:04:05.006Z"}`
	missing = `{"type":"/problems/account-not-found","title":"t","status":404,"detail":"d","instance":"/","code":"account-not-found","requestId":"r"}`
)

func TestWhatIsNotAsDescribedIsFound(t *testing.T) {
	document := "Content-Type: application/problem+json"
	for _, c := range []struct {
		request string // method and path, and maybe a header
		body    string
		status  int
		header  http.Header
		answer  string
		want    string // empty: nothing
	}{
		{"GET /v1/accounts/12345678", "", 200, always(`ETag: "1"`, "Applied-Position: 1"), account, ""},
		{"HEAD /v1/accounts/12345678", "", 200, always(`ETag: "1"`, "Applied-Position: 1"), "", ""},
		{"GET /v1/accounts/12345678", "", 404, always(document), missing, ""},
		{"GET /v1/accounts/12345678", "", 202, always(), account, "the status is not documented"},
		{"GET /v1/accounts/12345678", "", 200, always("X-Powered-By: x"), account, "the header X-Powered-By is not documented"},
		{"HEAD /v1/accounts/12345678", "", 200, always("X-Powered-By: x"), "", "the header X-Powered-By is not documented"},
		{"GET /v1/accounts/12345678", "", 200, always(`ETag: 1`), account, `header "ETag" doesn't match`},
		{"GET /v1/accounts/12345678", "", 200, always("Cache-Control: public"), account, `header "Cache-Control" doesn't match`},
		{"GET /v1/accounts/12345678", "", 304, with("Request-Id: r", "Cache-Control: no-store"), "", "the header X-Content-Type-Options is missing"},
		{"GET /v1/accounts/12345678", "", 200, always("Content-Type: text/plain"), account, `the media type "text/plain" is not documented`},
		{"HEAD /v1/accounts/12345678", "", 200, always("Content-Type: text/plain"), "", `the media type "text/plain" is not documented`},
		{"GET /v1/accounts/12345678", "", 200, always(), strings.Replace(account, `"version":1`, `"version":"1"`, 1), "doesn't match schema"},
		{"GET /v1/accounts/12345678", "", 200, always(), strings.Replace(account, `"version":1,`, ``, 1), "doesn't match schema"},
		{"GET /v1/accounts/12345678", "", 200, always(), strings.Replace(account, `{`, `{"pin":1,`, 1), "doesn't match schema"},
		{"GET /v1/accounts/12345678", "", 200, always(), strings.Replace(account, `"GBP"`, `"XXX"`, 1), "doesn't match schema"},
		{"GET /v1/accounts/12345678", "", 404, always(document), strings.ReplaceAll(missing, "account-not", "event-not"), "doesn't match schema"},
		{"GET /v1/accounts/12345678", "", 410, always(document), missing, "doesn't match schema"},
		{"DELETE /v1/accounts/12345678", "", 204, always("Content-Type: application/json"), "{}", "there is a body, and none is documented"},
		{"GET /v1/accounts?limit=5", "", 200, always("Applied-Position: 0"), `{"items":[]}`, ""},
		{"GET /v1/accounts?limit=0", "", 200, always("Applied-Position: 0"), `{"items":[]}`, "it was accepted, and shouldn't be"},
		{"GET /v1/accounts\nConsistency: weak", "", 200, always("Applied-Position: 0"), `{"items":[]}`, "it was accepted, and shouldn't be"},
		{"POST /v1/accounts", `{"sortCode":"102030"}`, 201, always(), account, ""},
		{"POST /v1/accounts", `{"sortCode":"1020"}`, 201, always(), account, "it was accepted, and shouldn't be"},
		{"POST /v1/accounts", `{"sortCode":"102030","pin":1}`, 201, always(), account, "it was accepted, and shouldn't be"},
		{"POST /v1/accounts\nIdempotency-Key: é", `{"sortCode":"102030"}`, 201, always(), account, "it was accepted, and shouldn't be"},
		{"POST /v1/accounts?dryRun=true\nIdempotency-Key: é", `{"sortCode":"102030"}`, 201, always("Dry-Run: true"), account, ""},
		{"POST /v1/transfers", `{"from":1}`, 404, always(document), missing, ""},
		{"OPTIONS /v1/accounts", "", 204, with("Request-Id: r", "Cache-Control: no-store", "X-Content-Type-Options: nosniff", "Allow: GET"), "", ""},
		{"OPTIONS /v1/accounts", "", 204, with("Request-Id: r", "Cache-Control: no-store", "X-Content-Type-Options: nosniff"), "", "the header Allow is missing"},
		{"BREW /v1/accounts", "", 200, always(), "{}", "the status is not documented"},
		{"GET /v1/pots", "", 200, always(), "{}", "the status is not documented"},
		{"GET /v1/pots", "", 404, always(document), strings.ReplaceAll(missing, "account-not", "route-not"), ""},
		{"GET /v1/pots", "", 404, always(document), missing, "doesn't match schema"},
	} {
		line, header, _ := strings.Cut(c.request, "\n")
		method, path, _ := strings.Cut(line, " ")
		req, err := http.NewRequest(method, "http://localhost"+path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = with("Content-Type: application/json", header)
		err = described().fault(exchange{req, c.status, c.header, []byte(c.answer)})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s, %d: %v", c.request, c.status, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s, %d %v %s: %v instead of %s", c.request, c.status, c.header, c.answer, err, c.want)
		}
	}
}

func TestPathsAreDecodedAfterTheyAreTakenApart(t *testing.T) {
	at, err := url.Parse("http://localhost/v1/accounts/%31234567%38")
	if err != nil {
		t.Fatal(err)
	}
	Check(t, &http.Request{Method: "GET", URL: at}, 200, always(), []byte(account))
}
