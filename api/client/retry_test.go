package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/api/client"
	"openpayment/eventstore/memory"
)

func TestACommandIsCarriedOutOnceWhateverHappensToIt(t *testing.T) {
	n := newNode(t, memory.New())
	plain := newClient(t, n.url, nil)
	opened(t, plain, "111111")
	for i, f := range passing {
		for times := 1; times <= 3; times++ {
			faults := make([]fault, times)
			for k := range faults {
				faults[k] = f
			}
			c := newClient(t, n.url, oneAfterAnother(faults...))
			var r client.Receipt
			before := must(plain.Head(t.Context()))(t)
			ev := must(c.Deposit(t.Context(), "111111", gbp(1), client.Into(&r)))(t)
			if ev.Seq != before+1 || r.Position != ev.Seq || r.Tries != times+1 || must(plain.Head(t.Context()))(t) != before+1 {
				t.Errorf("fault %d, %d times: %+v of event %d behind %d", i, times, r, ev.Seq, before)
			}
		}
	}
}

func TestEveryKindOfCommandAndReadGetsOverALostAnswer(t *testing.T) {
	ctx := t.Context()
	n := newNode(t, memory.New())
	every := 0
	c := newClient(t, n.url, &faulty{next: func() fault {
		every++
		return []fault{lostAnswer, nil}[every%2]
	}})
	a := opened(t, c, "111111")
	opened(t, c, "222222")
	a = must(c.ReplaceAccount(ctx, a.AccountNumber, client.AccountDetails{SortCode: "11-22-33"}, client.IfMatch(a.Version)))(t)
	a = must(c.PatchAccount(ctx, a.AccountNumber, client.AccountPatch{SortCode: new("44-55-66")}, client.IfMatch(a.Version)))(t)
	must(c.Deposit(ctx, "111111", gbp(3), client.IfMatch(a.Version)))(t)
	must(c.Withdraw(ctx, "111111", gbp(1)))(t)
	must(c.Transfer(ctx, client.Transfer{From: "111111", To: "222222", Amount: 2, Currency: "GBP"}))(t)
	must(c.CloseAccount(ctx, "111111", client.IfMatch(7)))(t)
	var b client.Bulk
	b.Withdraw("222222", gbp(1))
	b.Withdraw("222222", gbp(1))
	must(c.ExecuteAll(ctx, &b))(t)
	var each client.Bulk
	each.Deposit("222222", gbp(1))
	if r := must(c.ExecuteEach(ctx, &each))(t); !r[0].Replayed || r[0].Position != 11 || r[0].Key == "" {
		t.Errorf("%+v", r)
	}
	if events := all(t, c.Events(ctx, client.EventQuery{PageSize: 2})); len(events) != 11 {
		t.Errorf("%d events", len(events))
	}
	if a := must(c.Account(ctx, "222222"))(t); a.Balance != 1 {
		t.Errorf("%+v", a)
	}
}

func TestARefusalIsFinal(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 409, 410, 412, 413, 415, 422} {
		requests := 0
		c := newClient(t, "http://"+nowhere, &faulty{next: func() fault {
			requests++
			return problem(status, "insufficient-funds", "0")
		}})
		err := second(c.Deposit(t.Context(), "111111", gbp(1)))
		if _, unsure := errors.AsType[*client.UnsureError](err); unsure || requests != 1 {
			t.Errorf("%d was sent %d times: %v", status, requests, err)
		}
		refused(t, err, client.CodeInsufficientFunds)
	}
}

