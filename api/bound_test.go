package api_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/api/access"
	"openpayment/eventstore"
)

// boundCases are requests by a token that is bound to accounts/12, on a log with the accounts
// 12000001, 12000002 and 34000001: for each operation some that it may make, and some that
// it may not. A new operation has to be thought about, and added here.
var boundCases = map[string]struct{ may, mayNot []string }{
	"GET /livez":        {may: []string{"/livez"}},
	"GET /readyz":       {may: []string{"/readyz"}},
	"GET /metrics":      {mayNot: []string{"/metrics"}},
	"GET /openapi.json": {may: []string{"/openapi.json"}},
	"GET /docs":         {may: []string{"/docs"}},
	"GET /docs/{file}":  {may: []string{"/docs/start.js"}},
	"POST /v1/events": {may: []string{`/v1/events {"events":[{"type":"a.b","subject":"accounts/12-notes","data":{}}]}`},
		mayNot: []string{`/v1/events {"events":[{"type":"a.b","subject":"accounts/12-notes","data":{}},{"type":"a.b","subject":"customers/1","data":{}}]}`,
			`/v1/events {"events":[{"type":"a.b","subject":"accounts/12-notes","data":{}}],"precondition":{"subject":"customers/1","version":0}}`}},
	"GET /v1/accounts":                       {mayNot: []string{"/v1/accounts", "/v1/accounts?sortCode=102030", "/v1/accounts?limit=x"}},
	"POST /v1/accounts":                      {may: []string{`/v1/accounts {"accountNumber":"12000003","sortCode":"10-20-30"}`}, mayNot: []string{`/v1/accounts {"accountNumber":"34000003","sortCode":"10-20-30"}`, `/v1/accounts {"sortCode":"10-20-30"}`}},
	"GET /v1/accounts/{number}":              {may: []string{"/v1/accounts/12000001", "/v1/accounts/12000009", "/v1/accounts/%312000001"}, mayNot: []string{"/v1/accounts/34000001", "/v1/accounts/34000009", "/v1/accounts/1", "/v1/accounts/34000001?at=1", "/v1/accounts/%334000001"}},
	"PUT /v1/accounts/{number}":              {may: []string{`/v1/accounts/12000001 {"sortCode":"10-20-30"}`}, mayNot: []string{`/v1/accounts/34000001 {"sortCode":"10-20-30"}`, `/v1/accounts/34000001 {`}},
	"PATCH /v1/accounts/{number}":            {may: []string{`/v1/accounts/12000001 {"sortCode":"10-20-30"}`}, mayNot: []string{`/v1/accounts/34000001 {"sortCode":"10-20-30"}`}},
	"DELETE /v1/accounts/{number}":           {may: []string{"/v1/accounts/12000009"}, mayNot: []string{"/v1/accounts/34000001"}},
	"GET /v1/accounts/{number}/events":       {may: []string{"/v1/accounts/12000001/events"}, mayNot: []string{"/v1/accounts/34000001/events"}},
	"POST /v1/accounts/{number}/deposits":    {may: []string{`/v1/accounts/12000001/deposits {"amount":1,"currency":"GBP"}`}, mayNot: []string{`/v1/accounts/34000001/deposits {"amount":1,"currency":"GBP"}`}},
	"POST /v1/accounts/{number}/withdrawals": {may: []string{`/v1/accounts/12000001/withdrawals {"amount":1,"currency":"GBP"}`}, mayNot: []string{`/v1/accounts/34000001/withdrawals {"amount":1,"currency":"GBP"}`}},
	"POST /v1/transfers": {may: []string{`/v1/transfers {"from":"12000001","to":"12000002","amount":1,"currency":"GBP"}`, `/v1/transfers {"from":"12000001","to":"12000009","amount":1,"currency":"GBP"}`},
		mayNot: []string{`/v1/transfers {"from":"12000001","to":"34000001","amount":1,"currency":"GBP"}`, `/v1/transfers {"from":"34000001","to":"12000001","amount":1,"currency":"GBP"}`, `/v1/transfers {"from":"12000001","to":"34000009","amount":1,"currency":"GBP"}`}},
	"POST /v1/commands": {may: []string{`/v1/commands {"commands":[{"kind":"deposit","account":"12000001","amount":1,"currency":"GBP"}]}`},
		mayNot: []string{`/v1/commands {"commands":[{"kind":"deposit","account":"12000001","amount":1,"currency":"GBP"},{"kind":"close","account":"34000001"}]}`,
			`/v1/commands {"atomic":true,"commands":[{"kind":"patch","account":"34000001","sortCode":"10-20-30"}]}`,
			`/v1/commands {"commands":[{"kind":"replace","account":"34000001","sortCode":"10-20-30"}]}`,
			`/v1/commands {"commands":[{"kind":"withdraw","account":"34000001","amount":1,"currency":"GBP"}]}`,
			`/v1/commands {"commands":[{"kind":"open","sortCode":"10-20-30"}]}`}},
	"GET /v1/events": {may: []string{"/v1/events?subject=accounts/12000001", "/v1/events?subject=accounts%2F12"},
		mayNot: []string{"/v1/events", "/v1/events?type=account.opened", "/v1/events?subject=accounts/34000001", "/v1/events?subject=accounts/12000001&subject=accounts/34000001", "/v1/events?subject=", "/v1/events?Subject=accounts/12000001"}},
	"GET /v1/events/stream":               {mayNot: []string{"/v1/events/stream", "/v1/events/stream?after=1", "/v1/events/stream?subject=accounts/34000001"}}, // what it may has no end: see TestABoundTokenFollowsItsSubjects
	"GET /v1/events/{seq}":                {may: []string{"/v1/events/1", "/v1/events/5", "/v1/events/999"}, mayNot: []string{"/v1/events/3"}},
	"GET /v1/subscriptions":               {may: []string{"/v1/subscriptions"}}, // which leaves out all others
	"GET /v1/subscriptions/{name}":        {may: []string{"/v1/subscriptions/none"}, mayNot: []string{"/v1/subscriptions/all"}},
	"PUT /v1/subscriptions/{name}":        {may: []string{`/v1/subscriptions/mine {"filter":{"subject":"accounts/12000001"}}`}, mayNot: []string{`/v1/subscriptions/new {}`, `/v1/subscriptions/new {"filter":{"subject":"accounts/34000001"}}`, `/v1/subscriptions/all {"filter":{"subject":"accounts/12000001"}}`}},
	"DELETE /v1/subscriptions/{name}":     {may: []string{"/v1/subscriptions/none"}, mayNot: []string{"/v1/subscriptions/all"}},
	"GET /v1/subscriptions/{name}/events": {may: []string{"/v1/subscriptions/none/events"}, mayNot: []string{"/v1/subscriptions/all/events"}},
	"POST /v1/subscriptions/{name}/ack":   {may: []string{`/v1/subscriptions/none/ack {"seq":1}`}, mayNot: []string{`/v1/subscriptions/all/ack {"seq":1}`}},
	"GET /v1/admin/status":                {mayNot: []string{"/v1/admin/status"}},
	"GET /v1/admin/snapshots":             {mayNot: []string{"/v1/admin/snapshots"}},
	"POST /v1/admin/snapshots":            {mayNot: []string{"/v1/admin/snapshots"}},
	"POST /v1/admin/replays":              {mayNot: []string{"/v1/admin/replays {}"}},
	"GET /v1/admin/replays/{id}":          {mayNot: []string{"/v1/admin/replays/x"}},
	"DELETE /v1/admin/replays/{id}":       {mayNot: []string{"/v1/admin/replays/x"}},
}

