package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// aNumber is the number of the i-th account of a test.
func aNumber(i int) string { return fmt.Sprintf("1%07d", i) }

// open opens the accounts from the first to the last, both included.
func (p *process) open(first, last int) {
	p.T.Helper()
	for i := first; i <= last; i++ {
		p.must(http.StatusCreated, "POST", "/v1/accounts", fmt.Sprintf(`{"accountNumber":"%s","sortCode":"10-20-%02d"}`, aNumber(i), i%100))
	}
}

// snapshot takes one and gives its id.
func (p *process) snapshot() uuid.UUID {
	p.T.Helper()
	id, _ := p.must(http.StatusCreated, "POST", "/v1/admin/snapshots", "").get(p.T, "id").(string)
	return uuid.MustParse(id)
}

// state is what a service serves: the digest, and every account.
func (p *process) state() string {
	p.T.Helper()
	digest := p.must(http.StatusOK, "GET", "/v1/admin/status", "").get(p.T, "stateDigest")
	return fmt.Sprintf("%s %s", digest, p.must(http.StatusOK, "GET", "/v1/accounts?limit=1000", "").body)
}

// logged are the lines of the service's log with this message.
func (p *process) logged(message string) []map[string]any {
	var found []map[string]any
	for _, text := range strings.Split(p.Log(), "\n") {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line["message"] == message {
			found = append(found, line)
		}
	}
	return found
}

// restoredAt wants the service to have begun from a snapshot at seq; 0: from none.
func (p *process) restoredAt(seq float64) {
	p.T.Helper()
	lines := p.logged("state restored from a snapshot")
	if seq == 0 {
		if len(lines) > 0 || len(p.logged("the state is built from the whole log")) != 1 {
			p.T.Errorf("it does not say that it begins with the first event\n%s", p.Log())
		}
		return
	}
	if len(lines) != 1 || lines[0]["seq"] != seq || lines[0]["snapshot"] == "" || lines[0]["milliseconds"] == nil {
		p.T.Errorf("it does not say that it begins from a snapshot at event %v\n%s", seq, p.Log())
	}
}

func TestARestartBeginsFromTheSnapshot(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store)
		p.restoredAt(0)
		p.open(1, 3)
		p.snapshot()
		p.open(4, 5)
		state := p.state()
		p.Kill()
		p = start(t, "--store", store)
		p.restoredAt(3)
		if got := p.state(); got != state {
			t.Errorf("before %s\nafter  %s", state, got)
		}
		if code := p.Terminate(); code != exitOK || len(p.logged("snapshot taken")) != 1 {
			t.Errorf("exit code %d, and no snapshot at the end\n%s", code, p.Log())
		}
		p = start(t, "--store", store, "--snapshot-at-shutdown=false")
		p.restoredAt(5)
		if got := p.state(); got != state {
			t.Errorf("before %s\nafter  %s", state, got)
		}
		p.open(6, 6)
		if p.Terminate(); len(p.logged("snapshot taken")) != 0 {
			t.Errorf("a snapshot at the end\n%s", p.Log())
		}
	})
}

func TestSnapshotsAreTakenAfterSoManyEvents(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store, "--snapshot-events", "5", "--snapshot-keep", "1")
		p.open(1, 5)
		p.Eventually("the first snapshot is taken", func() bool { return len(p.logged("snapshot taken")) == 1 })
		p.open(6, 10)
		p.Eventually("the older one is removed", func() bool { return len(p.logged("snapshot removed")) == 1 })
	})
}

func TestALogInMemoryIsNotSnapshotByItself(t *testing.T) {
	p := start(t, "--store", "memory:", "--snapshot-events", "1")
	p.open(1, 3)
	p.snapshot()
	p.open(4, 5) // of which a last one would be taken
	if p.Terminate(); len(p.logged("snapshot taken")) != 1 {
		t.Errorf("more than the one that was asked for\n%s", p.Log())
	}
}

