package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"openpayment/api"
	"openpayment/api/access"
	"openpayment/eventstore/eventstoretest"
)

const (
	oneCloudEvent   = "application/cloudevents+json"
	manyCloudEvents = "application/cloudevents-batch+json"
)

// renamed is an event to append.
func renamed(subject string) string {
	return `{"type":"customer.renamed","subject":"` + subject + `","data":{"name":"x"}}`
}

// appendBody is a body with events; a precondition is left out if its subject is empty.
func appendBody(subject string, version int64, events ...string) string {
	body := `{"events":[` + strings.Join(events, ",") + `]`
	if subject != "" {
		body += fmt.Sprintf(`,"precondition":{"subject":%q,"version":%d}`, subject, version)
	}
	return body + "}"
}

func (r *rig) append(body string, headers ...string) response {
	r.Helper()
	return r.do("POST", "/v1/events", body, headers...)
}

func TestEventsOfOtherServicesAreAppendedInTheOrderOfTheAccounts(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	data := `{"a":"\u00e9\/", "b" : 1.50e+2,"big":123456789012345678901234567890, "c":[ {"d":null} ]}`
	compact := `{"a":"\u00e9\/","b":1.50e+2,"big":123456789012345678901234567890,"c":[{"d":null}]}`
	got := r.append(`{"events":[`+renamed("customers/1")+`, {"data":`+data+`,"subject":"accounts/12345678","type":"com.Example_2.order-line.created"}]}`, "X-Request-Id: r1").
		is(201, "").has("Event-Position: 3", "Applied-Position: 3", "Location:", "ETag:", "Dry-Run:", "Vary: Accept", "Content-Type: application/json")
	items := got.page().Items
	if len(items) != 2 || items[0].Seq != 2 || items[0].Meta["requestId"] != "r1" || items[0].Meta["atomic"] != "1/2" || items[1].Meta["atomic"] != "2/2" ||
		items[1].Type != "com.Example_2.order-line.created" || !strings.Contains(string(got.text), `"data":`+compact+`,"hash"`) {
		t.Errorf("%s", got.text)
	}
	if page := string(r.do("GET", "/v1/events?after=1", "").text); !strings.HasPrefix(page, strings.TrimSuffix(string(got.text), "}")) {
		t.Errorf("answered %s, in the log %s", got.text, page)
	}
	if found := r.do("GET", "/v1/events?subject=accounts%2F12345678", "").page().seqs(); found != "1 3" {
		t.Errorf("found %s", found)
	}
	if history := r.do("GET", "/v1/accounts/12345678/events", "").page().seqs(); history != "1" {
		t.Errorf("the account's history is %s", history)
	}
	r.do("GET", "/v1/accounts/12345678", "").is(200, "").has(`ETag: "1"`)
	r.append(appendBody("", 0, renamed("customers/2"))).is(201, "").has("Event-Position: 4", "Location: /v1/events/4")
	if status := string(r.do("GET", "/v1/admin/status", "").text); !strings.Contains(status, `"foreignEvents":3,"foreignSubjects":3,`) {
		t.Errorf("%s", status)
	}
}

func TestEventsAreAppendedOnConditionOfASubjectsLastEvent(t *testing.T) {
	r := newRig(t)
	other := newNode(t, r.log, eventstoretest.NewFaulty(r.log.Open()))
	<-other.read
	refused := func(r *rig, subject string, expected, actual int64) {
		t.Helper()
		for _, query := range []string{"?dryRun=true", ""} {
			p := r.do("POST", "/v1/events"+query, appendBody(subject, expected, renamed("customers/1"), renamed("customers/9"))).
				is(412, "version-mismatch").has("Event-Position:").problem()
			if *p.Expected != expected || *p.Actual != actual || !strings.Contains(p.Detail, subject) || strings.Contains(p.Detail, "If-Match") {
				t.Errorf("%+v", p)
			}
		}
	}
	refused(r, "customers/1", 1, 0)
	r.append(appendBody("customers/1", 0, renamed("customers/1"), renamed("customers/2"))).is(201, "")
	refused(other, "customers/1", 0, 1) // which has not heard of it
	refused(other, "customers/2", 3, 2)
	other.append(appendBody("customers/2", 2, renamed("customers/1"))).is(201, "")
	refused(r, "customers/1", 1, 3)
	r.open("111111")
	r.open("222222")
	r.do("POST", "/v1/accounts/111111/deposits", `{"amount":5,"currency":"GBP"}`).is(201, "")
	r.do("POST", "/v1/transfers", `{"from":"111111","to":"222222","amount":5,"currency":"GBP"}`).is(201, "")
	refused(other, "accounts/111111", 6, 7)
	refused(other, "accounts/222222", 5, 7)
	other.append(appendBody("accounts/222222", 7, renamed("accounts/222222"))).is(201, "").has("Event-Position: 8")
	refused(r, "accounts/222222", 7, 8)
	if r.head() != 8 {
		t.Errorf("%d events", r.head())
	}
}

