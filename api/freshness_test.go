package api_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore/eventstoretest"
)

func TestEveryReadTakesTheReadHeaders(t *testing.T) {
	r := newRig(t)
	hurried := newRig(t, func(c *api.Config) { c.CatchUpTimeout = time.Millisecond })
	r.open("12345678")
	hurried.open("12345678")
	paths := []string{"/v1/accounts/12345678?at=1"}
	for route, methods := range api.Routes() {
		if strings.HasPrefix(route, "/v1") && slices.Contains(methods, "GET") {
			paths = append(paths, r.concrete(route))
		}
	}
	for _, path := range paths {
		for _, good := range []string{"Min-Position: 1", "Min-Position: 0", "Min-Position: 001", "Consistency: strong"} {
			r.do("GET", path, "", good).is(200, "").has("Applied-Position: 1")
		}
		for _, bad := range []string{"Min-Position: x", "Min-Position: -1", "Min-Position: ", "Min-Position: 1.0", "Min-Position: 99999999999999999999",
			"Min-Position: \"1\"", "Consistency: weak", "Consistency: ", "Consistency: strong, strong"} {
			r.do("GET", path, "", bad).is(400, "bad-header").has("Applied-Position: 1")
		}
		r.do("GET", path, "", "Min-Position: 1", "Min-Position: 1").is(400, "bad-header")
		hurried.do("GET", path, "", "Min-Position: 2").is(503, "not-caught-up").has("Applied-Position: 1")
		hurried.do("GET", path, "", "Min-Position: 9007199254740991").is(503, "not-caught-up")
	}
	r.do("GET", "/v1/accounts?limit=x", "", "Min-Position: 2").is(400, "bad-parameter")
	r.do("GET", "/v1/accounts/12345678", "", "Min-Position: 2", "If-None-Match: x").is(400, "bad-header")
}

// behind is a node that another one is ahead of by one account, 12345678, and
// what lets it read on.
func behind(t *testing.T, configure ...func(*api.Config)) (*rig, *eventstoretest.Gate) {
	t.Helper()
	r := newRig(t, configure...)
	gate := eventstoretest.NewGate()
	t.Cleanup(gate.Open)
	r.store.OnRead(gate.Read)
	<-gate.Arrived() // the poller's next read is held up
	other := newNode(t, r.log, eventstoretest.NewFaulty(r.log.Open()))
	<-other.read
	other.open("12345678")
	return r, gate
}

func TestAReadWaitsUntilItIsAsNewAsTheClientWants(t *testing.T) {
	for _, header := range []string{"Min-Position: 1", "Consistency: strong"} {
		r, gate := behind(t)
		r.do("GET", "/v1/accounts/12345678", "").is(404, "account-not-found").has("Applied-Position: 0")
		answer := make(chan response)
		go func() { answer <- r.do("GET", "/v1/accounts/12345678", "", header) }()
		gate.Open()
		(<-answer).is(200, "").has("Applied-Position: 1")
	}
}

func TestAReadThatIsNeverNewEnoughSaysSo(t *testing.T) {
	r, _ := behind(t, func(c *api.Config) { c.CatchUpTimeout = 100 * time.Millisecond })
	for _, header := range []string{"Min-Position: 1", "Consistency: strong"} {
		r.do("GET", "/v1/accounts/12345678", "", header).is(503, "not-caught-up").has("Applied-Position: 0")
	}
	r.do("GET", "/v1/accounts/12345678?at=1", "").is(503, "not-caught-up") // it may well be in the log
	r.do("GET", "/v1/accounts/12345678", "").is(404, "account-not-found")
}

func TestAPositionThatAnotherNodeToldOfIsNotRefused(t *testing.T) {
	r, gate := behind(t)
	answer := make(chan response)
	go func() { answer <- r.do("GET", "/v1/accounts/12345678?at=1", "") }()
	gate.Open()
	(<-answer).is(200, "")
	r.do("GET", "/v1/accounts/12345678?at=2", "").is(400, "bad-parameter")
}

// overtaken is a service on which an account is opened just behind every command.
type overtaken struct {
	*journal.Service
	next func() account.Number
}

func (s overtaken) Execute(ctx context.Context, c account.Command, o journal.Options) (journal.Outcome, error) {
	out, err := s.Service.Execute(ctx, c, o)
	if _, failed := s.Service.Execute(ctx, account.Open{Number: string(s.next()), SortCode: "10-20-30"}, journal.Options{}); failed != nil {
		return out, failed
	}
	return out, err
}

func (s overtaken) ExecuteAll(ctx context.Context, all []account.Command, o journal.Options) ([]journal.Outcome, error) {
	outs, err := s.Service.ExecuteAll(ctx, all, o)
	_, failed := s.Execute(ctx, account.Close{Account: "1"}, journal.Options{}) // which is refused, and overtaken
	if _, refused := errors.AsType[*account.Refusal](failed); !refused {
		return outs, failed
	}
	return outs, err
}

func TestAnAnswerToACommandDoesNotClaimToHoldWhatCameBehindIt(t *testing.T) {
	r := newRig(t)
	last := 123455
	r.handler.Serve(overtaken{r.service, func() account.Number { last++; return account.Number(strconv.Itoa(last)) }})
	r.do("DELETE", "/v1/accounts/123456", "").is(404, "account-not-found").has("Applied-Position: 0") // it is opened as event 1
	key := `Idempotency-Key: k`
	r.do("POST", "/v1/accounts", `{"accountNumber":"777777","sortCode":"10-20-30"}`, key).is(201, "").has("Event-Position: 2", "Applied-Position: 2")
	r.do("POST", "/v1/accounts", `{"accountNumber":"777777","sortCode":"10-20-30"}`, key).is(201, "").has("Event-Position: 2", "Applied-Position: 2", "Idempotency-Replayed: true")
	r.do("DELETE", "/v1/accounts/777777?dryRun=true", "").is(204, "").has("Applied-Position: 3")
	r.bulk(true, []string{`{"kind":"close","account":"123460"}`}).is(404, "account-not-found").has("Applied-Position: 4")
	r.bulk(true, []string{`{"kind":"close","account":"777777"}`, `{"kind":"close","account":"123456"}`}).is(201, "").has("Event-Position: 7", "Applied-Position: 7")
}
