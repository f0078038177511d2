package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// appendForeign appends one event as another program might, and gives its position.
func appendForeign(t *testing.T, url string, change func(*eventstore.Event)) eventstore.Position {
	t.Helper()
	store := openURL(t, url)
	defer store.Close()
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	batch := eventstoretest.NewBatch(head, time.Now(), 1, func(_ int, ev *eventstore.Event) { change(ev) })
	if err := store.Append(t.Context(), head, batch); err != nil {
		t.Fatal(err)
	}
	return batch[0].Seq
}

func TestAnEventOfANewerVersionStopsTheServiceLoudly(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store)
		p.open(1, 2)
		appendForeign(t, store, func(ev *eventstore.Event) { ev.Type, ev.Subject = "customer.renamed", "customers/1" })
		p.must(http.StatusOK, "GET", "/v1/accounts/"+aNumber(1), "", "Consistency: strong")
		if n := p.must(http.StatusOK, "GET", "/v1/admin/status", "").get(t, "foreignEvents"); n != float64(1) {
			t.Errorf("foreignEvents is %v", n)
		}
		appendForeign(t, store, func(ev *eventstore.Event) {
			ev.Type, ev.Subject, ev.Data = "account.frozen", "accounts/"+aNumber(1), `{"accountNumber":"`+aNumber(1)+`"}`
		})
		for _, p := range []*process{p, launch(t, "--store", store)} { // the one that runs, and one that starts
			p.Eventually("it has stopped, and says so", func() bool {
				a, err := p.do("GET", "/readyz", "")
				return err == nil && strings.Contains(string(a.body), "halted at event") &&
					len(p.logged("halted for good: this node takes no more commands; see the error, then restart")) > 0
			})
			ready := p.must(http.StatusServiceUnavailable, "GET", "/readyz", "")
			command := p.must(http.StatusServiceUnavailable, "POST", "/v1/accounts", `{"sortCode":"10-20-30"}`)
			for _, body := range []string{string(ready.body), string(command.body), p.Log()} {
				if !strings.Contains(body, "event 4 (account.frozen)") {
					t.Errorf("it does not name the event:\n%s", body)
				}
			}
			halted, _ := p.must(http.StatusOK, "GET", "/v1/admin/status", "").get(t, "halted").(map[string]any)
			if halted["seq"] != float64(4) || halted["type"] != "account.frozen" || halted["reason"] == "" {
				t.Errorf("the status says %v", halted)
			}
		}
		// What is known is still true where it was known.
		p.must(http.StatusOK, "GET", "/v1/accounts/"+aNumber(1), "")
	})
}
