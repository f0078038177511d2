package api_test

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/api/access"
	"openpayment/eventstore"
	"openpayment/eventstore/subscriptions"
)

// subscriptionBody is a subscription as clients see it.
type subscriptionBody struct {
	Name             string
	Filter           map[string]string
	Start            any
	Acked, Head, Lag int64
	CreatedAt        string
	Reader           *string
}

func (a response) subscription() subscriptionBody {
	a.Helper()
	var body subscriptionBody
	a.decode(&body)
	return body
}

// news is a page of a subscription.
type news struct {
	Items            []eventBody
	Acked, Head, Lag int64
}

// news are the seqs of a page of a subscription, and where it stands.
func (a response) news() string {
	a.Helper()
	var body news
	a.decode(&body)
	return fmt.Sprintf("%s acked %d head %d lag %d", pageBody{Items: body.Items}.seqs(), body.Acked, body.Head, body.Lag)
}

func (r *rig) ack(name string, seq int) response {
	r.Helper()
	return r.do("POST", "/v1/subscriptions/"+name+"/ack", fmt.Sprintf(`{"seq":%d}`, seq)).is(200, "")
}

func TestASubscriptionIsMadeAndShown(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	r.open("222222")
	const path = "/v1/subscriptions/reports"
	made := r.do("PUT", path, `{"filter":{"type":"account.opened"},"start":1}`).is(201, "").has("Location: " + path)
	if got := made.subscription(); got.Name != "reports" || got.Filter["type"] != "account.opened" || len(got.Filter) != 1 ||
		got.Start != 1.0 || got.Acked != 1 || got.Head != 2 || got.Lag != 1 || got.Reader != nil || len(got.CreatedAt) != 24 {
		t.Errorf("%s", made.text)
	}
	for _, body := range []string{`{"filter":{"type":"account.opened"}}`, `{"filter":{"type":"account.opened"},"start":1}`} {
		if again := r.do("PUT", path, body).is(200, ""); string(again.text) != string(made.text) {
			t.Errorf("%s", again.text)
		}
	}
	if got := r.do("GET", path, "").is(200, ""); string(got.text) != string(made.text) {
		t.Errorf("%s", got.text)
	}
	r.do("PUT", "/v1/subscriptions/all", `{}`).is(201, "")
	if got := string(r.do("GET", "/v1/subscriptions", "").is(200, "").text); !strings.HasPrefix(got, `{"items":[{"name":"all","filter":{},"start":"beginning","acked":0,"head":2,"lag":2,"createdAt":"`) ||
		!strings.HasSuffix(got, `,"reader":null},`+string(made.text)+`]}`) {
		t.Error(got)
	}
	changed := r.do("PUT", path, `{"filter":{"subject":"accounts/111111"}}`).is(200, "").subscription()
	if changed.Filter["subject"] != "accounts/111111" || len(changed.Filter) != 1 {
		t.Errorf("%+v", changed)
	}
	for _, start := range []string{`0`, `2`, `"beginning"`, `"end"`} {
		r.do("PUT", path, `{"start":`+start+`}`).is(409, "subscription-exists")
	}
	r.do("DELETE", path, "").is(204, "")
	r.do("DELETE", path, "").is(404, "subscription-not-found")
	r.do("GET", path, "").is(404, "subscription-not-found")
	r.do("GET", path+"/events", "").is(404, "subscription-not-found")
	r.do("HEAD", path+"/events", "").is(404, "")
	r.do("POST", path+"/ack", `{"seq":1}`).is(404, "subscription-not-found")
}

