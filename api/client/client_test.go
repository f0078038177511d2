package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"openpayment/api"
	"openpayment/api/access"
	"openpayment/api/client"
	"openpayment/eventstore/memory"
)

func TestAccountsAreOpenedChangedAndClosed(t *testing.T) {
	ctx := t.Context()
	_, c := newService(t)
	a := must(c.OpenAccount(ctx, client.AccountDetails{SortCode: "102030", CustomerURLs: []string{"https://c.example/1?a=1&b=2"}}))(t)
	if len(a.AccountNumber) != 8 || a.SortCode != "10-20-30" || a.Currency != "GBP" || a.Version != 1 || a.Status != client.StatusOpen ||
		a.CustomerURLs[0] != "https://c.example/1?a=1&b=2" || len(a.CardURLs) != 0 || time.Since(a.OpenedAt) > time.Minute {
		t.Errorf("%+v", a)
	}
	number := a.AccountNumber
	a = must(c.PatchAccount(ctx, number, client.AccountPatch{CardURLs: &[]string{"https://cards.example/9"}}, client.IfMatch(1)))(t)
	if a.Version != 2 || len(a.CustomerURLs) != 1 || len(a.CardURLs) != 1 {
		t.Errorf("%+v", a)
	}
	a = must(c.PatchAccount(ctx, number, client.AccountPatch{CustomerURLs: new([]string)}))(t)
	if a.Version != 3 || len(a.CustomerURLs) != 0 || len(a.CardURLs) != 1 {
		t.Errorf("%+v", a)
	}
	e := refused(t, second(c.PatchAccount(ctx, number, client.AccountPatch{}, client.IfMatch(1))), client.CodeVersionMismatch)
	if e.Status != 412 || e.Expected != 1 || e.Actual != 3 || e.RequestID == "" || e.Title == "" {
		t.Errorf("%+v", e)
	}
	a = must(c.ReplaceAccount(ctx, number, client.AccountDetails{SortCode: "11-22-33"}))(t)
	if a.Version != 4 || a.SortCode != "11-22-33" || len(a.CardURLs) != 0 {
		t.Errorf("%+v", a)
	}
	if p := must(c.CloseAccount(ctx, number, client.IfMatch(4)))(t); p != 5 {
		t.Errorf("closed at %d", p)
	}
	refused(t, second(c.Account(ctx, number)), client.CodeAccountClosed)
	refused(t, second(c.Account(ctx, "99999999")), client.CodeAccountNotFound)
	refused(t, second(c.Account(ctx, "../12/?x")), client.CodeAccountNotFound)
	for at, cards := range map[client.Position]int{1: 0, 2: 1, 4: 0} {
		if a := must(c.AccountAt(ctx, number, at))(t); a.Version != at || len(a.CardURLs) != cards {
			t.Errorf("at %d: %+v", at, a)
		}
	}
	if a := must(c.AccountAtTime(ctx, number, time.Now().Add(time.Hour)))(t); a.Status != client.StatusClosed {
		t.Errorf("%+v", a)
	}
	refused(t, second(c.AccountAtTime(ctx, number, a.OpenedAt.Add(-time.Millisecond))), client.CodeAccountNotFound)
	e = refused(t, second(c.OpenAccount(ctx, client.AccountDetails{SortCode: "x", Currency: "y"})), client.CodeInvalid)
	if len(e.Faults) != 2 || e.Faults[0].Pointer != "/sortCode" || e.Faults[0].Detail == "" {
		t.Errorf("%+v", e)
	}
}

// second is the error of a call.
func second[T any](_ T, err error) error { return err }

func TestMoneyMovesAndIsRefusedWithReasons(t *testing.T) {
	ctx := t.Context()
	_, c := newService(t)
	opened(t, c, "111111")
	opened(t, c, "222222")
	ev := must(c.Deposit(ctx, "111111", client.Payment{Amount: 1250, Currency: "GBP", Reference: "till <4>"}))(t)
	if ev.Seq != 3 || ev.Type != "funds.deposited" || ev.Subject != "accounts/111111" || !strings.Contains(string(ev.Data), `"reference":"till <4>"`) || ev.Hash == "" {
		t.Errorf("%+v", ev)
	}
	must(c.Withdraw(ctx, "111111", gbp(50), client.IfMatch(3)))(t)
	ev = must(c.Transfer(ctx, client.Transfer{From: "111111", To: "222222", Amount: 200, Currency: "GBP"}))(t)
	if ev.Seq != 5 || ev.Type != "funds.transferred" {
		t.Errorf("%+v", ev)
	}
	if a := must(c.Account(ctx, "111111"))(t); a.Balance != 1000 || a.Version != 5 {
		t.Errorf("%+v", a)
	}
	refused(t, second(c.Withdraw(ctx, "111111", gbp(1001))), client.CodeInsufficientFunds)
	refused(t, second(c.Deposit(ctx, "111111", client.Payment{Amount: 1, Currency: "EUR"})), client.CodeCurrencyMismatch)
	refused(t, second(c.Deposit(ctx, "111111", gbp(1<<53-1))), client.CodeAmountOutOfRange)
	refused(t, second(c.Deposit(ctx, "111111", gbp(-1))), client.CodeInvalid)
	refused(t, second(c.Transfer(ctx, client.Transfer{From: "111111", To: "111111", Amount: 1, Currency: "GBP"})), client.CodeSameAccount)
	refused(t, second(c.CloseAccount(ctx, "111111")), client.CodeAccountNotEmpty)
	if head := must(c.Head(ctx))(t); head != 5 {
		t.Errorf("%d events", head)
	}
}