func TestAllFaultsOfEventsToAppendAreListedAtOnce(t *testing.T) {
	r := newRig(t)
	long := strings.Repeat("x", 255)
	for _, c := range []struct{ body, pointers string }{
		{`[]`, ""},
		{`{}`, "/events"},
		{`{"events":{}}`, "/events"},
		{`{"events":[]}`, "/events"},
		{`{"events":null,"precondition":null,"dryRun":true}`, "/events /precondition /dryRun"},
		{`{"events":[1,{},"",null]}`, "/events/0 /events/1/type /events/1/subject /events/1/data /events/2 /events/3"},
		{`{"events":[{"type":1,"subject":2,"data":3},{"type":"","subject":"","data":null},{"type":null,"subject":null,"data":[]}]}`,
			"/events/0/type /events/0/subject /events/0/data /events/1/type /events/1/subject /events/1/data /events/2/type /events/2/subject /events/2/data"},
		{`{"events":[{"type":"a","subject":"b","data":{},"seq":1,"id":2,"time":3,"meta":{},"hash":"","extra":1,"sub/ject":1}]}`,
			"/events/0/seq /events/0/id /events/0/time /events/0/meta /events/0/hash /events/0/extra /events/0/sub~1ject"},
		{`{"events":[` + renamed("x") + `],"precondition":{"version":-1,"extra":1}}`, "/precondition/subject /precondition/version /precondition/extra"},
		{`{"events":[` + renamed("x") + `],"precondition":{"subject":"","version":1.5}}`, "/precondition/subject /precondition/version"},
		{`{"events":[` + renamed("x") + `],"precondition":{"subject":"x","version":"1"}}`, "/precondition/version"},
		{`{"events":[` + renamed("x") + `],"precondition":{"subject":"x","version":9007199254740992}}`, "/precondition/version"},
		{`{"events":[` + renamed("x") + `],"precondition":[{"subject":"x","version":1}]}`, "/precondition"},
		{`{"events":[` + renamed("x") + `],"precondition":{"subject":"x"}}`, "/precondition/version"},
		{`{"events":[{"type":"account.opened","subject":"","data":{}}]}`, "/events/0/type /events/0/subject"}, // with another fault
		{`{"events":[{"type":"` + long + `x","subject":"` + long + long + `xxx","data":{"x":"` + strings.Repeat("x", 64<<10) + `"}}]}`,
			"/events/0/type /events/0/subject /events/0/data"},
	} {
		if got := r.append(c.body).is(422, "invalid"); got.pointers() != c.pointers {
			t.Errorf("%.200s: %s, want %s", c.body, got.pointers(), c.pointers)
		}
	}
	if detail := r.append(`{"events":[{"typ":"a","subject":"b","data":{}}]}`).problem().Errors[1].Detail; !strings.Contains(detail, "did you mean type?") {
		t.Error(detail)
	}
	if many := r.append(appendBody("", 0, strings.Split(strings.Repeat("{} ", 1000), " ")[:1000]...)).is(422, "invalid").problem(); len(many.Errors) != 1000 ||
		many.Detail != "the body breaks 3000 rules: errors lists 1000 of them" {
		t.Errorf("%d faults: %s", len(many.Errors), many.Detail)
	}
	r.append(appendBody("", 0, strings.Split(strings.Repeat("{} ", 1001), " ")[:1001]...)).is(422, "invalid")
	r.append(`{"events":[{"type":"a","type":"a"}]}`).is(400, "bad-json")
	r.append(spaces(1<<20+1)).is(413, "body-too-large")
	r.append(`{}`, "Content-Type: text/plain").is(415, "unsupported-media-type").has("Accept-Patch:")
	if r.head() != 0 {
		t.Errorf("%d events", r.head())
	}
}