func TestTheFormOfASubscriptionIsStrict(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	const path = "/v1/subscriptions/s"
	for body, want := range map[string]string{
		`{"start":"now"}`: "/start", `{"start":""}`: "/start", `{"start":"1"}`: "/start", `{"start":-1}`: "/start", `{"start":1.5}`: "/start", `{"start":null}`: "/start",
		`{"start":9007199254740992}`: "/start", `{"start":2}`: "/start",
		`{"filter":"x"}`: "/filter", `{"filter":null}`: "/filter", `{"filter":{"type":""}}`: "/filter/type", `{"filter":{"subject":1}}`: "/filter/subject",
		`{"filter":{"type":"a\u0000"}}`: "/filter/type", `{"filter":{"subject":"` + strings.Repeat("x", 513) + `"}}`: "/filter/subject",
		`{"filter":{"typ":"x"},"strat":1,"acked":1}`: "/filter/typ /strat /acked", `[]`: "",
	} {
		if got := r.do("PUT", path, body).is(422, "invalid").pointers(); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
	for _, body := range []string{"", "{", `{"start":1,"start":1}`} {
		r.do("PUT", path, body).is(400, "bad-json")
	}
	r.do("PUT", path, `{}`, "Content-Type: text/plain").is(415, "unsupported-media-type")
	for _, name := range []string{"a%20b", "a%2Fb", "%C3%A9", strings.Repeat("x", 65), "%00", ".", "%2E."} {
		r.do("PUT", "/v1/subscriptions/"+name, `{}`).is(422, "invalid")
		r.do("GET", "/v1/subscriptions/"+name, "").is(404, "subscription-not-found")
	}
	r.do("PUT", path, `{"start":1.0e0}`).is(201, "")
	for body, want := range map[string]string{
		`{}`: "/seq", `{"seq":0}`: "/seq", `{"seq":-1}`: "/seq", `{"seq":"1"}`: "/seq", `{"seq":1.5}`: "/seq", `{"seq":null}`: "/seq",
		`{"seq":2}`: "/seq", `{"seq":9007199254740992}`: "/seq", `{"seq":1,"x":1}`: "/x",
	} {
		if got := r.do("POST", path+"/ack", body).is(422, "invalid").pointers(); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
	if p := r.do("POST", path+"/ack", `{"seq":2}`).problem(); p.Errors[0].Detail != "is beyond the log, which ends at 1" {
		t.Errorf("%+v", p)
	}
	for _, query := range []string{"limit=0", "limit=1001", "wait=31", "wait=x", "wait=-1", "wait=1.5", "maxUnacked=0", "maxUnacked=10001", "Wait=1"} {
		r.do("GET", path+"/events?"+query, "").is(400, "bad-parameter")
	}
}

func TestASubscriptionIsReadByPages(t *testing.T) {
	r := newRig(t)
	for _, n := range []string{"111111", "222222", "333333"} {
		r.open(n)
	}
	r.do("PUT", "/v1/subscriptions/s", `{}`).is(201, "")
	const path = "/v1/subscriptions/s/events"
	for range 2 { // nothing was acknowledged
		if got := r.do("GET", path+"?limit=2", "").is(200, "").has("Content-Type: application/json", "Vary: Accept").news(); got != "1 2 acked 0 head 3 lag 3" {
			t.Error(got)
		}
	}
	if got := string(r.ack("s", 2).text); got != `{"acked":2}` {
		t.Error(got)
	}
	if got := string(r.ack("s", 1).text); got != `{"acked":2}` {
		t.Error(got)
	}
	if got := r.do("GET", path, "").is(200, "").news(); got != "3 acked 2 head 3 lag 1" {
		t.Error(got)
	}
	if s := r.do("GET", "/v1/subscriptions/s", "").subscription(); s.Reader == nil || len(*s.Reader) != 36 {
		t.Errorf("%+v", s)
	}
	cloud := r.do("GET", path, "", "Accept: application/cloudevents-batch+json").is(200, "").has("Content-Type: application/cloudevents-batch+json")
	if !strings.Contains(string(cloud.text), `"sequence":"3"`) {
		t.Errorf("%s", cloud.text)
	}
	r.ack("s", 3)
	if got := r.do("GET", path, "").is(200, "").news(); got != " acked 3 head 3 lag 0" {
		t.Error(got)
	}
	began := time.Now()
	waiting := make(chan string)
	go func() { waiting <- r.do("GET", path+"?wait=30", "").is(200, "").news() }()
	r.open("444444")
	if got := <-waiting; got != "4 acked 3 head 4 lag 1" || time.Since(began) > 20*time.Second {
		t.Error(got)
	}
}

func TestAPageThatWaitsInVainIsEmptyAndKeepsWhatItPassed(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.RequestTimeout = 100 * time.Millisecond }) // the wait comes on top
	r.open("111111")
	r.do("PUT", "/v1/subscriptions/s", `{"filter":{"type":"x"}}`).is(201, "")
	began := time.Now()
	if got := r.do("GET", "/v1/subscriptions/s/events?wait=1", "").is(200, "").news(); got != " acked 1 head 1 lag 0" || time.Since(began) < time.Second {
		t.Error(got, time.Since(began))
	}
}

