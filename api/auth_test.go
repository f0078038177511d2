package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"openpayment/api"
	"openpayment/api/access"
)

// guarded has a service know these tokens: their names, which are what is sent too,
// and their scopes.
func guarded(tokens map[string][]access.Scope) func(*api.Config) {
	var all []access.Token
	for name, scopes := range tokens {
		all = append(all, access.Token{Principal: access.Principal{Name: name, Scopes: scopes}, Digest: access.DigestOf(name)})
	}
	return func(c *api.Config) { c.Guard = access.NewGuard(all...) }
}

// bearer is the header that brings a token.
func bearer(token string) string { return "Authorization: Bearer " + token }

// broken is a body that an operation with a method may take, but can't read.
func broken(method string) string {
	return map[string]string{"POST": "{", "PUT": "{", "PATCH": "{"}[method]
}

func TestATokenIsNeededWhereSomeAreConfigured(t *testing.T) {
	r := newRig(t, guarded(map[string][]access.Scope{"s3cret": access.Scopes()}))
	for route, methods := range api.Routes() {
		path := r.concrete(route)
		for _, method := range append(methods, "OPTIONS") {
			if route == "/livez" || route == "/readyz" {
				r.do(method, route, "").has("WWW-Authenticate:")
				continue
			}
			for _, headers := range [][]string{nil, {"Authorization: s3cret"}, {"Authorization: Bearer"}, {bearer("s3cre")}, {bearer("s3cret2")},
				{"Authorization: Basic s3cret"}, {bearer("s3cret"), bearer("s3cret")}, {bearer("S3cret")}} {
				r.do(method, path+"?limit=x", broken(method), headers...).is(401, "unauthenticated").
					has(`WWW-Authenticate: Bearer realm="openpayment"`, "Applied-Position:")
			}
			for _, scheme := range []string{"Bearer", "bearer"} {
				if got := r.do(method, path, broken(method), "Authorization: "+scheme+" s3cret"); got.status == 401 || got.status == 403 {
					t.Errorf("%s %s: %s", method, route, got.text)
				}
			}
		}
	}
	r.do("GET", "/v1/nothing", "").is(404, "route-not-found")
	r.do("BREW", "/v1/accounts", "").is(405, "method-not-allowed")
	r.do("POST", "/v1/accounts", spaces(1<<20+1)).is(401, "unauthenticated")
}

// wantedScope is the scope that each operation needs, empty for probes. A new one has to be
// thought about, and added here.
var wantedScope = map[string]access.Scope{
	"GET /livez":                             "",
	"GET /readyz":                            "",
	"GET /metrics":                           access.Read,
	"GET /openapi.json":                      access.Any,
	"GET /docs":                              access.Any,
	"GET /docs/{file}":                       access.Any,
	"GET /v1/accounts":                       access.Read,
	"POST /v1/accounts":                      access.Command,
	"GET /v1/accounts/{number}":              access.Read,
	"PUT /v1/accounts/{number}":              access.Command,
	"PATCH /v1/accounts/{number}":            access.Command,
	"DELETE /v1/accounts/{number}":           access.Command,
	"GET /v1/accounts/{number}/events":       access.Read,
	"POST /v1/accounts/{number}/deposits":    access.Command,
	"POST /v1/accounts/{number}/withdrawals": access.Command,
	"POST /v1/transfers":                     access.Command,
	"POST /v1/commands":                      access.Command,
	"GET /v1/events":                         access.Read,
	"GET /v1/events/stream":                  access.Read,
	"GET /v1/events/{seq}":                   access.Read,
	"POST /v1/events":                        access.Append,
	"GET /v1/subscriptions":                  access.Read,
	"GET /v1/subscriptions/{name}":           access.Read,
	"PUT /v1/subscriptions/{name}":           access.Read,
	"DELETE /v1/subscriptions/{name}":        access.Read,
	"GET /v1/subscriptions/{name}/events":    access.Read,
	"POST /v1/subscriptions/{name}/ack":      access.Read,
	"GET /v1/admin/status":                   access.Admin,
	"GET /v1/admin/snapshots":                access.Admin,
	"POST /v1/admin/snapshots":               access.Admin,
	"POST /v1/admin/replays":                 access.Admin,
	"GET /v1/admin/replays/{id}":             access.Admin,
	"DELETE /v1/admin/replays/{id}":          access.Admin,
}