func TestWhatMayHaveBeenDoneIsSaidToBe(t *testing.T) {
	refusal := problem(422, "insufficient-funds", "")
	for name, c := range map[string]struct {
		faults []fault
		sure   bool
	}{
		"never answered":                    {slices.Repeat([]fault{lostRequest}, 9), false},
		"first unknown, then not possible":  {append([]fault{unknown}, slices.Repeat([]fault{problem(503, "store-unavailable", "")}, 9)...), false},
		"first lost, then refused":          {[]fault{lostAnswer, refusal}, false},
		"a proxy's word":                    {slices.Repeat([]fault{proxy(504)}, 9), false},
		"a defect":                          {[]fault{problem(500, "internal", "")}, false},
		"never taken":                       {slices.Repeat([]fault{problem(503, "overloaded", "")}, 9), true},
		"first not taken, then refused":     {[]fault{problem(503, "overloaded", ""), refusal}, true},
		"a damaged log":                     {[]fault{problem(503, "log-damaged", "60")}, true},
		"refused by something before":       {[]fault{proxy(403)}, true},
		"asked to wait for longer than for": {[]fault{problem(503, "overloaded", "3600")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := oneAfterAnother(c.faults...)
				policy := client.Retry(client.RetryPolicy{For: 2 * time.Second, MinPause: time.Second, MaxPause: time.Second})
				begin := time.Now()
				err := second(newClient(t, "http://"+nowhere, network, policy).Deposit(t.Context(), "111111", gbp(1), client.Key("k")))
				unsure, ok := errors.AsType[*client.UnsureError](err)
				if err == nil || ok == c.sure || ok && unsure.Key != "k" || time.Since(begin) > 2*time.Second {
					t.Errorf("%v after %s", err, time.Since(begin))
				}
			})
		})
	}
}

func TestADryRunAndAReadAreNeverUnsure(t *testing.T) {
	policy := client.Retry(client.RetryPolicy{For: -1})
	c := newClient(t, "http://"+nowhere, &faulty{next: func() fault { return lostAnswer }}, policy)
	for _, err := range []error{second(c.Deposit(t.Context(), "1", gbp(1), client.DryRun())), second(c.Account(t.Context(), "1"))} {
		if _, unsure := errors.AsType[*client.UnsureError](err); unsure || !errors.Is(err, errReset) {
			t.Errorf("%v", err)
		}
	}
}

// What has no key is sent again only if it was certainly not carried out.
func TestWhatHasNoKeyIsNotSentTwice(t *testing.T) {
	for i, f := range passing {
		requests := 0
		c := newClient(t, "http://"+nowhere, &faulty{next: func() fault {
			if requests++; requests > 1 {
				return problem(409, "replay-running", "")
			}
			return f
		}})
		err := second(c.StartReplay(t.Context(), client.ReplayOptions{}))
		_, unsure := errors.AsType[*client.UnsureError](err)
		if unsure != (requests == 1) || !unsure && !client.IsCode(err, client.CodeReplayRunning) {
			t.Errorf("fault %d: sent %d times, %v", i, requests, err)
		}
	}
}

func TestWhatWasNeverSentWasNotCarriedOut(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS() // of an authority that nobody knows
	defer server.Close()
	for _, url := range []string{"http://" + closed.Addr().String(), "http://nowhere.invalid", server.URL} {
		c := newClient(t, url, nil, client.Retry(client.RetryPolicy{For: 20 * time.Millisecond, MinPause: time.Millisecond}))
		err := second(c.Deposit(t.Context(), "1", gbp(1)))
		if _, unsure := errors.AsType[*client.UnsureError](err); err == nil || unsure {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestWhatAConnectionWasCutOffUnderMayHaveBeenCarriedOut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	c := newClient(t, server.URL, nil, client.Retry(client.RetryPolicy{For: -1}))
	err := second(c.Deposit(t.Context(), "1", gbp(1)))
	if unsure, ok := errors.AsType[*client.UnsureError](err); !ok || len(unsure.Key) != 36 || !errors.Is(err, client.ErrNoAnswer) {
		t.Errorf("%v", err)
	}
}

func TestPausesGrowAndHonourRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		after := []string{"", "", "", "", "7", "Thu, 01 Jan 1970 00:00:00 GMT", "x"}
		c := newClient(t, "http://"+nowhere, &faulty{next: func() fault {
			at = append(at, time.Now())
			if len(at) > len(after) {
				return problem(422, "invalid", "")
			}
			return problem(503, "overloaded", after[len(at)-1])
		}}, client.Retry(client.RetryPolicy{For: time.Hour, MinPause: 100 * time.Millisecond, MaxPause: 500 * time.Millisecond}))
		refused(t, second(c.Deposit(t.Context(), "1", gbp(1))), client.CodeInvalid)
		for i, want := range []time.Duration{100, 200, 400, 500, 7000, 500, 500} {
			want *= time.Millisecond
			pause, least, most := at[i+1].Sub(at[i]), want/2, want
			if want > time.Second {
				least, most = want, want*5/4
			}
			if pause < least || pause > most {
				t.Errorf("pause %d: %s, not %s to %s", i, pause, least, most)
			}
		}
	})
}

func TestATryThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		c := newClient(t, "http://"+nowhere, oneAfterAnother(hangs, problem(422, "invalid", "")), client.Retry(client.RetryPolicy{Try: 3 * time.Second}))
		begin := time.Now()
		err := second(c.Account(t.Context(), "1"))
		if took := time.Since(begin); !client.IsCode(err, client.CodeInvalid) || took < 3*time.Second || took > 4*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		// Of the caller's own deadline the error tells.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c = newClient(t, "http://"+nowhere, oneAfterAnother(hangs))
		if err := second(c.Account(ctx, "1")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		c = newClient(t, "http://"+nowhere, oneAfterAnother(hangs, hangs), client.Retry(client.RetryPolicy{Try: time.Second, For: -1}))
		if err := second(c.Account(t.Context(), "1")); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestTheNextNodeIsAskedAtOnce(t *testing.T) {
	good := newNode(t, memory.New())
	asked := make(map[string]int)
	network := roundTripper(func(r *http.Request) (*http.Response, error) {
		asked[r.URL.Host]++
		switch r.URL.Host {
		case "down":
			return nil, errReset
		case "full":
			return made(r, 503, "3600", `{"code":"overloaded"}`), nil
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	c := newClient(t, "http://down", network, client.Nodes("http://full", good.url), client.Retry(client.RetryPolicy{MinPause: time.Hour, MaxPause: time.Hour, For: time.Minute}))
	opened(t, c, "111111")
	must(c.Deposit(t.Context(), "111111", gbp(1)))(t) // which stays with the one that has answered
	if asked["down"] != 1 || asked["full"] != 1 || len(asked) != 3 {
		t.Errorf("%v", asked)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAClientReadsItsOwnWritesOnAnyNode(t *testing.T) {
	store := memory.New()
	one, two := newNode(t, store), newNode(t, store)
	urls := []string{one.url, two.url}
	i := 0
	network := roundTripper(func(r *http.Request) (*http.Response, error) { // in turn
		i++
		other, err := http.NewRequestWithContext(r.Context(), r.Method, urls[i%2]+r.URL.RequestURI(), r.Body)
		if err != nil {
			return nil, err
		}
		other.Header = r.Header
		return http.DefaultTransport.RoundTrip(other)
	})
	c := newClient(t, "http://any", network, client.ReadYourWrites())
	opened(t, c, "111111")
	for n := range int64(200) {
		if n%2 == 0 {
			must(c.Deposit(t.Context(), "111111", gbp(1)))(t)
		} else {
			var b client.Bulk
			b.Deposit("111111", gbp(1))
			must(c.ExecuteEach(t.Context(), &b))(t)
		}
		if a := must(c.Account(t.Context(), "111111"))(t); a.Balance != n+1 {
			t.Fatalf("%d after %d deposits", a.Balance, n+1)
		}
		i++ // the next command goes to the other one
	}
	var b client.Bulk
	b.Withdraw("111111", gbp(200))
	must(c.ExecuteEach(t.Context(), &b))(t)
	if a := must(c.Account(t.Context(), "111111", client.MinPosition(1)))(t); a.Balance != 0 {
		t.Errorf("%+v", a)
	}
	b.Deposit("111111", gbp(5))
	b.Deposit("111111", gbp(5))
	refused(t, second(c.ExecuteAll(t.Context(), &b)), client.CodeInsufficientFunds)
	if a := must(c.Account(t.Context(), "111111", client.Strong()))(t); a.Balance != 0 || fmt.Sprint(a.Version) != "202" {
		t.Errorf("%+v", a)
	}
}
