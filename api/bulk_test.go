package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"openpayment/eventstore/eventstoretest"
)

// itemBody is what became of one command of a bulk, as clients see it.
type itemBody struct {
	Status   int
	Position int64
	Replayed bool
	Account  *accountBody
	Event    *eventBody
	Problem  *problem
}

func (a response) items() []itemBody {
	a.Helper()
	var body struct{ Items []itemBody }
	a.decode(&body)
	return body.Items
}

// statuses are those of the items, in order.
func (a response) statuses() string {
	a.Helper()
	var all []string
	for _, item := range a.items() {
		text := fmt.Sprint(item.Status)
		if item.Problem != nil {
			text += " " + item.Problem.Code
			met.Store(item.Problem.Code, true)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// bulkOf is a body of commands.
func bulkOf(atomic bool, commands ...string) string {
	return fmt.Sprintf(`{"commands":[%s],"atomic":%t}`, strings.Join(commands, ","), atomic)
}

// bulk sends commands.
func (r *rig) bulk(atomic bool, commands []string, headers ...string) response {
	r.Helper()
	return r.do("POST", "/v1/commands", bulkOf(atomic, commands...), headers...)
}

// everyKind is a bulk with one of each kind, all of which are accepted in this order.
var everyKind = []string{
	`{"kind":"open","accountNumber":"111111","sortCode":"10-20-30","customerURLs":["https://c.example/1"]}`,
	`{"kind":"open","sortCode":"102030"}`, // of whatever number
	`{"kind":"replace","account":"111111","ifMatch":1,"sortCode":"11-22-33","cardURLs":["http://a.b/c"]}`,
	`{"kind":"patch","account":"111111","accountNumber":"111111","cardURLs":null,"ifMatch":"*"}`,
	`{"kind":"deposit","account":"111111","amount":100,"currency":"GBP","reference":"x"}`,
	`{"kind":"open","accountNumber":"222222","sortCode":"10-20-30"}`,
	`{"kind":"transfer","from":"111111","to":"222222","amount":60,"currency":"GBP"}`,
	`{"kind":"withdraw","account":"111111","amount":40,"currency":"GBP","ifMatch":7}`,
	`{"kind":"close","account":"111111","ifMatch":8}`,
}

// keyed gives every command a key of its own.
func keyed(commands []string) []string {
	all := slices.Clone(commands)
	for i, c := range all {
		all[i] = strings.TrimSuffix(c, "}") + fmt.Sprintf(`,"idempotencyKey":"key %d"}`, i)
	}
	return all
}

// checkEveryKind checks what became of everyKind on an empty log.
func checkEveryKind(t *testing.T, items []itemBody) {
	t.Helper()
	statuses := []int{201, 201, 200, 200, 201, 201, 201, 201, 204}
	types := map[int]string{4: "funds.deposited", 6: "funds.transferred", 7: "funds.withdrawn"}
	if len(items) != len(statuses) {
		t.Fatalf("%d items", len(items))
	}
	for i, item := range items {
		if item.Status != statuses[i] || item.Position != int64(i+1) || item.Replayed || item.Problem != nil {
			t.Errorf("%d: %+v", i, item)
		}
		if (item.Event != nil) != (types[i] != "") || item.Event != nil && (item.Event.Type != types[i] || item.Event.Seq != int64(i+1)) {
			t.Errorf("%d: %+v", i, item.Event)
		}
		if (item.Account != nil) != (item.Event == nil && item.Status != 204) || item.Account != nil && item.Account.Version != int64(i+1) {
			t.Errorf("%d: %+v", i, item.Account)
		}
	}
}

func TestABulkTakesEveryKindOfCommand(t *testing.T) {
	for _, atomic := range []bool{false, true} {
		t.Run(fmt.Sprint(atomic), func(t *testing.T) {
			r := newRig(t)
			status := map[bool]int{false: 200, true: 201}[atomic]
			dry := r.do("POST", "/v1/commands?dryRun=true", bulkOf(atomic, everyKind...)).is(status, "").has("Dry-Run: true", "Event-Position:")
			checkEveryKind(t, dry.items())
			for _, item := range dry.items() {
				if item.Event != nil && (item.Event.ID != "" || item.Event.Hash != "") {
					t.Errorf("%+v", item.Event)
				}
			}
			if r.head() != 0 {
				t.Fatalf("a dry run has stored %d events", r.head())
			}
			got := r.bulk(atomic, everyKind).is(status, "").has("Event-Position: 9", "Applied-Position: 9", "Dry-Run:", "ETag:", "Location:")
			checkEveryKind(t, got.items())
			events := r.do("GET", "/v1/events", "").page().Items
			for i, ev := range events {
				want := ""
				if atomic {
					want = fmt.Sprintf("%d/9", i+1)
				}
				if ev.Meta["atomic"] != want || ev.Meta["requestId"] != got.header.Get("Request-Id") {
					t.Errorf("event %d: %v", ev.Seq, ev.Meta)
				}
			}
			if r.balance("222222") != 60 || len(events) != 9 {
				t.Errorf("%d events, a balance of %d", len(events), r.balance("222222"))
			}
		})
	}
}

// Singly or in bulk, a command gets the same answer, its place in the log aside.
func TestACommandOfABulkIsAnsweredAsByItself(t *testing.T) {
	single, many := newRig(t), newRig(t)
	items := many.bulk(false, everyKind).is(200, "").items()
	for i, request := range everyCommand {
		alone := request.send(single)
		if items[i].Status != alone.status {
			t.Errorf("%d: %d, by itself %d", i, items[i].Status, alone.status)
		}
		if a := items[i].Account; a != nil && i != 1 {
			a.OpenedAt, a.UpdatedAt = "", ""
			b := alone.account()
			b.OpenedAt, b.UpdatedAt = "", ""
			if fmt.Sprint(*a) != fmt.Sprint(b) {
				t.Errorf("%d: %+v, by itself %+v", i, *a, b)
			}
		}
	}
}

func TestEachCommandOfABulkHasItsOwnResult(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	got := r.bulk(false, []string{
		`{"kind":"withdraw","account":"111111","amount":1,"currency":"GBP"}`,
		`{"kind":"deposit","account":"111111","amount":5,"currency":"GBP"}`,
		`{"kind":"withdraw","account":"111111","amount":4,"currency":"GBP"}`, // of what has just come in
		`{"kind":"withdraw","account":"111111","amount":4,"currency":"GBP"}`,
		`{"kind":"open","accountNumber":"111111","sortCode":"10-20-30"}`,
		`{"kind":"open","accountNumber":"222222","sortCode":"10-20-30"}`,
		`{"kind":"transfer","from":"111111","to":"222222","amount":1,"currency":"GBP","ifMatch":1}`,
		`{"kind":"transfer","from":"111111","to":"111111","amount":1,"currency":"GBP"}`,
		`{"kind":"patch","account":"111111","currency":"EUR"}`,
		`{"kind":"deposit","account":"222222","amount":1,"currency":"EUR"}`,
		`{"kind":"deposit","account":"111111","amount":9007199254740991,"currency":"GBP"}`,
		`{"kind":"close","account":"111111"}`,
		`{"kind":"close","account":"222222"}`,
		`{"kind":"close","account":"222222"}`,
		`{"kind":"close","account":"333333"}`,
	}).is(200, "").has("Event-Position: 5", "Applied-Position: 5", "Retry-After:")
	const want = "422 insufficient-funds, 201, 201, 422 insufficient-funds, 409 account-exists, 201, 412 version-mismatch, 422 same-account, " +
		"422 invalid, 422 currency-mismatch, 422 amount-out-of-range, 409 account-not-empty, 204, 410 account-closed, 404 account-not-found"
	if got.statuses() != want {
		t.Errorf("%s\nwant %s", got.statuses(), want)
	}
	items := got.items()
	if p := items[6].Problem; *p.Expected != 1 || *p.Actual != 3 || p.Status != 412 || p.Type != "/problems/version-mismatch" || p.Title == "" || p.Detail == "" {
		t.Errorf("%+v", p)
	}
	if p := items[8].Problem; len(p.Errors) != 1 || p.Errors[0].Pointer != "/commands/8/currency" {
		t.Errorf("%+v", p)
	}
	if text := string(got.text); strings.Contains(text, `"instance"`) || strings.Count(text, `"requestId"`) != 2 {
		t.Errorf("the problems repeat what the answer says: %s", text)
	}
	if r.balance("111111") != 1 {
		t.Errorf("a balance of %d", r.balance("111111"))
	}
}

func TestAnAtomicBulkIsRefusedWhole(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	deposit := `{"kind":"deposit","account":"111111","amount":5,"currency":"GBP"}`
	for i, c := range []struct {
		command       string
		status        int
		code, pointer string
	}{
		{`{"kind":"withdraw","account":"111111","amount":16,"currency":"GBP"}`, 422, "insufficient-funds", "/commands/3"},
		{`{"kind":"open","accountNumber":"111111","sortCode":"10-20-30"}`, 409, "account-exists", "/commands/3"},
		{`{"kind":"close","account":"111111","ifMatch":1}`, 412, "version-mismatch", "/commands/3"},
		{`{"kind":"close","account":"999999"}`, 404, "account-not-found", "/commands/3"},
		{`{"kind":"patch","account":"111111","currency":"EUR"}`, 422, "invalid", "/commands/3/currency"},
	} {
		for _, path := range []string{"/v1/commands?dryRun=true", "/v1/commands"} {
			key := fmt.Sprint("Idempotency-Key: ", i)
			got := r.do("POST", path, bulkOf(true, deposit, deposit, deposit, c.command, deposit), key).
				is(c.status, c.code).has("Event-Position:", "Applied-Position: 1")
			if got.pointers() != c.pointer || !strings.HasPrefix(got.problem().Detail, "/commands/3 ") {
				t.Errorf("%s", got.text)
			}
		}
	}
	if r.head() != 1 || r.balance("111111") != 0 {
		t.Errorf("%d events, a balance of %d", r.head(), r.balance("111111"))
	}
	r.bulk(true, []string{deposit}, "Idempotency-Key: 0").is(201, "") // refusals are not remembered
}

func TestAChainOfTransfersIsAllOrNothing(t *testing.T) {
	r := newRig(t)
	for _, n := range []string{"111111", "222222", "333333"} {
		r.open(n)
	}
	r.do("POST", "/v1/accounts/111111/deposits", `{"amount":10,"currency":"GBP"}`).is(201, "")
	chain := func(second int) []string {
		return []string{
			`{"kind":"transfer","from":"111111","to":"222222","amount":10,"currency":"GBP"}`,
			fmt.Sprintf(`{"kind":"transfer","from":"222222","to":"333333","amount":%d,"currency":"GBP"}`, second),
		}
	}
	r.bulk(true, chain(11)).is(422, "insufficient-funds")
	if r.balance("111111") != 10 || r.head() != 4 {
		t.Errorf("half of it is done")
	}
	r.bulk(true, chain(10)).is(201, "")
	if r.balance("111111") != 0 || r.balance("222222") != 0 || r.balance("333333") != 10 {
		t.Error("it is not done")
	}
}

func TestABulkIsRepeatedByteForByte(t *testing.T) {
	r := newRig(t)
	const k = "Idempotency-Key: k"
	first := r.bulk(true, everyKind, k).is(201, "")
	again := func(r *rig) {
		t.Helper()
		sameAgain(t, r.bulk(true, everyKind, k, "X-Request-Id: another"), first)
	}
	again(r)
	other := newNode(t, r.log, eventstoretest.NewFaulty(r.log.Open()))
	<-other.read
	again(other)
	other.bulk(true, everyKind[:5], k).is(422, "idempotency-key-reused")
	other.do("POST", "/v1/commands", "[]", k).is(422, "idempotency-key-reused")
	other.do("POST", "/v1/commands", `{"commands":[],"atomic":1}`, k).is(422, "idempotency-key-reused")
	other.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`, k).is(422, "idempotency-key-reused")
	other.bulk(false, []string{`{"kind":"open","sortCode":"10-20-30","idempotencyKey":"k"}`}).is(200, "").has("Event-Position:")
	if r.head() != 9 {
		t.Errorf("%d events", r.head())
	}
}

func TestCommandsWithKeysOfTheirOwnAreKnownAgainOneByOne(t *testing.T) {
	r := newRig(t)
	commands := keyed(everyKind)
	first := r.bulk(false, commands).is(200, "")
	checkEveryKind(t, first.items())
	other := newNode(t, r.log, eventstoretest.NewFaulty(r.log.Open()))
	<-other.read
	slices.Reverse(commands) // what makes them the same is not their place
	fresh := `{"kind":"open","accountNumber":"333333","sortCode":"10-20-30","idempotencyKey":"new"}`
	got := other.bulk(false, append([]string{fresh}, commands...)).is(200, "").has("Event-Position: 10", "Idempotency-Replayed:")
	items := got.items()
	if items[0].Status != 201 || items[0].Replayed || items[0].Position != 10 {
		t.Errorf("%+v", items[0])
	}
	was := first.items()
	for i := range was {
		again := items[len(items)-1-i]
		if !again.Replayed {
			t.Errorf("%d: %+v", i, again)
		}
		again.Replayed = false
		a, _ := json.Marshal(again)
		if b, _ := json.Marshal(was[i]); string(a) != string(b) {
			t.Errorf("repeated: %s\nfirst: %s", a, b)
		}
	}
	reused := strings.Replace(commands[0], "close", "patch", 1)
	if got := other.bulk(false, []string{reused}).statuses(); got != "422 idempotency-key-reused" {
		t.Error(got)
	}
	if r.head() != 10 {
		t.Errorf("%d events", r.head())
	}
}

func TestHeadersThatAreOfOneCommandAreRefusedOnABulk(t *testing.T) {
	r := newRig(t)
	open := `{"kind":"open","sortCode":"10-20-30"}`
	for _, atomic := range []bool{false, true} {
		r.bulk(atomic, []string{open}, "If-Match: *").is(400, "bad-header")
	}
	r.bulk(false, []string{open}, "Idempotency-Key: k").is(400, "bad-header")
	r.do("POST", "/v1/commands", `{"commands":[]}`, "Idempotency-Key: k").is(400, "bad-header")
	r.bulk(true, []string{open}, "Idempotency-Key: ").is(400, "bad-header")
	r.do("POST", "/v1/commands", `{"commands":[`, "Idempotency-Key: k").is(400, "bad-json")
	r.do("POST", "/v1/commands?dryRun=true", bulkOf(false, open), "Idempotency-Key: k").is(200, "") // which ignores keys
	if r.head() != 0 {
		t.Errorf("%d events", r.head())
	}
}

func TestABulkMayBeTooLargeForOneAppend(t *testing.T) {
	r := newRig(t)
	urls := strings.TrimSuffix(strings.Repeat(`"https://c.example/%s",`, 16), ",")
	r.open("111111")
	long := strings.Repeat("x", 1900)
	lists := make([]any, 16)
	for i := range lists {
		lists[i] = fmt.Sprint(long, i)
	}
	r.do("PATCH", "/v1/accounts/111111", `{"customerURLs":[`+fmt.Sprintf(urls, lists...)+`]}`).is(200, "")
	var commands []string
	for range 100 { // each event holds all of them again
		commands = append(commands, `{"kind":"patch","account":"111111","sortCode":"11-22-33"}`)
	}
	got := r.bulk(true, commands, "Idempotency-Key: k").is(422, "invalid")
	if !strings.Contains(got.problem().Detail, "atomic") || r.head() != 2 {
		t.Errorf("%s", got.text)
	}
	r.do("POST", "/v1/commands?dryRun=true", bulkOf(true, commands...)).is(422, "invalid")
	for i, item := range r.bulk(false, keyed(commands)).is(200, "").has("Event-Position: 102").items() {
		if item.Status != 200 || item.Position != int64(i+3) {
			t.Fatalf("%d: %+v", i, item)
		}
	}
	for i, item := range r.bulk(false, keyed(commands)).is(200, "").has("Event-Position: 102").items() {
		if !item.Replayed || item.Account.Version != int64(i+3) {
			t.Fatalf("%d: %+v", i, item)
		}
	}
}