func TestListsComePageByPage(t *testing.T) {
	ctx := t.Context()
	_, c := newService(t)
	for i := range 7 {
		opened(t, c, fmt.Sprint(100000+i))
	}
	for i := range 5 {
		must(c.Deposit(ctx, "100003", gbp(int64(i+1))))(t)
	}
	for _, size := range []int{0, 1, 3, 7, 1000} {
		var numbers, history, turned, events []string
		for _, a := range all(t, c.Accounts(ctx, client.AccountQuery{SortCode: "102030", PageSize: size})) {
			numbers = append(numbers, a.AccountNumber[5:])
		}
		for _, ev := range all(t, c.History(ctx, "100003", client.HistoryQuery{PageSize: size})) {
			history = append(history, fmt.Sprint(ev.Seq))
		}
		for _, ev := range all(t, c.History(ctx, "100003", client.HistoryQuery{PageSize: size, NewestFirst: true})) {
			turned = append(turned, fmt.Sprint(ev.Seq))
		}
		for _, ev := range all(t, c.Events(ctx, client.EventQuery{PageSize: size, After: 2, Type: "account.opened"})) {
			events = append(events, fmt.Sprint(ev.Seq))
		}
		got := fmt.Sprint(numbers, history, turned, events)
		if want := "[0 1 2 3 4 5 6] [4 8 9 10 11 12] [12 11 10 9 8 4] [3 4 5 6 7]"; got != want {
			t.Errorf("by %d: %s", size, got)
		}
	}
	for range c.Accounts(ctx, client.AccountQuery{PageSize: 2}) {
		break
	}
	if got := all(t, c.Accounts(ctx, client.AccountQuery{Customer: "https://c.example/1"})); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	if got := all(t, c.Events(ctx, client.EventQuery{After: 12})); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	for _, err := range c.History(ctx, "999999", client.HistoryQuery{}) {
		refused(t, err, client.CodeAccountNotFound)
	}
	for _, err := range c.Accounts(ctx, client.AccountQuery{PageSize: 1001}) {
		refused(t, err, client.CodeBadParameter)
	}
	if ev := must(c.Event(ctx, 9))(t); ev.Seq != 9 || ev.Type != "funds.deposited" {
		t.Errorf("%+v", ev)
	}
	refused(t, second(c.Event(ctx, 13)), client.CodeEventNotFound)
}