func TestADamagedSnapshotIsPassedOverAndNamed(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store, "--snapshot-keep", "10")
		x := tamper(t, store)
		p.open(1, 3)
		good := p.snapshot()
		p.open(4, 5)
		state := p.state()
		damages := []struct {
			does  func(uuid.UUID)
			names string
		}{
			{func(id uuid.UUID) { x.flip(store, id, 0) }, "chunk 0 of 2"},
			{func(id uuid.UUID) { x.removeChunk(id, 1) }, "chunk 1 of 2"},
			{x.garble, "the manifest of snapshot"},
		}
		for i, damage := range damages {
			bad := p.snapshot()
			p.Kill()
			damage.does(bad)
			r := fail(t, exitFailed, "services pass over them", "snapshot", "verify", "--store", store)
			if !strings.Contains(r.stdout, damage.names) || !strings.Contains(r.stdout, bad.String()) || !strings.Contains(r.stdout, "snapshot "+good.String()+" at event 3 is intact") {
				t.Errorf("%s is not named:\n%s", damage.names, r.stdout)
			}
			p = start(t, "--store", store, "--snapshot-keep", "10")
			p.restoredAt(3)
			if got := p.state(); got != state {
				t.Errorf("before %s\nafter  %s", state, got)
			}
			if passed := p.logged("snapshot passed over: see the error"); len(passed) != i+1 {
				t.Errorf("%d were passed over, not %d\n%s", len(passed), i+1, p.Log())
			}
		}
		p.Kill()
		x.flip(store, good, 1)
		p = start(t, "--store", store)
		p.restoredAt(0)
		if got := p.state(); got != state {
			t.Errorf("before %s\nafter  %s", state, got)
		}
	})
}

func TestSnapshotsAreListedVerifiedAndDeleted(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store)
		p.open(1, 3)
		out := succeed(t, "snapshot", "create", "--url", p.URL)
		if !strings.Contains(out, "taken at event 3: 3 accounts") {
			t.Error(out)
		}
		var created, listed any
		if err := json.Unmarshal([]byte(succeed(t, "snapshot", "create", "--json", "--url", p.URL)), &created); err != nil {
			t.Fatal(err)
		}
		p.Kill()
		s := openURL(t, store)
		unfinished := uuid.Must(uuid.NewV7())
		if err := s.SaveChunk(t.Context(), unfinished, 0, []byte("half")); err != nil {
			t.Fatal(err)
		}
		s.Close()
		var report map[string]any
		if err := json.Unmarshal([]byte(succeed(t, "snapshot", "list", "--json", "--store", store)), &report); err != nil {
			t.Fatal(err)
		}
		if listed = report["items"].([]any)[0]; fmt.Sprint(listed) != fmt.Sprint(created) || fmt.Sprint(report["unfinished"]) != "["+unfinished.String()+"]" {
			t.Errorf("listed  %v\ncreated %v", report, created)
		}
		id := created.(map[string]any)["id"].(string)
		for _, command := range []string{"list", "verify"} {
			if out := succeed(t, "snapshot", command, "--store", store); !strings.Contains(out, id) || !strings.Contains(out, unfinished.String()) || !strings.Contains(out, "unfinished") {
				t.Errorf("%s:\n%s", command, out)
			}
		}
		if out := succeed(t, "snapshot", "verify", id, "--store", store); !strings.Contains(out, "checked 1 snapshots") {
			t.Error(out)
		}
		for _, command := range []string{"verify", "delete"} {
			fail(t, exitFailed, "there is no snapshot", "snapshot", command, uuid.NewString(), "--store", store)
		}
		succeed(t, "snapshot", "delete", id, unfinished.String(), "--store", store)
		if out := succeed(t, "snapshot", "verify", "--store", store); !strings.Contains(out, "checked 1 snapshots") || strings.Contains(out, "unfinished") {
			t.Error(out)
		}
		succeed(t, "snapshot", "delete", "--all", "--store", store)
		if out := succeed(t, "snapshot", "delete", "--beyond-head", "--store", store); !strings.Contains(out, "none to delete") {
			t.Error(out)
		}
		p = start(t, "--store", store)
		p.restoredAt(0)
	})
}