func TestASubscriptionIsStreamedFromWhatIsNotAcknowledged(t *testing.T) {
	r := newRig(t)
	for _, n := range []string{"111111", "222222", "333333"} {
		r.open(n)
	}
	r.do("PUT", "/v1/subscriptions/s", `{}`).is(201, "")
	const path = "/v1/subscriptions/s/events?maxUnacked=2"
	f := r.follow(path, "Accept: text/event-stream")
	f.want("1 2")
	r.ack("s", 1)
	f.want("3 caught-up@3")
	f.leave()
	r.open("444444")
	again := r.follow(path, "Accept: text/event-stream", "Last-Event-ID: 3") // which says nothing here
	again.want("2 3")
	r.ack("s", 3)
	again.want("4 caught-up@4")
	r.ack("s", 4)
	lines := bufio.NewScanner(r.follow(path, "Accept: application/x-ndjson").answer.Body)
	r.open("555555")
	if !lines.Scan() || lines.Text() != string(r.do("GET", "/v1/events/5", "").text) {
		t.Error(lines.Text())
	}
}

func TestAReaderIsToldWhyItEnds(t *testing.T) {
	r := newRig(t)
	const path = "/v1/subscriptions/s"
	const events = path + "/events"
	sse := "Accept: text/event-stream"
	for _, c := range []struct {
		end    func()
		code   string
		status int
	}{
		{func() { r.follow(events, sse) }, "superseded", 409},
		{func() { r.do("GET", events, "").is(200, "") }, "superseded", 409},
		{func() { r.do("PUT", path, `{"filter":{"type":"x"}}`).is(200, "") }, "superseded", 409},
		{func() { r.do("DELETE", path, "").is(204, "") }, "subscription-deleted", 410},
		{r.handler.EndStreams, "shutting-down", 503},
	} {
		r.do("PUT", path, `{}`)
		f := r.follow(events, sse)
		f.want("caught-up@0")
		c.end()
		if p := f.goodbye(); p.Code != c.code || p.Status != c.status || p.Instance != events {
			t.Errorf("%+v, want %s", p, c.code)
		}
	}
	r.do("GET", events, "").is(503, "shutting-down")
	r.do("GET", events, "", sse).is(503, "shutting-down")
}

func TestAPageThatIsWaitedForEndsWhenTheReaderMust(t *testing.T) {
	r := newRig(t)
	const path = "/v1/subscriptions/s"
	wait := func(end func()) response {
		t.Helper()
		r.do("PUT", path, `{}`).is(201, "")
		got := make(chan response, 1)
		go func() { got <- r.do("GET", path+"/events?wait=30", "") }()
		for r.do("GET", path, "").subscription().Reader == nil {
		}
		end()
		return <-got
	}
	wait(func() { r.do("GET", path+"/events", "").is(200, "") }).is(409, "superseded")
	r.do("DELETE", path, "")
	wait(func() { r.do("DELETE", path, "") }).is(410, "subscription-deleted")
	wait(r.handler.EndStreams).is(503, "shutting-down")
}

