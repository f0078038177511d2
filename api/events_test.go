package api_test

import (
	"context"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

func TestAnEventIsShownAsItStandsInTheLog(t *testing.T) {
	r := newRig(t)
	r.do("POST", "/v1/accounts", `{"accountNumber":"12345678","sortCode":"10-20-30","cardURLs":["https://a.b/?x=1&y=<>"]}`).is(422, "invalid")
	r.do("POST", "/v1/accounts", `{"accountNumber":"12345678","sortCode":"10-20-30","cardURLs":["https://a.b/?x=1&y='2'"]}`, "X-Request-Id: r1").is(201, "")
	got := r.do("GET", "/v1/events/1", "").is(200, "").has("Applied-Position: 1", "ETag:")
	want := regexp.MustCompile(`^\{"seq":1,"id":"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}","type":"account.opened","subject":"accounts/12345678",` +
		`"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","meta":\{"requestId":"r1"\},` +
		`"data":\{"accountNumber":"12345678","sortCode":"10-20-30","customerURLs":\[\],"cardURLs":\["https://a.b/\?x=1&y='2'"\],"currency":"GBP"\},"hash":"[0-9a-f]{64}"\}$`)
	if !want.Match(got.text) {
		t.Errorf("%s", got.text)
	}
	if page := r.do("GET", "/v1/events", "").is(200, ""); string(page.text) != `{"items":[`+string(got.text)+`],"nextAfter":1,"head":1}` {
		t.Errorf("%s", page.text)
	}
}

func TestAnEventThatDoesNotExistIsNotFound(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	for _, seq := range []string{"0", "2", "-1", "x", "01", "1.0", "1e0", "+1", "%2B1", "99999999999999999999", "9007199254740993", "1%20", "streams", "%00", "%D9%A1"} {
		r.do("GET", "/v1/events/"+seq, "").is(404, "event-not-found")
	}
}

func TestTheLogCanBePagedThrough(t *testing.T) {
	r := newRig(t)
	r.do("GET", "/v1/events", "").is(200, "").has("Applied-Position: 0", "Link:")
	if got := string(r.do("GET", "/v1/events?after=7", "").is(200, "").text); got != `{"items":[],"nextAfter":7,"head":0}` {
		t.Error(got)
	}
	for _, n := range []string{"111111", "222222", "333333"} {
		r.open(n)
	}
	r.do("PATCH", "/v1/accounts/111111", "{}").is(200, "")
	r.do("DELETE", "/v1/accounts/222222", "").is(204, "")
	for _, c := range []struct {
		query, seqs string
		next        int64
		link        string
	}{
		{"", "1 2 3 4 5", 5, ""},
		{"after=0", "1 2 3 4 5", 5, ""},
		{"after=3", "4 5", 5, ""},
		{"after=5", "", 5, ""},
		{"after=6", "", 6, ""},
		{"limit=2", "1 2", 2, `</v1/events?after=2&limit=2>; rel="next"`},
		{"limit=2&after=2", "3 4", 4, `</v1/events?after=4&limit=2>; rel="next"`},
		{"limit=2&after=4", "5", 5, ""},
		{"limit=5", "1 2 3 4 5", 5, ""},
		{"type=account.opened", "1 2 3", 5, ""},
		{"type=account.opened&limit=2", "1 2", 2, `</v1/events?after=2&limit=2&type=account.opened>; rel="next"`},
		{"type=account.opened&limit=3", "1 2 3", 3, `</v1/events?after=3&limit=3&type=account.opened>; rel="next"`},
		{"type=account.opened&after=3", "", 5, ""},
		{"type=account.open", "", 5, ""},
		{"type=account.*", "", 5, ""},
		{"subject=accounts/111111", "1 4", 5, ""},
		{"subject=accounts%2F222222&type=account.closed", "5", 5, ""},
		{"subject=accounts/11111", "", 5, ""},
	} {
		got := r.do("GET", "/v1/events?"+c.query, "").is(200, "").has("Applied-Position: 5", "Link: "+c.link)
		page := got.page()
		if page.seqs() != c.seqs || page.NextAfter == nil || *page.NextAfter != c.next || *page.Head != 5 || !strings.HasPrefix(string(got.text), `{"items":[`) {
			t.Errorf("%s: %s", c.query, got.text)
		}
	}
}

// foreign appends n events of another service.
func foreign(t testing.TB, log *memory.Log, n int, change func(*eventstore.Event)) {
	t.Helper()
	store := log.Open()
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n > 0 {
		start := head
		var batch []eventstore.Event
		for range min(n, eventstore.MaxBatchEvents) {
			ev := eventstore.Event{
				Seq: head.Position + 1, ID: uuid.Must(uuid.NewV7()), Type: "note.made", Subject: "notes/1",
				Time: time.UnixMilli(1_700_000_000_000).UTC(), Data: `{}`,
			}
			if change != nil {
				change(&ev)
			}
			ev.Hash = ev.ChainHash(head.Hash)
			head = ev.Head()
			batch = append(batch, ev)
		}
		if err := store.Append(t.Context(), start, batch); err != nil {
			t.Fatal(err)
		}
		n -= len(batch)
	}
}

func TestAFilteredPageEndsWhenEnoughWasLookedThrough(t *testing.T) {
	log := memory.New()
	foreign(t, log, api.ScanBudget+500, nil)
	r := newNode(t, log, eventstoretest.NewFaulty(log.Open()))
	<-r.read
	r.open("12345678")
	page := r.do("GET", "/v1/events?type=account.opened", "").is(200, "").page()
	if len(page.Items) != 0 || *page.NextAfter != api.ScanBudget {
		t.Errorf("next after %d", *page.NextAfter)
	}
	page = r.do("GET", fmt.Sprint("/v1/events?type=account.opened&after=", *page.NextAfter), "").is(200, "").page()
	if page.seqs() != fmt.Sprint(api.ScanBudget+501) || *page.NextAfter != api.ScanBudget+501 {
		t.Errorf("%+v", page)
	}
}

func TestEventsOfOtherServicesAreShownAsTheyAre(t *testing.T) {
	log := memory.New()
	data := `{"a":"\u00e9\/","b":1.50e+2,"c":[{"d":null}],"e":"` + "\u2028<&>" + `"}`
	foreign(t, log, 1, func(ev *eventstore.Event) {
		ev.Data, ev.Subject, ev.Meta = data, "späße/\"1\"", eventstore.MetaOf(map[string]string{"b": "2", "a": "1"})
	})
	r := newNode(t, log, eventstoretest.NewFaulty(log.Open()))
	<-r.read
	got := string(r.do("GET", "/v1/events/1", "").is(200, "").text)
	if !strings.Contains(got, `"data":`+data+`,`) || !strings.Contains(got, `"meta":{"a":"1","b":"2"}`) || !strings.Contains(got, `"subject":"späße/\"1\""`) ||
		!strings.Contains(got, `"time":"2023-11-14T22:13:20.000Z"`) {
		t.Error(got)
	}
}

func TestPagesComeAsCloudEventsIfAskedFor(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	r.do("PATCH", "/v1/accounts/12345678", "{}").is(200, "")
	const batch = "application/cloudevents-batch+json"
	for _, path := range []string{"/v1/events?limit=1", "/v1/accounts/12345678/events?limit=1"} {
		got := r.do("GET", path, "", "Accept: "+batch).is(200, "").has("Content-Type: "+batch, "Vary: Accept")
		var events []map[string]any
		got.decode(&events)
		if len(events) != 1 || events[0]["specversion"] != "1.0" || events[0]["type"] != "account.opened" || events[0]["subject"] != "accounts/12345678" ||
			events[0]["source"] != "/logs/main" || events[0]["datacontenttype"] != "application/json" || events[0]["sequence"] != "1" || got.header.Get("Link") == "" {
			t.Errorf("%s", got.text)
		}
	}
	if got := string(r.do("GET", "/v1/events?after=2", "", "Accept: "+batch).is(200, "").text); got != "[]" {
		t.Error(got)
	}
	for accept, want := range map[string]string{
		"":                                 "application/json",
		"*/*":                              "application/json",
		"text/html":                        "application/json",
		"application/*":                    "application/json",
		batch + ", */*;q=0.1":              batch,
		"*/*, " + strings.ToUpper(batch):   batch,
		"application/json, " + batch:       "application/json",
		batch + ", application/json":       batch,
		batch + ";q=0.5, application/json": "application/json",
		"application/json;q=0.5, " + batch: batch,
		batch + ";q=0":                     "application/json",
		batch + "; charset=utf-8; q=0.3":   batch,
		batch + ";q=x":                     "application/json",
	} {
		r.do("GET", "/v1/events", "", "Accept: "+accept).is(200, "").has("Content-Type: " + want)
	}
	r.do("GET", "/v1/events?limit=x", "", "Accept: "+batch).is(400, "bad-parameter")
}

func TestADamagedLogIsNeverShownAsData(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	r.do("PATCH", "/v1/accounts/12345678", "{}").is(200, "")
	r.store.OnRead(changing(func(ev *eventstore.Event) {
		ev.Data = strings.ReplaceAll(ev.Data, "10-20-30", "99-99-99")
	}))
	for _, path := range []string{"/v1/events", "/v1/events?after=1", "/v1/events/1", "/v1/accounts/12345678/events", "/v1/accounts/12345678?at=1"} {
		got := r.do("GET", path, "").is(503, "log-damaged")
		if strings.Contains(string(got.text), "99-99-99") {
			t.Errorf("%s", got.text)
		}
	}
	r.do("GET", "/v1/accounts/12345678", "").is(200, "")
}

// changing is a hook that changes events on their way.
func changing(change func(*eventstore.Event)) eventstoretest.ReadHook {
	return func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			for ev, err := range next(ctx, after, limit) {
				if change(&ev); !yield(ev, err) {
					return
				}
			}
		}
	}
}