// branch is a token that is bound to subjects. It has all scopes, which a file does not
// allow, so that nothing but its subjects can be what keeps it out.
var branch = access.Token{
	Principal: access.Principal{Name: "branch", Scopes: access.Scopes(), Subjects: "accounts/12"}, Digest: access.DigestOf("branch"),
}

// newBoundRig is a service that knows the token "branch", and "main" that may do
// everything. Its log: 1 to 3 open accounts, 4 and 5 move money between them.
func newBoundRig(t *testing.T) *rig {
	r := newRig(t, func(c *api.Config) {
		main := access.Token{Principal: access.Principal{Name: "main", Scopes: access.Scopes()}, Digest: access.DigestOf("main")}
		c.Guard = access.NewGuard(main, branch)
	})
	for _, number := range []string{"12000001", "12000002", "34000001"} {
		r.do("POST", "/v1/accounts", `{"accountNumber":"`+number+`","sortCode":"10-20-30"}`, bearer("main")).is(201, "")
	}
	r.do("PUT", "/v1/subscriptions/all", `{}`, bearer("main")).is(201, "")
	r.do("POST", "/v1/accounts/34000001/deposits", `{"amount":100,"currency":"GBP"}`, bearer("main")).is(201, "")
	r.do("POST", "/v1/transfers", `{"from":"34000001","to":"12000001","amount":50,"currency":"GBP"}`, bearer("main")).is(201, "")
	return r
}

func TestABoundTokenIsForItsSubjectsOnly(t *testing.T) {
	r := newBoundRig(t)
	seen := 0
	for route, methods := range api.Routes() {
		for _, method := range methods {
			seen++
			cases, thoughtOf := boundCases[method+" "+route]
			if !thoughtOf || len(cases.may)+len(cases.mayNot) == 0 {
				t.Errorf("what may a bound token do with %s %s?", method, route)
			}
			for _, request := range cases.may {
				path, body, _ := strings.Cut(request, " ")
				if got := r.do(method, path, body, bearer("branch")); got.status == 403 || got.status == 401 {
					t.Errorf("%s %s: %s", method, request, got.text)
				}
			}
			for _, request := range cases.mayNot {
				path, body, _ := strings.Cut(request, " ")
				head := r.head()
				got := r.do(method, path, body, bearer("branch")).is(403, "forbidden")
				if detail := got.problem().Detail; !strings.Contains(detail, "the token branch is bound to subjects that begin with accounts/12") {
					t.Errorf("%s %s: %s", method, request, detail)
				}
				if r.head() != head {
					t.Errorf("%s %s has changed something", method, request)
				}
			}
			r.do("OPTIONS", r.concrete(route), "", bearer("branch")).is(204, "")
		}
	}
	if seen != len(boundCases) {
		t.Errorf("%d operations; %d are expected", seen, len(boundCases))
	}
}

