package api_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// keyedRequest is a command as clients send it with a key.
type keyedRequest struct {
	method, path, body string
	headers            []string
}

func (k keyedRequest) send(r *rig, headers ...string) response {
	r.Helper()
	return r.do(k.method, k.path, k.body, append(headers, k.headers...)...)
}

// everyCommand is one of each kind, in an order in which all are accepted.
var everyCommand = []keyedRequest{
	{"POST", "/v1/accounts", `{"accountNumber":"111111","sortCode":"10-20-30","customerURLs":["https://c.example/1"]}`, nil},
	{"POST", "/v1/accounts", `{"sortCode":"102030"}`, nil}, // of whatever number
	{"PUT", "/v1/accounts/111111", `{"sortCode":"11-22-33","cardURLs":["http://a.b/c"]}`, []string{`If-Match: "1"`}},
	{"PATCH", "/v1/accounts/111111", `{"cardURLs":null}`, nil},
	{"POST", "/v1/accounts/111111/deposits", `{"amount":100,"currency":"GBP","reference":"x"}`, []string{"X-Request-Id: first"}},
	{"POST", "/v1/accounts", `{"accountNumber":"222222","sortCode":"10-20-30"}`, nil},
	{"POST", "/v1/transfers", `{"from":"111111","to":"222222","amount":60,"currency":"GBP"}`, []string{`If-Match: *`}},
	{"POST", "/v1/accounts/111111/withdrawals", `{"amount":40,"currency":"GBP"}`, []string{`If-Match: "7"`}},
	{"DELETE", "/v1/accounts/111111", "", []string{`If-Match: "8"`}},
}

// sameAgain checks that an answer is the replay of another one.
func sameAgain(t *testing.T, again, first response) {
	t.Helper()
	if again.status != first.status || string(again.text) != string(first.text) {
		t.Errorf("repeated: %d %s\nfirst: %d %s", again.status, again.text, first.status, first.text)
	}
	for _, name := range []string{"Location", "Etag", "Event-Position", "Content-Type", "Content-Length", "Dry-Run"} {
		if fmt.Sprint(again.header[name]) != fmt.Sprint(first.header[name]) {
			t.Errorf("repeated, %s is %q, first %q", name, again.header[name], first.header[name])
		}
	}
	again.has("Idempotency-Replayed: true")
	first.has("Idempotency-Replayed:")
}

func TestEveryCommandIsRepeatedByteForByte(t *testing.T) {
	r := newRig(t)
	var firsts []response
	for i, request := range everyCommand {
		k := fmt.Sprintf("Idempotency-Key: key %d", i)
		first := request.send(r, k)
		if first.status >= 300 || first.header.Get("Event-Position") != fmt.Sprint(i+1) {
			t.Fatalf("%+v: %d %s", request, first.status, first.text)
		}
		sameAgain(t, request.send(r, k), first)
		firsts = append(firsts, first)
	}
	again := func(r *rig) {
		t.Helper()
		for i, request := range everyCommand { // whatever has become of the accounts
			sameAgain(t, request.send(r, fmt.Sprintf("Idempotency-Key: key %d", i), "X-Request-Id: another"), firsts[i])
		}
	}
	again(r)
	restarted := newNode(t, r.log, eventstoretest.NewFaulty(r.log.Open())) // or another node
	<-restarted.read
	again(restarted)
	restarted.do("POST", "/v1/accounts", `{"accountNumber":"333333","sortCode":"10-20-30"}`).is(201, "")
	again(r)
	if r.head() != int64(len(everyCommand))+1 {
		t.Errorf("%d events", r.head())
	}
}