func TestTypesAndSubjectsThatCannotBe(t *testing.T) {
	r := newRig(t)
	event := func(typ, subject string) response {
		return r.do("POST", "/v1/events?dryRun=true", fmt.Sprintf(`{"events":[{"type":"%s","subject":"%s","data":{}}]}`, typ, subject))
	}
	for _, typ := range []string{"a", "customer.renamed", "com.example.order.created", "Microsoft.Storage.BlobCreated", "com.github.pull_request.opened",
		"a-b.c_d.1", "account", "accounts.audited", "my.account.opened", strings.Repeat("x", 255)} {
		event(typ, "x").is(201, "")
	}
	for _, typ := range []string{".", "a.", ".a", "a..b", "a b", "a/b", "é", "a\\u0000", "a\\n", strings.Repeat("x", 256)} {
		if got := event(typ, "x").is(422, "invalid"); got.pointers() != "/events/0/type" {
			t.Errorf("%q: %s", typ, got.text)
		}
	}
	for _, typ := range []string{"account.opened", "account.", "account.x.y", "funds.deposited", "funds.minted", "Account.opened", "FUNDS.x"} {
		if got := event(typ, "x").is(422, "type-reserved"); got.pointers() != "/events/0/type" {
			t.Errorf("%q: %s", typ, got.text)
		}
	}
	for _, subject := range []string{"x", "customers/1", "Größe ✓", "späße/\\\"1\\\"", "?&%20", strings.Repeat("x", 512)} {
		event("a", subject).is(201, "")
	}
	for _, subject := range []string{"a\\u0000b", "a\\tb", "\\u007f", "a\\u2028b", "\\u202eab", "\\ufeff", strings.Repeat("x", 513), strings.Repeat("é", 257)} {
		if got := event("a", subject).is(422, "invalid"); got.pointers() != "/events/0/subject" {
			t.Errorf("%q: %s", subject, got.text)
		}
	}
}

