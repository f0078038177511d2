package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

func TestASnapshotIsTakenListedAndShownInTheStatus(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	first := r.do("POST", "/v1/admin/snapshots", "").is(201, "").has("Applied-Position: 1")
	r.open("12345679")
	second := r.do("POST", "/v1/admin/snapshots", "not looked at").is(201, "") // as DELETE's body
	ev, err := r.log.Open().Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]any
	second.decode(&manifest)
	for name, want := range map[string]any{"position": 2.0, "hash": ev.Hash.String(), "accounts": 2.0, "chunks": 2.0,
		"format": 2.0, "reducer": 2.0, "intact": true, "digest": r.service.Status().Digest.String()} {
		if manifest[name] != want {
			t.Errorf("%s is %v, not %v", name, manifest[name], want)
		}
	}
	for _, name := range []string{"time", "taken"} {
		if text, _ := manifest[name].(string); len(text) != len("2026-01-02T03:04:05.006Z") || !strings.HasSuffix(text, "Z") {
			t.Errorf("%s is %v", name, manifest[name])
		}
	}
	if bytes, _ := manifest["bytes"].(float64); bytes < 1 || len(manifest) != 12 {
		t.Errorf("%s", second.text)
	}
	if got, want := string(r.do("GET", "/v1/admin/snapshots", "").is(200, "").text), `{"items":[`+string(second.text)+","+string(first.text)+"]}"; got != want {
		t.Errorf("listed\n%s, not\n%s", got, want)
	}
	status := string(r.do("GET", "/v1/admin/status", "").is(200, "").text)
	if !strings.Contains(status, `"lastSnapshot":`+string(second.text)) {
		t.Error(status)
	}
}

func TestWithoutSnapshotsTheListIsEmpty(t *testing.T) {
	if got := string(newRig(t).do("GET", "/v1/admin/snapshots", "").is(200, "").text); got != `{"items":[]}` {
		t.Error(got)
	}
}

func TestASnapshotThatIsNotWhatWasWrittenIsListedAsSuch(t *testing.T) {
	r := newRig(t)
	if err := r.log.Open().SaveManifest(t.Context(), eventstore.Manifest{ID: uuid.Must(uuid.NewV7())}); err != nil {
		t.Fatal(err)
	}
	if got := string(r.do("GET", "/v1/admin/snapshots", "").is(200, "").text); !strings.Contains(got, `"intact":false`) {
		t.Error(got)
	}
}

func TestASnapshotThatCannotBeTakenSaysSo(t *testing.T) {
	r := newRig(t)
	r.snaps.OnSaveManifest(eventstoretest.FailSaveManifest)
	r.do("POST", "/v1/admin/snapshots", "").is(503, "store-unavailable")
}

// TestASnapshotMayTakeLongerThanAnyOtherRequest: longer than the handler's limit,
// and than the server's for sending an answer.
func TestASnapshotMayTakeLongerThanAnyOtherRequest(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.RequestTimeout = time.Millisecond })
	server := httptest.NewUnstartedServer(r.handler)
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	r.url = server.URL
	gate := eventstoretest.NewGate()
	r.snaps.OnSaveChunk(gate.SaveChunk)
	answer := make(chan response)
	go func() {
		defer close(answer)
		answer <- r.do("POST", "/v1/admin/snapshots", "")
	}()
	<-gate.Arrived()
	<-time.After(100 * time.Millisecond) // by then both would be over
	gate.Open()
	if got, answered := <-answer; answered {
		got.is(201, "")
	}
}

func TestAnEventThatIsNotUnderstoodIsNamedWithItsReason(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	foreign(t, r.log, 1, func(ev *eventstore.Event) {
		ev.Type, ev.Subject, ev.Time = "account.frozen", "accounts/12345678", time.Now().UTC().Truncate(time.Millisecond)
	})
	_ = r.service.Wait(t.Context(), 2) // which says that it never comes
	const reason = "halted at event 2 (account.frozen): this program does not know the type: upgrade this node"
	if got := r.do("GET", "/readyz", "").is(503, "store-unavailable").problem().Detail; got != reason {
		t.Error(got)
	}
	if got := r.do("DELETE", "/v1/accounts/12345678", "").is(503, "store-unavailable").problem().Detail; got != reason {
		t.Error(got)
	}
	status := string(r.do("GET", "/v1/admin/status", "").is(200, "").text)
	if !strings.Contains(status, `"halted":{"seq":2,"type":"account.frozen","reason":"this program does not know the type"}`) {
		t.Error(status)
	}
	// A replay gets as far as the state.
	replay := r.replayed(journal.ReplayOptions{From: journal.ReplayFromStart})
	if replay.State != "done" || !*replay.Match {
		t.Errorf("%+v", replay)
	}
}

func TestWhatALibrarySaysOfAnEventIsNotShown(t *testing.T) {
	r := newRig(t)
	foreign(t, r.log, 1, func(ev *eventstore.Event) {
		ev.Type, ev.Subject, ev.Data = "account.closed", "accounts/12345678", `{"accountNumber":7}`
	})
	_ = r.service.Wait(t.Context(), 1)
	got := r.do("GET", "/v1/admin/status", "").is(200, "")
	if text := string(got.text); !strings.Contains(text, `"reason":"its data is not in a form that this program knows"`) || strings.Contains(text, "json:") {
		t.Error(text)
	}
}
