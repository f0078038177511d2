package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/eventstore/subscriptions"
	"openpayment/internal/metrics"
)

var goVersion = runtime.Version()

// full makes figures in which every metric has a value.
func full() *metrics.Metrics {
	m := metrics.New("1.2.3")
	ctx := context.Background()
	h := m.API()
	h.Ended(h.Began(ctx, &api.Exchange{}), &api.Exchange{Route: "/v1/accounts", Method: "POST", Status: 500, Problem: "internal", Took: time.Second})
	now := time.Now()
	h.Commanded(ctx, api.Command{Kind: "open", Course: eventstore.Course{Queued: now, Taken: now, Decided: now, Appended: now, Applied: now}})
	l := m.Log()
	l.ReadFailed("poller", 0, nil)
	l.HandlerFailed("accounts", eventstore.Event{}, 1, 0, nil)
	m.Snapshots().Tried(eventstore.Manifest{}, 0, errors.New("damaged"))
	m.Cassandra(cassandra.Request{Statement: "append", Outcome: "ok", Took: time.Millisecond, Retry: true})
	m.Streams().Closed("too-slow")
	m.Watch(still{})
	m.Serve(still{})
	return m
}

// still is a service and its endpoint, in which everything is.
type still struct{}

func (still) Status() journal.Status {
	return journal.Status{ClockAhead: new(time.Duration), Snapshot: eventstore.Manifest{ID: uuid.New()}}
}

func (still) SeenSubscriptions() []subscriptions.Status {
	return []subscriptions.Status{{NamedSubscription: eventstore.NamedSubscription{Name: "reports", Acked: eventstore.Head{Position: 3}}, Head: 10}}
}

func (still) Problem() string { return "not-caught-up" }

func (still) StreamLag() (eventstore.Position, int) { return 0, 0 }

func (still) LastReplay() (journal.Replay, bool) { return journal.Replay{}, true }

func TestSubscriptionsAreShownByTheirNames(t *testing.T) {
	families, err := full().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "openpayment_subscription_lag_events" {
			continue
		}
		if m := f.GetMetric()[0]; m.GetLabel()[0].GetValue() != "reports" || m.GetGauge().GetValue() != 7 {
			t.Errorf("the lag is shown as %v", m)
		}
		return
	}
	t.Error("no lag is shown")
}

// rows are the metrics as a table's rows.
func rows(t *testing.T) map[string]string {
	t.Helper()
	families, err := full().Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "openpayment_") {
			continue
		}
		var labels []string
		for _, pair := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+pair.GetName()+"`")
		}
		all[f.GetName()] = fmt.Sprintf("| `%s` | %s | %s | %s |", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
	}
	return all
}

var rowOfMetric = regexp.MustCompile("(?m)^\\| `(openpayment_[a-z_]+)` \\|.*$")

func TestTheDocumentListsEveryMetricAsItIs(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	want := rows(t)
	for _, match := range rowOfMetric.FindAllStringSubmatch(string(text), -1) {
		row, name := match[0], match[1]
		if want[name] != row {
			t.Errorf("docs/metrics.md has\n%s\nbut it is\n%s", row, want[name])
		}
		delete(want, name)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		t.Errorf("docs/metrics.md lacks\n%s", want[name])
	}
}

// nameOfMetric finds metrics in expressions; what Prometheus makes of a histogram has
// the name of the histogram and an ending.
var nameOfMetric = regexp.MustCompile(`\bopenpayment_[a-z_]+\b`)

func TestDashboardAndAlertsUseOnlyMetricsThatThereAre(t *testing.T) {
	known := rows(t)
	for _, path := range []string{"grafana/dashboards/openpayment.json", "alerts.yml", "alerts_test.yml"} {
		text, err := os.ReadFile("../../docs/observe/" + path)
		if err != nil {
			t.Fatal(err)
		}
		names := nameOfMetric.FindAllString(string(text), -1)
		if len(names) == 0 {
			t.Errorf("%s uses no metric", path)
		}
		for _, name := range names {
			family := name
			for _, ending := range []string{"_bucket", "_count", "_sum"} {
				if base := strings.TrimSuffix(name, ending); strings.Contains(known[base], "| histogram |") {
					family = base
				}
			}
			if known[family] == "" {
				t.Errorf("%s uses %s, which there is not", path, name)
			}
		}
	}
}

func TestEveryAlertPointsToWhatToDo(t *testing.T) {
	rules, err := os.ReadFile("../../docs/observe/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	operations, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string]string) // by anchor
	for _, section := range strings.Split(string(operations), "\n### ")[1:] {
		title, text, _ := strings.Cut(section, "\n")
		sections[strings.ReplaceAll(strings.ToLower(title), " ", "-")] = text
	}
	alerts := regexp.MustCompile(`(?s)- alert: (\w+)\n.*?runbook: docs/operations.md#([a-z-]+)\n`).FindAllStringSubmatch(string(rules), -1)
	if len(alerts) != strings.Count(string(rules), "- alert: ") {
		t.Errorf("of %d alerts %d have a runbook", strings.Count(string(rules), "- alert: "), len(alerts))
	}
	for _, alert := range alerts {
		if !strings.Contains(sections[alert[2]], "`"+alert[1]+"`") {
			t.Errorf("docs/operations.md#%s does not speak of %s", alert[2], alert[1])
		}
	}
}