func TestAnAppendIsRepeatedByteForByte(t *testing.T) {
	r := newRig(t)
	const k = "Idempotency-Key: k"
	body := appendBody("customers/1", 0, renamed("customers/1"), renamed("customers/2"))
	first := r.append(body, k).is(201, "").has("Idempotency-Replayed:")
	one := r.append(appendBody("", 0, renamed("customers/3")), "Idempotency-Key: one").is(201, "")
	other := newNode(t, r.log, eventstoretest.NewFaulty(r.log.Open()))
	<-other.read
	for _, n := range []*rig{r, other} { // its precondition would not hold any more
		sameAgain(t, n.append(body, k, "X-Request-Id: another"), first)
		sameAgain(t, n.append(appendBody("", 0, renamed("customers/3")), "Idempotency-Key: one"), one)
		n.append(appendBody("", 0, renamed("customers/1")), k).is(422, "idempotency-key-reused")
		n.append(`{"events":1}`, k).is(422, "idempotency-key-reused")
		n.append(`{"events":`, k).is(400, "bad-json")
		n.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`, k).is(422, "idempotency-key-reused")
		n.do("POST", "/v1/events?dryRun=true", body, k).is(412, "version-mismatch") // which ignores keys
	}
	var cloud []map[string]any
	r.append(body, k, "Accept: "+manyCloudEvents).is(201, "").has("Idempotency-Replayed: true", "Content-Type: "+manyCloudEvents).decode(&cloud)
	if len(cloud) != 2 || cloud[1]["sequence"] != "2" || r.head() != 3 {
		t.Errorf("%v, %d events", cloud, r.head())
	}
}

func TestADryRunOfAnAppendAnswersAsIf(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	got := r.do("POST", "/v1/events?dryRun=true", appendBody("customers/1", 0, renamed("customers/1"), renamed("customers/1")), "Accept: "+manyCloudEvents).
		is(201, "").has("Dry-Run: true", "Event-Position:", "Location:", "Content-Type: application/json")
	if items := got.page().Items; len(items) != 2 || items[1].Seq != 3 || items[1].ID != "" || items[1].Hash != "" || items[1].Time == "" {
		t.Errorf("%s", got.text)
	}
	if r.head() != 1 {
		t.Errorf("%d events", r.head())
	}
	r.do("POST", "/v1/events?dryRun=yes", appendBody("", 0, renamed("x"))).is(400, "bad-parameter")
}

func TestHeadersWithoutAMeaningAreRefusedOnAnAppend(t *testing.T) {
	r := newRig(t)
	for _, header := range []string{`If-Match: "1"`, "If-Match: *", "Ce-Specversion: 1.0", "Idempotency-Key: "} {
		r.append(appendBody("", 0, renamed("x")), header).is(400, "bad-header")
		r.append(`{}`, header).is(400, "bad-header")
	}
	r.append("").is(400, "bad-json")
	if r.head() != 0 {
		t.Errorf("%d events", r.head())
	}
}

func TestEventsTogetherMayBeTooLarge(t *testing.T) {
	r := newRig(t)
	events := make([]string, 1000)
	for i := range events {
		events[i] = fmt.Sprintf(`{"type":"a","subject":"s/%d","data":{"x":"%s"}}`, i, strings.Repeat("x", 900))
	}
	for _, query := range []string{"?dryRun=true", ""} { // 64 bytes of each are the service's own, and the request's id
		got := r.do("POST", "/v1/events"+query, appendBody("", 0, events...), "X-Request-Id: "+strings.Repeat("x", 128)).is(422, "invalid")
		if !strings.Contains(got.problem().Detail, "1 MiB") {
			t.Errorf("%s", got.text)
		}
	}
	if items := r.append(appendBody("", 0, events[:800]...)).is(201, "").page().Items; len(items) != 800 || items[799].Seq != 800 || items[799].Meta["atomic"] != "800/800" {
		t.Errorf("%d events", len(items))
	}
}

func TestATokenThatIsBoundAppendsOnlyAboutItsSubjects(t *testing.T) {
	bound := access.Token{Principal: access.Principal{Name: "crm", Scopes: []access.Scope{access.Append}, Subjects: "customers/"}, Digest: access.DigestOf("crm")}
	r := newRig(t, func(c *api.Config) { c.Guard = access.NewGuard(bound) })
	got := r.append(appendBody("customers/1", 0, renamed("customers/1")), bearer("crm")).is(201, "")
	if items := got.page().Items; items[0].Meta["actor"] != "crm" {
		t.Errorf("%s", got.text)
	}
	for _, body := range []string{
		appendBody("", 0, renamed("customers/1"), renamed("orders/1")), appendBody("orders/1", 0, renamed("customers/1")), appendBody("", 0, renamed("accounts/1")),
	} {
		if detail := r.append(body, bearer("crm")).is(403, "forbidden").problem().Detail; !strings.Contains(detail, "customers/") {
			t.Error(detail)
		}
	}
	r.append(`{"specversion":"1.0","id":"1","source":"/x","type":"a","subject":"orders/1","data":{}}`, bearer("crm"), "Content-Type: "+oneCloudEvent).is(403, "forbidden")
	if r.head() != 1 {
		t.Errorf("%d events", r.head())
	}
}

// FuzzAppend: whatever is sent, in whatever of the forms, the service does not fail, and
// stores what it says it stored, or nothing.
func FuzzAppend(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `[{}]`, `null`, `{"events":[]}`, appendBody("", 0, renamed("a"), renamed("b")), appendBody("a", 0, renamed("a")),
		`{"events":[{"type":"account.x","subject":"\u0000","data":{"a":"\u0000"}}]}`, cloudEventOf(`"x":1`), "[" + cloudEventOf(`"a":null,"b":true,"c":"\u0007"`) + "]",
		cloudEventOf(`"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","time":"x","dataschema":"a:b","data_base64":"AA=="`),
	} {
		for media := range uint8(3) {
			f.Add([]byte(seed), "", media)
			f.Add([]byte(seed), "k", media)
		}
	}
	medias := []string{"application/json", oneCloudEvent, manyCloudEvents}
	r := newRig(f, func(c *api.Config) { c.Log = nil })
	f.Fuzz(func(t *testing.T, body []byte, key string, media uint8) {
		r := r.in(t)
		before := r.head()
		req := httptest.NewRequest("POST", "/v1/events", strings.NewReader(string(body)))
		req.Header.Set("Content-Type", medias[media%3])
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, req)
		stored, want := r.head()-before, 0
		if rec.Code == http.StatusCreated && rec.Header().Get("Idempotency-Replayed") == "" {
			want = len(response{t, rec.Code, rec.Header(), rec.Body.Bytes()}.page().Items)
		}
		if rec.Code >= 500 || stored != int64(want) || rec.Code < 300 && rec.Code != http.StatusCreated {
			t.Errorf("%d with %d events, want %d: %s", rec.Code, stored, want, rec.Body)
		}
		for seq := before + 1; seq <= before+stored; seq++ { // what is in the log can be shown in every form
			for _, accept := range []string{oneCloudEvent, "application/json"} {
				r.do("GET", fmt.Sprint("/v1/events/", seq), "", "Accept: "+accept).is(200, "").has("Content-Type: " + accept)
			}
		}
	})
}
