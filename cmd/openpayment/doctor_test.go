package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// examined runs doctor --json and gives its findings by check.
func examined(t *testing.T, store string) (doctorReport, map[string]eventstore.Finding) {
	t.Helper()
	r := command(t, "doctor", "--json", "--store", store)
	var report doctorReport
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, r.stdout, r.stderr)
	}
	if report.Healthy != (r.code == exitOK) || report.Healthy == strings.Contains(r.stderr, errNotHealthy.Error()) {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	found := make(map[string]eventstore.Finding)
	for _, f := range report.Findings {
		found[f.Check] = f
	}
	return report, found
}

func TestDoctorExaminesEachStore(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		events := fill(t, store, 20)
		report, found := examined(t, store)
		if report.Log != "main" || !strings.HasPrefix(report.Store, store) {
			t.Errorf("%+v", report)
		}
		for _, check := range []string{"schema", "head", "newest event"} {
			if f, ok := found[check]; !ok || f.Level != eventstore.LevelOK {
				t.Errorf("%s: %+v in %+v", check, f, report)
			}
		}
		if head := found["head"].Detail; head != "event 20, hash "+events[19].Hash.String() {
			t.Error(head)
		}
		tamper(t, store).data(20, "{}")
		if _, found := examined(t, store); found["newest event"].Level != eventstore.LevelProblem || !strings.Contains(found["newest event"].Fix, "log verify") {
			t.Errorf("%+v", found)
		}
	})
}

func TestDoctorNoticesAnEventFromTheFuture(t *testing.T) {
	onEachStore(t, func(t *testing.T, url string) {
		store := openURL(t, url)
		defer store.Close()
		at := time.Now().UTC().Truncate(time.Millisecond).Add(time.Hour)
		if err := store.Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, at, 1)); err != nil {
			t.Fatal(err)
		}
		if report, found := examined(t, url); report.Healthy || !strings.Contains(found["newest event"].Detail, "in the future") {
			t.Errorf("%+v", report)
		}
	})
}

func TestDoctorSaysItInWords(t *testing.T) {
	store := stores["sqlite"](t)
	r := fail(t, exitFailed, "not as it should be", "doctor", "--store", store)
	if !strings.HasPrefix(r.stdout, "problem  file  ") || !strings.Contains(r.stdout, "\n         → correct --store") || !strings.Contains(r.stdout, "0 warnings, 1 problems") {
		t.Error(r.stdout)
	}
	if _, err := os.Stat(strings.TrimPrefix(store, "sqlite:")); err == nil {
		t.Error("a file was created")
	}
	fill(t, store, 3)
	out := succeed(t, "doctor", "--store", store)
	for _, want := range []string{"ok       journal mode  WAL\n", "ok       head          event 3, hash ", "0 warnings, 0 problems"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	fail(t, exitUsage, "ends with the process", "doctor", "--store", "memory:")
	fail(t, exitUsage, "nothing is expected", "doctor", "x")
	fail(t, exitUsage, "keyspace", "doctor", "--store", "cassandra://127.0.0.1/A")
}

func TestDoctorIsBriefAboutACassandraThatIsNotThere(t *testing.T) {
	r := fail(t, exitFailed, "not as it should be", "doctor", "--store", "cassandra://127.0.0.1:1,nobody.invalid/openpayment")
	if n := strings.Count(r.stdout, "\n"); n != 5 {
		t.Errorf("%d lines, want two for each host and one for all\n%s", n, r.stdout)
	}
	for _, want := range []string{"problem  node 127.0.0.1:1 ", "refused", "problem  node nobody.invalid:9042", "resolve"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	missing := strings.Replace(stores["cassandra"](t), "/t_", "/x_", 1)
	if _, found := examined(t, missing); !strings.Contains(found["keyspace"].Detail, "does not exist") || found["server version"].Detail == "" {
		t.Errorf("%+v", found)
	}
}