func TestEveryOperationNeedsOneScopeAndNoOtherWillDo(t *testing.T) {
	tokens := map[string][]access.Scope{"nothing": nil}
	for _, s := range access.Scopes() {
		tokens["only-"+string(s)] = []access.Scope{s}
		tokens["all-but-"+string(s)] = slices.DeleteFunc(access.Scopes(), func(other access.Scope) bool { return other == s })
	}
	r := newRig(t, guarded(tokens))
	seen := 0
	for route, methods := range api.Routes() {
		for _, method := range methods {
			wanted, known := wantedScope[method+" "+route]
			if seen++; !known || api.Scope(route, method) != wanted {
				t.Errorf("%s %s needs the scope %q; expected is %q, %t", method, route, api.Scope(route, method), wanted, known)
				continue
			}
			path := r.concrete(route)
			switch wanted {
			case "":
				continue
			case access.Any:
				if got := r.do(method, path, "", bearer("nothing")); got.status >= 300 {
					t.Errorf("%s %s: %s", method, route, got.text)
				}
				continue
			}
			if wanted == access.Any {
				r.do(method, path, "", bearer("nothing")).is(200, "")
				continue
			}
			for _, token := range []string{"nothing", "all-but-" + string(wanted)} {
				got := r.do(method, path+"?limit=x", broken(method), bearer(token)).is(403, "forbidden").has("WWW-Authenticate:", "Applied-Position:")
				if detail := got.problem().Detail; !strings.Contains(detail, "lacks the scope "+string(wanted)) || !strings.Contains(detail, token) {
					t.Errorf("%s %s: %s", method, route, detail)
				}
			}
			if got := r.do(method, path, broken(method), bearer("only-"+string(wanted))); got.status == 403 || got.status == 401 {
				t.Errorf("%s %s: %s", method, route, got.text)
			}
			r.do("OPTIONS", path, "", bearer("nothing")).is(204, "")
		}
	}
	if seen != len(wantedScope) {
		t.Errorf("%d operations; %d are expected", seen, len(wantedScope))
	}
}

func TestTooManyWrongTokensAreRefusedAndRightOnesAreNot(t *testing.T) {
	r := newRig(t, guarded(map[string][]access.Scope{"s3cret": access.Scopes()}), func(c *api.Config) { c.Failures = access.NewFailures(3) })
	for range 3 {
		r.do("GET", "/v1/accounts", "", bearer("guess")).is(401, "unauthenticated")
	}
	for range 2 {
		r.do("GET", "/v1/accounts", "", bearer("guess")).is(429, "too-many-failures").has("Retry-After: 20", "WWW-Authenticate:")
	}
	r.do("GET", "/v1/accounts", "", bearer("s3cret")).is(200, "")
	r.do("GET", "/v1/accounts", "").is(401, "unauthenticated") // nobody has guessed
	r.do("GET", "/v1/accounts", "", bearer("guess")).is(429, "too-many-failures")
	told := 0
	for _, entry := range r.logged.AllEntries() {
		if entry.Level == logrus.WarnLevel && entry.Data["address"] != nil {
			told++
		}
	}
	if told != 1 {
		t.Errorf("operators are told %d times", told)
	}
}

func TestWhoeverSendsNoTokenHasGuessedNone(t *testing.T) {
	r := newRig(t, guarded(map[string][]access.Scope{"s3cret": access.Scopes()}), func(c *api.Config) { c.Failures = access.NewFailures(1) })
	for range 5 {
		for _, headers := range [][]string{nil, {"Authorization: Bearer "}, {"Authorization: Basic guess"}} {
			r.do("GET", "/v1/accounts", "", headers...).is(401, "unauthenticated")
		}
	}
}

func TestTokensAreExchangedWhileTheServiceRuns(t *testing.T) {
	guard := access.NewGuard(access.Token{Principal: access.Principal{Name: "x", Scopes: access.Scopes()}, Digest: access.DigestOf("old")})
	r := newRig(t, func(c *api.Config) { c.Guard = guard })
	r.do("GET", "/v1/accounts", "", bearer("old")).is(200, "")
	guard.Use([]access.Token{{Principal: access.Principal{Name: "x", Scopes: []access.Scope{access.Command}}, Digest: access.DigestOf("new")}})
	r.do("GET", "/v1/accounts", "", bearer("old")).is(401, "unauthenticated")
	r.do("GET", "/v1/accounts", "", bearer("new")).is(403, "forbidden")
}

