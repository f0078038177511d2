package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/sqlite"
)

// TestANodeBehindTheNewestEventTakesNoCommandsUnlessToldTo has a log on which a
// machine with a fast clock has written.
func TestANodeBehindTheNewestEventTakesNoCommandsUnlessToldTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	future := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	if err := store.Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, future, 1)); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	const body = `{"sortCode":"10-20-30"}`

	p := launch(t, "--store", "sqlite:"+path)
	p.Eventually("it says so", func() bool {
		a, err := p.do("GET", "/readyz", "")
		return err == nil && a.status == http.StatusServiceUnavailable && strings.Contains(string(a.body), "NTP")
	})
	if a := p.must(http.StatusServiceUnavailable, "POST", "/v1/accounts", body); a.get(t, "code") != "store-unavailable" {
		t.Errorf("%s", a.body)
	}
	p.must(http.StatusOK, "GET", "/v1/events/1", "")
	p.Kill()

	p = start(t, "--store", "sqlite:"+path, "--max-clock-skew", "0")
	opened := p.must(http.StatusCreated, "POST", "/v1/accounts", body)
	if got, want := opened.get(t, "openedAt"), future.Format("2006-01-02T15:04:05.000Z"); got != want {
		t.Errorf("opened at %v, before the event at %s", got, want)
	}
}