func TestAKeyIsOfOneRequestOnly(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	r.open("222222")
	deposit := keyedRequest{"POST", "/v1/accounts/111111/deposits?x=1", `{"amount":1,"currency":"GBP"}`, []string{`If-Match: "1"`}}
	const k = "Idempotency-Key: k"
	first := deposit.send(r, k).is(201, "")
	but := func(change func(*keyedRequest)) keyedRequest {
		other := deposit
		change(&other)
		return other
	}
	for name, other := range map[string]keyedRequest{
		"method":           {"PUT", "/v1/accounts/111111", `{"sortCode":"10-20-30"}`, nil},
		"method, no body":  {"DELETE", "/v1/accounts/111111", "", nil},
		"kind":             but(func(d *keyedRequest) { d.path = "/v1/accounts/111111/withdrawals?x=1" }),
		"account":          but(func(d *keyedRequest) { d.path = "/v1/accounts/222222/deposits?x=1" }),
		"unknown account":  but(func(d *keyedRequest) { d.path = "/v1/accounts/999999/deposits?x=1" }),
		"no account":       but(func(d *keyedRequest) { d.path = "/v1/accounts/x/deposits?x=1" }),
		"path as written":  but(func(d *keyedRequest) { d.path = "/v1/accounts/11111%31/deposits?x=1" }),
		"query":            but(func(d *keyedRequest) { d.path = "/v1/accounts/111111/deposits?x=2" }),
		"no query":         but(func(d *keyedRequest) { d.path = "/v1/accounts/111111/deposits" }),
		"dryRun=false":     but(func(d *keyedRequest) { d.path += "&dryRun=false" }),
		"version":          but(func(d *keyedRequest) { d.headers = []string{`If-Match: "2"`} }),
		"precondition":     but(func(d *keyedRequest) { d.headers = []string{`If-Match: *`} }),
		"no precondition":  but(func(d *keyedRequest) { d.headers = nil }),
		"amount":           but(func(d *keyedRequest) { d.body = `{"amount":2,"currency":"GBP"}` }),
		"spelling":         but(func(d *keyedRequest) { d.body = `{"amount":1,"currency":"GBP"} ` }),
		"order of members": but(func(d *keyedRequest) { d.body = `{"currency":"GBP","amount":1}` }),
		"a body of faults": but(func(d *keyedRequest) { d.body = `{"amount":-1}` }),
		"no object":        but(func(d *keyedRequest) { d.body = `[]` }),
	} {
		t.Run(name, func(t *testing.T) {
			other.send(r.in(t), k).is(422, "idempotency-key-reused").has("Event-Position:", "Location:", "ETag:", "Idempotency-Replayed:")
		})
	}
	sameAgain(t, deposit.send(r, k), first)
	if r.head() != 3 || r.balance("111111") != 1 {
		t.Errorf("%d events, a balance of %d", r.head(), r.balance("111111"))
	}
}

func TestWhereAKeyStandsAmongTheReasons(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	put := keyedRequest{"PUT", "/v1/accounts/111111", `{"sortCode":"10-20-30"}`, []string{`If-Match: "1"`}}
	first := put.send(r, "Idempotency-Key: k").is(200, "")
	r.do("DELETE", "/v1/accounts/111111", "").is(204, "")
	sameAgain(t, put.send(r, "Idempotency-Key: k"), first) // though closed, and of another version
	for _, c := range []struct {
		path, body string
		headers    []string
		status     int
		code       string
	}{
		{"/v1/accounts/111111?dryRun=x", "{", []string{"Content-Type: text/plain"}, 415, "unsupported-media-type"},
		{"/v1/accounts/111111?dryRun=x", "{", nil, 400, "bad-parameter"},
		{"/v1/accounts/111111", "{", []string{"If-Match: x"}, 400, "bad-header"},
		{"/v1/accounts/111111", "{", nil, 400, "bad-json"},
		{"/v1/accounts/111111", "", []string{"Content-Type: application/json"}, 400, "bad-json"},
		{"/v1/accounts/111111", "{}", nil, 422, "idempotency-key-reused"},
		{"/v1/accounts/x", `{"sortCode":"10-20-30"}`, nil, 422, "idempotency-key-reused"},
	} {
		r.do("PUT", c.path, c.body, append(c.headers, "Idempotency-Key: k")...).is(c.status, c.code)
	}
	r.do("PUT", "/v1/accounts/111111", "{}", "Idempotency-Key: new").is(422, "invalid")
	r.do("PUT", "/v1/accounts/x", `{"sortCode":"10-20-30"}`, "Idempotency-Key: new").is(404, "account-not-found")
	r.do("PUT", "/v1/accounts/111111", `{"sortCode":"10-20-30"}`, "Idempotency-Key: new").is(410, "account-closed")
}

