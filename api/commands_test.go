package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestOpeningAnAccountGivesItAsItIs(t *testing.T) {
	r := newRig(t)
	got := r.do("POST", "/v1/accounts", `{"accountNumber":"012345","sortCode":"102030","cardURLs":["https://cards.example/9"]}`, "X-Request-Id: my-id")
	got.is(201, "").has("Location: /v1/accounts/012345", `ETag: "1"`, "Event-Position: 1", "Applied-Position: 1",
		"Request-Id: my-id", "Dry-Run:", "Content-Type: application/json")
	want := regexp.MustCompile(`^\{"accountNumber":"012345","sortCode":"10-20-30","customerURLs":\[\],"cardURLs":\["https://cards.example/9"\],` +
		`"currency":"GBP","balance":0,"status":"open","version":1,"openedAt":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","updatedAt":"(.*)"\}$`)
	if m := want.FindSubmatch(got.text); m == nil || string(m[1]) != string(m[2]) {
		t.Errorf("body: %s", got.text)
	}
	if again := r.do("GET", "/v1/accounts/012345", ""); string(again.text) != string(got.text) {
		t.Errorf("read as %s", again.text)
	}
	ev := r.do("GET", "/v1/events/1", "").is(200, "").text
	if !strings.Contains(string(ev), `"meta":{"requestId":"my-id"}`) {
		t.Errorf("event: %s", ev)
	}
}