func TestTheEventsOfANodeThatLagsEndWithWhatItHas(t *testing.T) {
	behind := proxyJSON(`{"items":[],"nextAfter":5,"head":9}`)
	c := newClient(t, "http://"+nowhere, &faulty{next: func() fault { return behind }})
	if got := all(t, c.Events(t.Context(), client.EventQuery{After: 5})); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestACommandHasAReceiptAndAKey(t *testing.T) {
	ctx := t.Context()
	_, c := newService(t)
	opened(t, c, "111111")
	var first, again client.Receipt
	ev := must(c.Deposit(ctx, "111111", gbp(1), client.Into(&first), client.RequestID("mine")))(t)
	if first.Position != 2 || len(first.Key) != 36 || first.Replayed || first.RequestID != "mine" || first.Tries != 1 || ev.Meta["idempotencyKey"] != first.Key || ev.Meta["requestId"] != "mine" {
		t.Errorf("%+v of %+v", first, ev)
	}
	same := must(c.Deposit(ctx, "111111", gbp(1), client.Key(first.Key), client.Into(&again)))(t)
	if !again.Replayed || again.Position != 2 || same.ID != ev.ID {
		t.Errorf("%+v", again)
	}
	refused(t, second(c.Deposit(ctx, "111111", gbp(2), client.Key(first.Key))), client.CodeKeyReused)
	must(c.Deposit(ctx, "111111", gbp(1), client.Into(&again)))(t)
	if again.Key == first.Key || again.Position != 3 {
		t.Errorf("%+v", again)
	}
	dry := must(c.Deposit(ctx, "111111", gbp(7), client.DryRun(), client.Into(&again)))(t)
	if dry.Seq != 4 || dry.Hash != "" || again.Position != 0 || again.Key != "" {
		t.Errorf("%+v of %+v", again, dry)
	}
	if a := must(c.Account(ctx, "111111"))(t); a.Balance != 2 {
		t.Errorf("%+v", a)
	}
	for _, bad := range []client.CommandOption{client.Key("\n"), client.Key(strings.Repeat("x", 256)), client.Key("ü"), client.RequestID("a\r\nb"), client.RequestID(strings.Repeat("x", 129))} {
		if err := second(c.Deposit(ctx, "111111", gbp(1), bad)); err == nil || client.IsCode(err, client.CodeBadHeader) {
			t.Errorf("%v", err)
		}
	}
}

func TestATokenIsShown(t *testing.T) {
	reader := access.Token{Principal: access.Principal{Name: "reader", Scopes: []access.Scope{access.Read}}, Digest: access.DigestOf("secret")}
	n := newNode(t, memory.New(), func(cfg *api.Config) { cfg.Guard = access.NewGuard(reader) })
	refused(t, second(newClient(t, n.url, nil).Head(t.Context())), client.CodeUnauthenticated)
	refused(t, second(newClient(t, n.url, nil, client.Token("other")).Head(t.Context())), client.CodeUnauthenticated)
	c := newClient(t, n.url+"/", nil, client.Token("secret"))
	must(c.Head(t.Context()))(t)
	refused(t, second(c.Deposit(t.Context(), "111111", gbp(1))), client.CodeForbidden)
}

func TestWhatNobodyCouldUseIsRefusedAtOnce(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:8080", "ftp://x", "http://", "http://x/y", "http://x?y", "http://x#y", "http://me:pw@x", "http://me:pw@x:y:z"} {
		_, err := client.New(url)
		if !errors.Is(err, client.ErrURL) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, o := range []client.Option{client.Token("a b"), client.Token("a\n"), client.UserAgent(""), client.UserAgent("a\nb"), client.Nodes("http://x", "y")} {
		if _, err := client.New("http://127.0.0.1:1", o); err == nil {
			t.Error("a bad option is taken")
		}
	}
}

// answering is something that always answers so.
func answering(t testing.TB, status int, media, body string) *client.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return newClient(t, server.URL, nil)
}

func TestWhatIsNoServiceIsNotTakenForOne(t *testing.T) {
	ctx := t.Context()
	succeeded := map[string]bool{"a page": true, "an empty document": true, "not JSON": true, "of another type": true} // or so it says
	for name, c := range map[string]*client.Client{
		"a page": answering(t, 200, "text/html", "<html>"), "an empty document": answering(t, 200, "application/json", "{}"),
		"not JSON": answering(t, 200, "application/json", "{"), "of another type": answering(t, 200, "text/plain", `{"accountNumber":"1","seq":1,"id":"1","items":[{}],"log":"x"}`),
		"not found": answering(t, 404, "text/html", "<html>"), "no problem": answering(t, 400, "application/json", "{}"), "a redirection": answering(t, 301, "", ""),
	} {
		t.Run(name, func(t *testing.T) {
			var b client.Bulk
			b.Close("1")
			for what, err := range map[string]error{
				"account": second(c.Account(ctx, "1")), "event": second(c.Event(ctx, 1)), "head": second(c.Head(ctx)), "open": second(c.OpenAccount(ctx, client.AccountDetails{})),
				"deposit": second(c.Deposit(ctx, "1", gbp(1))), "close": second(c.CloseAccount(ctx, "1")), "all": second(c.ExecuteAll(ctx, &b)), "each": second(c.ExecuteEach(ctx, &b)),
				"status": second(c.Status(ctx)), "snapshot": second(c.TakeSnapshot(ctx)), "snapshots": second(c.Snapshots(ctx)), "replay": second(c.StartReplay(ctx, client.ReplayOptions{})),
				"append": second(c.AppendEvents(ctx, client.Append{})),
			} {
				_, unsure := errors.AsType[*client.UnsureError](err)
				read := slices.Contains([]string{"account", "event", "head", "status", "snapshots"}, what)
				if !errors.Is(err, client.ErrForeign) || unsure != (succeeded[name] && !read) {
					t.Errorf("%s: %v", what, err)
				}
			}
			for _, err := range c.Stream(ctx, client.StreamQuery{}) {
				if !errors.Is(err, client.ErrForeign) {
					t.Errorf("stream: %v", err)
				}
			}
		})
	}
}

func TestTheContextEndsACall(t *testing.T) {
	_, c := newService(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := second(c.OpenAccount(ctx, client.AccountDetails{SortCode: "10-20-30"}))
	if _, unsure := errors.AsType[*client.UnsureError](err); !errors.Is(err, context.Canceled) || unsure {
		t.Errorf("%v", err)
	}
}
