package client_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/api/client"
	"openpayment/eventstore/memory"
)

// everything is a bulk with one of each kind.
func everything() *client.Bulk {
	b := &client.Bulk{}
	b.Open(client.AccountDetails{AccountNumber: "111111", SortCode: "10-20-30", CustomerURLs: []string{"https://c.example/1"}})
	b.Open(client.AccountDetails{AccountNumber: "222222", SortCode: "10-20-30"})
	b.Replace("111111", client.AccountDetails{SortCode: "11-22-33"}, client.IfMatch(1))
	b.Patch("111111", client.AccountPatch{CardURLs: &[]string{"https://cards.example/9"}}, client.IfMatch(3))
	b.Deposit("111111", client.Payment{Amount: 100, Currency: "GBP", Reference: "a \"reference\""})
	b.Transfer(client.Transfer{From: "111111", To: "222222", Amount: 100, Currency: "GBP"}, client.IfMatch(5))
	b.Withdraw("222222", gbp(100))
	b.Close("222222", client.IfMatch(7))
	return b
}

func TestABulkHoldsEveryKindOfCommand(t *testing.T) {
	for name, run := range map[string]func(*client.Client) ([]client.Result, error){
		"all":  func(c *client.Client) ([]client.Result, error) { return c.ExecuteAll(t.Context(), everything()) },
		"each": func(c *client.Client) ([]client.Result, error) { return c.ExecuteEach(t.Context(), everything()) },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, memory.New())
			c := newClient(t, n.url, atRandom(1, 0.4))
			results := must(run(c))(t)
			var statuses []int
			for i, r := range results {
				statuses = append(statuses, r.Status)
				if r.Position != client.Position(i+1) || (r.Key == "") != (name == "all") {
					t.Errorf("%d: %+v", i, r)
				}
			}
			if got := fmt.Sprint(statuses); got != "[201 201 200 200 201 201 201 204]" || everything().Len() != 8 {
				t.Errorf("%s", got)
			}
			if a := results[3].Account; a.SortCode != "11-22-33" || len(a.CustomerURLs) != 0 || len(a.CardURLs) != 1 {
				t.Errorf("%+v", a)
			}
			if head := must(c.Head(t.Context()))(t); head != 8 {
				t.Errorf("%d events", head)
			}
		})
	}
}

func TestARefusedBulkSaysWhichCommand(t *testing.T) {
	_, c := newService(t)
	b := everything()
	b.Withdraw("111111", gbp(1))
	e := refused(t, second(c.ExecuteAll(t.Context(), b)), client.CodeInsufficientFunds)
	if len(e.Faults) != 1 || e.Faults[0].Pointer != "/commands/8" {
		t.Errorf("%+v", e)
	}
	if head := must(c.Head(t.Context()))(t); head != 0 {
		t.Errorf("%d events", head)
	}
	results := must(c.ExecuteEach(t.Context(), b, client.DryRun()))(t)
	if p := results[8].Problem; results[0].Position != 1 || !client.IsCode(p, client.CodeInsufficientFunds) || results[8].Status != 422 {
		t.Errorf("%+v", results)
	}
	if head := must(c.Head(t.Context()))(t); head != 0 {
		t.Errorf("%d events", head)
	}
}

func TestOptionsThatABulkHasNoUseForAreRefused(t *testing.T) {
	_, c := newService(t)
	var b client.Bulk
	b.Deposit("111111", gbp(1), client.Key("k"))
	if err := second(c.ExecuteAll(t.Context(), &b)); err == nil {
		t.Error("a command of a whole has a key of its own")
	}
	for _, o := range []client.CommandOption{client.Key("k"), client.IfMatch(1), client.RequestID("x"), client.Into(&client.Receipt{})} {
		if err := second(c.ExecuteEach(t.Context(), &b, o)); err == nil {
			t.Error("an option is passed over")
		}
	}
	for _, o := range []client.CommandOption{client.DryRun(), client.RequestID("x"), client.Into(&client.Receipt{}), client.Key("\n")} {
		var b client.Bulk
		b.Deposit("111111", gbp(1), o)
		if second(c.ExecuteEach(t.Context(), &b)) == nil || second(c.ExecuteAll(t.Context(), &b)) == nil {
			t.Error("an option is passed over")
		}
	}
	refused(t, second(c.ExecuteAll(t.Context(), &client.Bulk{})), client.CodeInvalid)
}

// some answers a bulk with these statuses.
func some(statuses ...int) fault {
	body := ""
	for i, status := range statuses {
		code := map[int]string{503: "store-unavailable", 422: "insufficient-funds"}[status]
		if i > 0 {
			body += ","
		}
		body += fmt.Sprintf(`{"status":%d}`, status)
		if code != "" {
			body = body[:len(body)-1] + fmt.Sprintf(`,"problem":{"status":%d,"code":%q}}`, status, code)
		}
	}
	return proxyJSON(`{"items":[` + body + `]}`)
}

func TestOnlyWhatHasNoAnswerIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b client.Bulk
		for range 4 {
			b.Deposit("111111", gbp(1))
		}
		policy := client.Retry(client.RetryPolicy{For: time.Minute})
		c := newClient(t, "http://"+nowhere, oneAfterAnother(some(201, 503, 422, 503), some(503, 503), lostAnswer, some(201, 503), some(201)), policy)
		for i, r := range must(c.ExecuteEach(t.Context(), &b))(t) {
			if want := []int{201, 201, 422, 201}[i]; r.Status != want {
				t.Errorf("%d: %+v", i, r)
			}
		}
		// What is open in the end says so.
		c = newClient(t, "http://"+nowhere, oneAfterAnother(some(201, 503, 201, 503)), client.Retry(client.RetryPolicy{For: -1}))
		if r := must(c.ExecuteEach(t.Context(), &b))(t); r[1].Status != 503 || r[1].Problem == nil || r[0].Status != 201 {
			t.Errorf("%+v", r)
		}
		// And what is known stays known.
		c = newClient(t, "http://"+nowhere, oneAfterAnother(some(201, 503, 201, 503), problem(401, "unauthenticated", "")), policy)
		r, err := c.ExecuteEach(t.Context(), &b)
		refused(t, err, client.CodeUnauthenticated)
		if len(r) != 4 || r[0].Status != 201 || r[3].Status != 503 {
			t.Errorf("%+v", r)
		}
		c = newClient(t, "http://"+nowhere, oneAfterAnother(some(201, 503, 201)), policy)
		if err := second(c.ExecuteEach(t.Context(), &b)); !errors.Is(err, client.ErrForeign) {
			t.Errorf("%v", err)
		}
	})
}