func TestABoundTokenFollowsItsSubjects(t *testing.T) {
	r := newBoundRig(t)
	r.follow("/v1/events/stream?subject=accounts/12000001", bearer("branch")).want("1 5 caught-up@5")
}

func TestABulkIsRefusedWholeForOneCommandThatIsNotForTheToken(t *testing.T) {
	r := newBoundRig(t)
	body := `{"commands":[{"kind":"deposit","account":"12000001","amount":1,"currency":"GBP"},{"kind":"deposit","account":"34000001","amount":1,"currency":"GBP"}]}`
	got := r.do("POST", "/v1/commands", body, bearer("branch")).is(403, "forbidden")
	if got.pointers() != "/commands/1" {
		t.Errorf("%s", got.text)
	}
}

// A key opens no door: the answer to a command is not given to a token that could not
// have sent it.
func TestAKeyShowsABoundTokenNothingOfOthers(t *testing.T) {
	r := newBoundRig(t)
	for i, request := range []string{
		`/v1/events {"events":[{"type":"a.b","subject":"accounts/12-notes","data":{}},{"type":"a.b","subject":"customers/1","data":{}}]}`,
		`/v1/transfers {"from":"34000001","to":"12000001","amount":1,"currency":"GBP"}`,
		`/v1/accounts {"accountNumber":"34000005","sortCode":"10-20-30"}`,
		`/v1/commands {"atomic":true,"commands":[{"kind":"deposit","account":"12000001","amount":1,"currency":"GBP"},{"kind":"deposit","account":"34000001","amount":1,"currency":"GBP"}]}`,
	} {
		path, body, _ := strings.Cut(request, " ")
		key := "Idempotency-Key: key-" + strconv.Itoa(i)
		r.do("POST", path, body, bearer("main"), key).is(201, "")
		r.do("POST", path, body, bearer("main"), key).is(201, "").has("Idempotency-Replayed: true")
		r.do("POST", path, body, bearer("branch"), key).is(403, "forbidden")
	}
}

func TestWhatIsForbiddenForItsBodyIsSaidAfterItsFaults(t *testing.T) {
	r := newBoundRig(t)
	r.do("POST", "/v1/transfers", `{"from":"34000001","to":"12000001","amount":-1,"currency":"GBP"}`, bearer("branch")).is(422, "invalid")
	r.do("POST", "/v1/transfers", `{"from":"34000009","to":"12000001","amount":1,"currency":"GBP"}`, bearer("branch")).is(403, "forbidden")
	r.do("POST", "/v1/transfers", `{"from":"34000001","to":"12000001","amount":1000,"currency":"GBP"}`, bearer("branch")).is(403, "forbidden")
}

// Every kind of command there is says which accounts it is about: one that does not is for
// no bound token.
func TestEveryKindOfCommandCanBeBound(t *testing.T) {
	r := newBoundRig(t)
	for kind, fields := range map[string]string{
		"open": `"accountNumber":"12000005","sortCode":"10-20-30"`, "replace": `"account":"12000001","sortCode":"10-20-30"`,
		"patch": `"account":"12000001","sortCode":"10-20-30"`, "close": `"account":"12000002"`,
		"deposit": `"account":"12000001","amount":1,"currency":"GBP"`, "withdraw": `"account":"12000001","amount":1,"currency":"GBP"`,
		"transfer": `"from":"12000001","to":"12000002","amount":1,"currency":"GBP"`,
	} {
		for _, atomic := range []bool{false, true} {
			body := fmt.Sprintf(`{"atomic":%t,"commands":[{"kind":%q,%s}]}`, atomic, kind, fields)
			if got := r.do("POST", "/v1/commands?dryRun=true", body, bearer("branch")); got.status >= 300 {
				t.Errorf("%s: %s", body, got.text)
			}
		}
	}
	if kinds := api.BulkKinds(); len(kinds) != 7 {
		t.Errorf("there are %v", kinds)
	}
}

func TestAnEventIsAboutAllAccountsThatItTouches(t *testing.T) {
	r := newBoundRig(t)
	for seq, want := range map[eventstore.Position][]string{3: {"accounts/34000001"}, 5: {"accounts/34000001", "accounts/12000001"}} {
		ev, err := r.service.Event(t.Context(), seq)
		if err != nil || !slices.Equal(journal.Subjects(ev), want) {
			t.Errorf("%d: %v, %v", seq, journal.Subjects(ev), err)
		}
		for _, subject := range want {
			if !journal.About(ev, subject) {
				t.Errorf("%d is not about %s", seq, subject)
			}
		}
	}
}