func TestAStreamEndsWhenItsTokenIsTakenAway(t *testing.T) {
	reader := access.Token{Principal: access.Principal{Name: "x", Scopes: []access.Scope{access.Read}}, Digest: access.DigestOf("old")}
	for name, c := range map[string]struct {
		left []access.Token
		code string
	}{
		"the token":  {nil, "unauthenticated"},
		"its scope":  {[]access.Token{{Principal: access.Principal{Name: "x", Scopes: []access.Scope{access.Append}}, Digest: reader.Digest}}, "forbidden"},
		"its bounds": {[]access.Token{{Principal: access.Principal{Name: "x", Scopes: reader.Scopes, Subjects: "accounts/12"}, Digest: reader.Digest}}, "forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			guard := access.NewGuard(reader)
			r := newRig(t, func(c *api.Config) { c.Guard, c.Streams.Heartbeat = guard, 10*time.Millisecond })
			f := r.follow("/v1/events/stream", bearer("old"))
			f.want("caught-up@0")
			guard.Use(c.left)
			fr, ok := f.next()
			for ok && fr.comment == "heartbeat" { // from before
				fr, ok = f.next()
			}
			if got := (response{TB: t, text: []byte(fr.data)}).problem().Code; fr.event != "goodbye" || got != c.code {
				t.Errorf("it ends with %+v", fr)
			}
		})
	}
}

func TestAReaderEndsWhenTheSubscriptionIsNoLongerForItsToken(t *testing.T) {
	token := func(name string, subjects string, scopes ...access.Scope) access.Token {
		return access.Token{Principal: access.Principal{Name: name, Scopes: scopes, Subjects: subjects}, Digest: access.DigestOf(name)}
	}
	owner, operator := token("owner", "", access.Read), token("operator", "", access.Read, access.Admin)
	for reader, left := range map[string]access.Token{
		"owner":    token("owner", "accounts/12", access.Read),
		"operator": token("operator", "", access.Read),
	} {
		t.Run(reader, func(t *testing.T) {
			guard := access.NewGuard(owner, operator)
			r := newRig(t, func(c *api.Config) { c.Guard, c.Streams.Heartbeat = guard, 10*time.Millisecond })
			r.do("PUT", "/v1/subscriptions/s", `{"filter":{"subject":"accounts/34000001"}}`, bearer("owner")).is(201, "")
			f := r.follow("/v1/subscriptions/s/events", bearer(reader), "Accept: text/event-stream")
			f.want("caught-up@0")
			guard.Use([]access.Token{left})
			timeout := time.AfterFunc(10*time.Second, r.handler.EndStreams) // with another goodbye
			defer timeout.Stop()
			fr, ok := f.next()
			for ok && fr.comment == "heartbeat" {
				fr, ok = f.next()
			}
			if got := (response{TB: t, text: []byte(fr.data)}).problem().Code; fr.event != "goodbye" || got != "forbidden" {
				t.Errorf("it ends with %+v", fr)
			}
		})
	}
}

func TestAURLMayBeLongButNotTooLong(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.MaxURL = 2000 }, guarded(map[string][]access.Scope{"s3cret": access.Scopes()}))
	path := "/v1/accounts?customer="
	r.do("GET", path+strings.Repeat("x", 2000-len(path)), "", bearer("s3cret")).is(200, "")
	for _, path := range []string{path, "/nothing/", "/v1/accounts/"} {
		got := r.do("GET", path+strings.Repeat("x", 2001-len(path)), "").is(414, "uri-too-long")
		if !strings.Contains(got.problem().Detail, "2000 bytes") {
			t.Errorf("%s", got.text)
		}
	}
}

func TestAnEventNamesTheTokenThatLedToIt(t *testing.T) {
	r := newRig(t, guarded(map[string][]access.Scope{"teller": {access.Command, access.Read}}))
	r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`, bearer("teller")).is(201, "")
	var ev eventBody
	r.do("GET", "/v1/events/1", "", bearer("teller")).decode(&ev)
	if ev.Meta["actor"] != "teller" {
		t.Errorf("%v", ev.Meta)
	}
	r = newRig(t)
	r.open("12345678")
	ev = eventBody{}
	r.do("GET", "/v1/events/1", "").decode(&ev)
	if _, there := ev.Meta["actor"]; there || len(ev.Meta) == 0 {
		t.Errorf("%v", ev.Meta)
	}
}