func TestASubscriptionIsItsTokensOwn(t *testing.T) {
	tokens := map[string][]access.Scope{"reports": {access.Read}, "mail": {access.Read}, "boss": access.Scopes()}
	r := newRig(t, guarded(tokens))
	r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`, bearer("boss")).is(201, "")
	const path = "/v1/subscriptions/s"
	r.do("PUT", path, `{}`, bearer("reports")).is(201, "")
	for _, c := range []struct{ method, path, body string }{
		{"PUT", path, `{}`}, {"GET", path, ""}, {"GET", path + "/events", ""}, {"HEAD", path + "/events", ""}, {"POST", path + "/ack", `{"seq":1}`}, {"DELETE", path, ""},
	} {
		code := "forbidden"
		if c.method == "HEAD" {
			code = ""
		}
		r.do(c.method, c.path, c.body, bearer("mail")).is(403, code)
		if got := r.do(c.method, c.path, c.body, bearer("reports")); got.status >= 300 {
			t.Errorf("%s %s: %s", c.method, c.path, got.text)
		}
		r.do("PUT", path, `{}`, bearer("reports"))
		if got := r.do(c.method, c.path, c.body, bearer("boss")); got.status >= 300 {
			t.Errorf("%s %s: %s", c.method, c.path, got.text)
		}
		r.do("PUT", path, `{}`, bearer("reports"))
	}
	for token, want := range map[string]string{"reports": "s", "boss": "s", "mail": ""} {
		if got := string(r.do("GET", "/v1/subscriptions", "", bearer(token)).is(200, "").text); strings.Contains(got, `"name":"s"`) != (want == "s") {
			t.Errorf("%s: %s", token, got)
		}
	}
}

func TestATokenForSomeSubjectsSubscribesToThese(t *testing.T) {
	r := newRig(t, func(c *api.Config) {
		p := access.Principal{Name: "branch", Scopes: []access.Scope{access.Read}, Subjects: "accounts/12"}
		c.Guard = access.NewGuard(access.Token{Principal: p, Digest: access.DigestOf("branch")})
	})
	for body, status := range map[string]int{
		`{}`: 403, `{"filter":{"type":"account.opened"}}`: 403, `{"filter":{"subject":"accounts/1"}}`: 403,
		`{"filter":{"subject":"accounts/12345678"}}`: 201,
	} {
		r.do("PUT", "/v1/subscriptions/s", body, bearer("branch")).is(status, map[int]string{403: "forbidden"}[status])
	}
}

func TestTooManySubscriptionsAreRefused(t *testing.T) {
	r := newRig(t)
	for i := range 1000 {
		if _, _, err := r.service.Subscriptions().Put(t.Context(), subscriptions.Caller{}, fmt.Sprint("s", i), subscriptions.Definition{}); err != nil {
			t.Fatal(err)
		}
	}
	r.do("PUT", "/v1/subscriptions/more", `{}`).is(409, "too-many-subscriptions")
}

// unsubscribed is a service without a store for subscriptions.
type unsubscribed struct{ *journal.Service }

func (unsubscribed) Subscriptions() *subscriptions.Registry { return nil }

func TestWithoutAStoreForThemSubscriptionsAreUnavailable(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.Service = unsubscribed{c.Service.(*journal.Service)} })
	const path = "/v1/subscriptions/s"
	r.do("GET", "/v1/subscriptions", "").is(503, "store-unavailable")
	r.do("GET", path, "").is(503, "store-unavailable")
	r.do("PUT", path, `{}`).is(503, "store-unavailable")
	r.do("DELETE", path, "").is(503, "store-unavailable")
	r.do("GET", path+"/events", "").is(503, "store-unavailable")
	r.do("POST", path+"/ack", `{"seq":1}`).is(503, "store-unavailable")
	r.handler.EndStreams()
}

// lossy is a store that may lose the answers to changes.
type lossy struct {
	eventstore.SubscriptionStore
	loses atomic.Bool
}

func (l *lossy) SwapSubscription(ctx context.Context, was, next eventstore.NamedSubscription) error {
	return l.answer(l.SubscriptionStore.SwapSubscription(ctx, was, next))
}

func (l *lossy) Acknowledge(ctx context.Context, id uuid.UUID, at eventstore.Head) error {
	return l.answer(l.SubscriptionStore.Acknowledge(ctx, id, at))
}

func (l *lossy) answer(err error) error {
	if l.loses.Load() {
		return eventstore.NewError("test", eventstore.KindUnknown, err)
	}
	return err
}

func TestAChangeWhoseOutcomeIsUnknownCanBeMadeAgain(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	const path = "/v1/subscriptions/s"
	for _, c := range []struct {
		method, path, body string
		status             int // when it is made again
	}{
		{"PUT", path, `{}`, 200}, {"POST", path + "/ack", `{"seq":1}`, 200}, {"GET", path + "/events", "", 200}, {"DELETE", path, "", 404},
	} {
		r.subs.loses.Store(true)
		p := r.do(c.method, c.path, c.body).is(503, "outcome-unknown").problem()
		if !strings.Contains(p.Detail, "send the request again") {
			t.Errorf("%s: %s", c.method, p.Detail)
		}
		r.subs.loses.Store(false)
		if got := r.do(c.method, c.path, c.body); got.status != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.text)
		}
	}
}