func TestRefusalsAreNotRepeated(t *testing.T) {
	r := newRig(t)
	deposit := keyedRequest{"POST", "/v1/accounts/111111/deposits", `{"amount":1,"currency":"GBP"}`, []string{"Idempotency-Key: k"}}
	deposit.send(r).is(404, "account-not-found")
	r.do("POST", "/v1/accounts/111111/deposits", `{"amount":0,"currency":"GBP"}`, "Idempotency-Key: k").is(422, "invalid")
	r.open("111111")
	first := deposit.send(r).is(201, "").has("Idempotency-Replayed:")
	sameAgain(t, deposit.send(r), first)
}

func TestADryRunNeitherUsesAKeyNorMindsOne(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	const k = "Idempotency-Key: k"
	for range 2 {
		r.do("POST", "/v1/accounts/111111/deposits?dryRun=true", `{"amount":1,"currency":"GBP"}`, k).is(201, "").has("Idempotency-Replayed:", "Dry-Run: true")
		r.do("POST", "/v1/accounts/111111/deposits", `{"amount":1,"currency":"GBP"}`, k).is(201, "")
	}
	if r.head() != 2 {
		t.Errorf("%d events", r.head())
	}
}

func TestTheStatusCountsTheKeysThatAreRemembered(t *testing.T) {
	r := newRig(t)
	for i, k := range []string{"a", "b", "b"} {
		r.do("POST", "/v1/accounts", `{}`, "Idempotency-Key: refused").is(422, "invalid")
		r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`, "Idempotency-Key: "+k).is(201, "")
		if got := r.do("GET", "/v1/admin/status", "").text; !strings.Contains(string(got), fmt.Sprintf(`"idempotencyKeys":%d,`, min(i+1, 2))) {
			t.Errorf("%s", got)
		}
	}
}

func TestAReplayThatCannotBeReadIsToldAndNotCarriedOut(t *testing.T) {
	r := newRig(t)
	request := everyCommand[0]
	first := request.send(r, "Idempotency-Key: k").is(201, "")
	r.store.OnRead(eventstoretest.FailRead)
	request.send(r, "Idempotency-Key: k").is(503, "store-unavailable").has("Idempotency-Replayed:")
	r.store.OnRead(nil)
	sameAgain(t, request.send(r, "Idempotency-Key: k"), first)
	if r.head() != 1 {
		t.Errorf("%d events", r.head())
	}
}

func TestThatNoMoreKeysAreTakenIsToldInWordsOfItsOwn(t *testing.T) {
	r := newRig(t)
	err := eventstore.NewError("execute", eventstore.KindOverloaded, journal.ErrKeysFull)
	server := httptest.NewServer(r.handler.Failing(err))
	defer server.Close()
	req, _ := http.NewRequest("POST", server.URL+"/v1/accounts", nil)
	got := r.send(req).is(503, "overloaded").has("Retry-After: 60")
	if !strings.Contains(got.problem().Detail, "--idempotency-keys") {
		t.Errorf("%s", got.text)
	}
}

// The fingerprint stands in events: it must be made in one way for ever.
func TestTheFingerprintIsOfEverythingThatMakesARequestTheSame(t *testing.T) {
	r := newRig(t)
	r.open("111111")
	body := `{"amount":1,"currency":"GBP"}`
	text := string(r.do("POST", "/v1/accounts/11111%31/deposits?x=%20&y", body, "Idempotency-Key: k", `If-Match: "1"`).is(201, "").text)
	var sum []byte
	number := func(n int) { sum = binary.BigEndian.AppendUint64(sum, uint64(n)) }
	part := func(s string) {
		number(len(s))
		sum = append(sum, s...)
	}
	part("POST")
	part("/v1/accounts/11111%31/deposits")
	part("x=%20&y")
	number(1)
	part(`"1"`)
	part(body)
	want := fmt.Sprintf(`"meta":{"idempotencyFingerprint":"%x","idempotencyKey":"k",`, sha256.Sum256(sum))
	if !strings.Contains(text, want) {
		t.Errorf("%s\ndoes not hold %s", text, want)
	}
}

func TestABodyThatNobodyWantsIsPartOfTheRequestAKeyStandsFor(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	const k = "Idempotency-Key: k"
	first := r.do("DELETE", "/v1/accounts/12345678", "why", k).is(204, "")
	sameAgain(t, r.do("DELETE", "/v1/accounts/12345678", "why", k), first)
	r.do("DELETE", "/v1/accounts/12345678", "why not", k).is(422, "idempotency-key-reused")
	r.do("DELETE", "/v1/accounts/12345678", "", k).is(422, "idempotency-key-reused")
}