func TestAnAccountOpenedWithoutANumberGetsAFreeOneOfEightDigits(t *testing.T) {
	r := newRig(t)
	body := r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`).is(201, "").account()
	if !regexp.MustCompile(`^[1-9]\d{7}$`).MatchString(body.AccountNumber) {
		t.Errorf("number %q", body.AccountNumber)
	}
	r.do("GET", "/v1/accounts/"+body.AccountNumber, "").is(200, "")
}

func TestANumberEverUsedIsTaken(t *testing.T) {
	r := newRig(t)
	body := string(r.open("12345678").text[:len(`{"accountNumber":"12345678","sortCode":"10-20-30"`)]) + "}"
	r.do("POST", "/v1/accounts", body).is(409, "account-exists")
	r.do("DELETE", "/v1/accounts/12345678", "").is(204, "")
	r.do("POST", "/v1/accounts", body).is(409, "account-exists")
}

func TestPutReplacesAllDetails(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	got := r.do("PUT", "/v1/accounts/12345678", `{"sortCode":"11-22-33","cardURLs":["http://a.b/c"],"accountNumber":"12345678","currency":"GBP"}`).
		is(200, "").has(`ETag: "2"`, "Event-Position: 2", "Applied-Position: 2", "Location:").account()
	if got.SortCode != "11-22-33" || len(got.CustomerURLs) != 0 || len(got.CardURLs) != 1 || got.Version != 2 {
		t.Errorf("%+v", got)
	}
	r.do("PUT", "/v1/accounts/12345678", `{"sortCode":"11-22-33"}`).is(200, "").has("Event-Position: 3")
	r.do("PUT", "/v1/accounts/12345678", `{"sortCode":"11-22-33"}`).is(200, "").has("Event-Position: 4") // even if nothing changes
}

func TestPatchChangesWhatIsNamed(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	got := r.do("PATCH", "/v1/accounts/12345678", `{"cardURLs":["http://a.b/c"]}`).is(200, "").account()
	if len(got.CustomerURLs) != 1 || len(got.CardURLs) != 1 || got.SortCode != "10-20-30" {
		t.Errorf("%+v", got)
	}
	got = r.do("PATCH", "/v1/accounts/12345678", `{"cardURLs":null,"customerURLs":null,"sortCode":"112233"}`).is(200, "").account()
	if len(got.CustomerURLs) != 0 || len(got.CardURLs) != 0 || got.SortCode != "11-22-33" {
		t.Errorf("%+v", got)
	}
	r.do("PATCH", "/v1/accounts/12345678", `{}`).is(200, "").has("Event-Position: 4")
}

func TestDeleteClosesOnce(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	r.do("DELETE", "/v1/accounts/12345678", "").is(204, "").has("Event-Position: 2", "ETag:", "Applied-Position: 2", "Content-Type:")
	r.do("DELETE", "/v1/accounts/12345678", "").is(410, "account-closed").has("Event-Position:")
	r.do("GET", "/v1/accounts/12345678", "").is(410, "account-closed").has("ETag:")
	r.do("PUT", "/v1/accounts/12345678", `{"sortCode":"10-20-30"}`, `If-Match: "77"`).is(410, "account-closed")
}

func TestWhatNeverChangesMayBeNamedIfItIsRight(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	for _, method := range []string{"PUT", "PATCH"} {
		if got := r.do(method, "/v1/accounts/12345678", `{"sortCode":"10-20-30","accountNumber":"87654321"}`).is(422, "invalid").pointers(); got != "/accountNumber" {
			t.Error(got)
		}
		if got := r.do(method, "/v1/accounts/12345678", `{"sortCode":"10-20-30","currency":"EUR"}`).is(422, "invalid").pointers(); got != "/currency" {
			t.Error(got)
		}
	}
}

func TestADryRunAnswersAsIf(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	none := []string{"Event-Position:", "ETag:", "Location:", "Dry-Run: true"}
	opened := r.do("POST", "/v1/accounts?dryRun=true", `{"accountNumber":"87654321","sortCode":"10-20-30"}`).is(201, "").has(none...).account()
	if opened.Version != 2 {
		t.Errorf("%+v", opened)
	}
	if got := r.do("PUT", "/v1/accounts/12345678?dryRun=true", `{"sortCode":"99-99-99"}`).is(200, "").has(none...).account(); got.SortCode != "99-99-99" || got.Version != 2 {
		t.Errorf("%+v", got)
	}
	r.do("PATCH", "/v1/accounts/12345678?dryRun=true", `{}`).is(200, "").has(none...)
	r.do("DELETE", "/v1/accounts/12345678?dryRun=true", "").is(204, "").has(none...)
	r.do("POST", "/v1/accounts?dryRun=true", `{"accountNumber":"12345678","sortCode":"10-20-30"}`).is(409, "account-exists").has("Dry-Run:")
	r.do("POST", "/v1/accounts?dryRun=true", `{}`).is(422, "invalid")
	for _, bad := range []string{"1", "yes", "TRUE", ""} {
		r.do("DELETE", "/v1/accounts/12345678?dryRun="+bad, "").is(400, "bad-parameter")
	}
	r.do("DELETE", "/v1/accounts/12345678?dryRun=true&dryRun=true", "").is(400, "bad-parameter")
	r.do("DELETE", "/v1/accounts/12345678?dryrun=true", "").is(400, "bad-parameter")
	if r.head() != 1 {
		t.Errorf("%d events", r.head())
	}
	r.do("DELETE", "/v1/accounts/12345678?dryRun=false&other=x", "").is(204, "").has("Dry-Run:", "Event-Position: 2")
}

func TestPreconditions(t *testing.T) {
	r := newRig(t)
	r.open("12345678") // version 1
	for _, c := range []struct {
		ifMatch  []string
		status   int
		code     string
		expected int64
	}{
		{[]string{`"2"`}, 412, "version-mismatch", 2},
		{[]string{`"0"`}, 412, "version-mismatch", 0},
		{[]string{`W/"1"`}, 412, "version-mismatch", 0},
		{[]string{`"01"`}, 412, "version-mismatch", 0},
		{[]string{`"abc"`}, 412, "version-mismatch", 0},
		{[]string{`""`}, 412, "version-mismatch", 0},
		{[]string{`"99999999999999999999999"`}, 412, "version-mismatch", 0},
		{[]string{`1`}, 400, "bad-header", 0},
		{[]string{`"1`}, 400, "bad-header", 0},
		{[]string{`"1", "2"`}, 400, "bad-header", 0},
		{[]string{`w/"1"`}, 400, "bad-header", 0},
		{[]string{`'1'`}, 400, "bad-header", 0},
		{[]string{`*, "1"`}, 400, "bad-header", 0},
		{[]string{`"a b"`}, 400, "bad-header", 0},
		{[]string{``}, 400, "bad-header", 0},
		{[]string{`"1"`, `"1"`}, 400, "bad-header", 0},
	} {
		var headers []string
		for _, value := range c.ifMatch {
			headers = append(headers, "If-Match: "+value)
		}
		for method, body := range map[string]string{"PUT": `{"sortCode":"10-20-30"}`, "PATCH": `{}`, "DELETE": ""} {
			got := r.do(method, "/v1/accounts/12345678", body, headers...).is(c.status, c.code)
			if p := got.problem(); c.status == 412 && (p.Expected == nil || *p.Expected != c.expected || p.Actual == nil || *p.Actual != 1) {
				t.Errorf("If-Match %q: %s", c.ifMatch, got.text)
			}
		}
	}
	r.do("PUT", "/v1/accounts/12345678", `{"sortCode":"10-20-30"}`, `If-Match: "1"`).is(200, "")
	r.do("PUT", "/v1/accounts/12345678", `{"sortCode":"10-20-30"}`, `If-Match: *`).is(200, "")
	r.do("DELETE", "/v1/accounts/12345678", "", `If-Match: "3"`).is(204, "")
	r.do("DELETE", "/v1/accounts/99999999", "", `If-Match: *`).is(404, "account-not-found")
	r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`, `If-Match: *`).is(400, "bad-header")
}

func TestIdempotencyKeysAreCheckedAndKept(t *testing.T) {
	r := newRig(t)
	body := `{"sortCode":"10-20-30"}`
	for _, bad := range []string{"", "\t", "caf\u00e9", strings.Repeat("k", 256)} {
		r.do("POST", "/v1/accounts", body, "Idempotency-Key: "+bad).is(400, "bad-header")
	}
	r.do("POST", "/v1/accounts", body, "Idempotency-Key: a", "Idempotency-Key: a").is(400, "bad-header")
	key := strings.Repeat("k ~", 85)
	r.do("POST", "/v1/accounts", body, "Idempotency-Key: "+key).is(201, "")
	if got := r.do("GET", "/v1/events", "").page().Items[0].Meta["idempotencyKey"]; got != key {
		t.Errorf("kept as %q", got)
	}
}

func TestRequestIDsAreTakenOverIfFitForLogs(t *testing.T) {
	r := newRig(t)
	for _, good := range []string{"x", "a b{}%", strings.Repeat("r", 128)} {
		r.do("GET", "/livez", "", "X-Request-Id: "+good).has("Request-Id: " + good)
	}
	for _, bad := range []string{"", strings.Repeat("r", 129), "\tx\ty", "\u00e9"} {
		if got := r.do("GET", "/livez", "", "X-Request-Id: "+bad).header.Get("Request-Id"); !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(got) {
			t.Errorf("%q gave %q", bad, got)
		}
	}
}

func TestRefusalsComeInTheirOrder(t *testing.T) {
	r := newRig(t)
	r.open("11111111")
	r.open("22222222")
	r.do("DELETE", "/v1/accounts/22222222", "").is(204, "")
	long := spaces(1<<20 + 1)
	for i, c := range []struct {
		method, path, body string
		headers            []string
		status             int
		code               string
	}{
		{"PUT", "/v1/nothing?dryRun=x", long, []string{"Content-Type: text/plain"}, 404, "route-not-found"},
		{"BREW", "/v1/accounts/1?dryRun=x", long, []string{"Content-Type: text/plain"}, 405, "method-not-allowed"},
		{"PUT", "/v1/accounts/1?dryRun=x", long, []string{"Content-Type: text/plain"}, 413, "body-too-large"},
		{"PUT", "/v1/accounts/1?dryRun=x", "{", []string{"Content-Type: text/plain"}, 415, "unsupported-media-type"},
		{"PUT", "/v1/accounts/1?dryRun=x", "{", nil, 400, "bad-parameter"},
		{"PUT", "/v1/accounts/1", "{}", []string{"If-Match: x"}, 400, "bad-header"},
		{"PUT", "/v1/accounts/1", "{", nil, 400, "bad-json"},
		{"PUT", "/v1/accounts/1", "{}", nil, 422, "invalid"},
		{"PUT", "/v1/accounts/1", `{"sortCode":"10-20-30","accountNumber":"123456"}`, nil, 404, "account-not-found"},
		{"PUT", "/v1/accounts/33333333", `{"sortCode":"10-20-30","currency":"EUR"}`, []string{`If-Match: "9"`}, 404, "account-not-found"},
		{"PUT", "/v1/accounts/22222222", `{"sortCode":"10-20-30","currency":"EUR"}`, []string{`If-Match: "9"`}, 410, "account-closed"},
		{"PUT", "/v1/accounts/11111111", `{"sortCode":"10-20-30","currency":"EUR"}`, []string{`If-Match: "9"`}, 412, "version-mismatch"},
		{"PUT", "/v1/accounts/11111111", `{"sortCode":"10-20-30","currency":"EUR"}`, nil, 422, "invalid"},
	} {
		t.Run(fmt.Sprint(i, c.code), func(t *testing.T) {
			r.do(c.method, c.path, c.body, c.headers...).is(c.status, c.code)
		})
	}
}

func TestMediaTypes(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	body := `{"sortCode":"10-20-30"}`
	for _, good := range []string{"application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8"} {
		r.do("PUT", "/v1/accounts/12345678", body, "Content-Type: "+good).is(200, "")
	}
	r.do("PATCH", "/v1/accounts/12345678", body, "Content-Type: application/merge-patch+json; charset=utf-8").is(200, "")
	for _, bad := range []string{"", "text/plain", "application/merge-patch+json", "application/jsonp", "json", "application/json, text/plain", ";"} {
		r.do("PUT", "/v1/accounts/12345678", body, "Content-Type: "+bad).is(415, "unsupported-media-type")
	}
	r.do("PUT", "/v1/accounts/12345678", body, "Content-Type: application/json", "Content-Encoding: gzip").is(415, "unsupported-media-type")
	r.do("PATCH", "/v1/accounts/12345678", body, "Content-Type: application/json").is(415, "unsupported-media-type").has("Accept-Patch: application/merge-patch+json")
	r.do("PUT", "/v1/accounts/12345678", "").is(400, "bad-json")
	r.do("DELETE", "/v1/accounts/12345678", "").is(204, "")

	req, _ := http.NewRequest("POST", r.url+"/v1/accounts", strings.NewReader(body))
	r.send(req).is(415, "unsupported-media-type") // no type at all
}
