package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"openpayment/account"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

func TestAStoreThatFailsIsUnavailable(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	r.store.OnAppend(eventstoretest.FailAppend)
	r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`).is(503, "store-unavailable").has("Event-Position:", "Location:", "ETag:")
	r.store.OnHead(eventstoretest.FailHead)
	r.do("DELETE", "/v1/accounts/99999999", "").is(503, "store-unavailable") // a refusal, too, must be true at the head
	r.do("GET", "/v1/accounts/12345678", "", "Consistency: strong").is(503, "store-unavailable")
	r.store.OnRead(eventstoretest.FailRead)
	r.do("GET", "/v1/events", "").is(503, "store-unavailable")
	r.do("GET", "/v1/accounts/12345678", "").is(200, "")
	r.do("POST", "/v1/accounts", `{}`).is(422, "invalid")
	r.do("DELETE", "/v1/accounts/x", "").is(404, "account-not-found")
}

func TestAnAnswerThatWasLostIsSaidToBe(t *testing.T) {
	r := newRig(t)
	gate := eventstoretest.NewGate()
	t.Cleanup(gate.Open)
	r.store.OnAppend(gate.Answer)
	answer := make(chan response)
	go func() { answer <- r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`) }()
	<-gate.Arrived() // stored, but nobody has heard of it
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.service.Close(now); err == nil {
		t.Error("nothing was in doubt")
	}
	(<-answer).is(503, "outcome-unknown").has("Event-Position:", "ETag:", "Location:")
	if r.head() != 1 {
		t.Error("it was not carried out")
	}
	r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`).is(503, "store-unavailable")
}

func TestACommandTakesNoLongerThanItMay(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.RequestTimeout = 30 * time.Millisecond })
	gate := eventstoretest.NewGate()
	t.Cleanup(gate.Open)
	r.store.OnAppend(gate.Append)
	// Whether it was submitted by then depends on the machine.
	r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`).is(503, "")
}

func TestEveryErrorHasItsPlaceAndKeepsItsTextToItself(t *testing.T) {
	r := newRig(t)
	kind := func(k eventstore.Kind) error {
		return fmt.Errorf("wrapped: %w", eventstore.NewError("op", k, errors.New("secret host 10.0.0.1")))
	}
	url := r.url
	r.apart = true // there is no such operation
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{kind(eventstore.KindOverloaded), 503, "overloaded"},
		{kind(eventstore.KindUnavailable), 503, "store-unavailable"},
		{kind(eventstore.KindConflict), 503, "store-unavailable"},
		{kind(eventstore.KindClosed), 503, "store-unavailable"},
		{eventstore.NewError("op", eventstore.KindClosed, nil), 503, "store-unavailable"},
		{eventstore.NewError("op", eventstore.KindClosed, kind(eventstore.KindRegressed)), 503, "log-damaged"},
		{kind(eventstore.KindUnknown), 503, "outcome-unknown"},
		{eventstore.NewError("op", eventstore.KindUnknown, kind(eventstore.KindDamaged)), 503, "outcome-unknown"},
		{kind(eventstore.KindDamaged), 503, "log-damaged"},
		{kind(eventstore.KindMissing), 503, "log-damaged"},
		{kind(eventstore.KindRegressed), 503, "log-damaged"},
		{kind(eventstore.KindInvalid), 422, "invalid"},
		{kind(eventstore.KindOther), 500, "internal"},
		{errors.New("secret"), 500, "internal"},
		{context.DeadlineExceeded, 503, "store-unavailable"},
		{context.Canceled, 503, "store-unavailable"},
		{&account.Refusal{Code: account.CodeAccountNotEmpty, Detail: "known"}, 409, "account-not-empty"},
		{&account.Refusal{Code: "to-come", Detail: "known"}, 422, "invalid"},
	} {
		server := httptest.NewServer(r.handler.Failing(c.err))
		r.url = server.URL
		got := r.do("GET", "/", "")
		if got.status != c.status || got.problem().Code != c.code || strings.Contains(string(got.text), "secret") {
			t.Errorf("%v: %s", c.err, got.text)
		}
		server.Close()
	}
	r.url = url
}
