package metrics_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/internal/metrics"
)

func command(kind, outcome, problem string) string {
	return fmt.Sprintf("openpayment_commands_total{command=%q,outcome=%q,problem=%q}", kind, outcome, problem)
}

func TestCommandsAreCountedByWhatBecameOfThem(t *testing.T) {
	r := newRig(t)
	r.open(201, "000001", "Idempotency-Key: k")
	r.open(201, "000001", "Idempotency-Key: k")
	r.open(409, "000001")
	r.must(201, "POST", "/v1/accounts?dryRun=true", `{"sortCode":"10-20-30"}`)
	r.must(201, "POST", "/v1/accounts/000001/deposits", `{"amount":5,"currency":"GBP"}`)
	r.must(422, "POST", "/v1/accounts/000001/withdrawals", `{"amount":6,"currency":"GBP"}`)
	r.must(200, "POST", "/v1/commands", `{"commands":[{"kind":"open","sortCode":"10-20-30"},{"kind":"close","account":"000001"}]}`)
	r.wants(map[string]float64{
		"openpayment_ready": 1, `openpayment_problem{code="store-unavailable"}`: -1, "openpayment_halted": 0,
		command("open", "accepted", ""):                                                       2,
		command("open", "replayed", ""):                                                       1,
		command("open", "refused", "account-exists"):                                          1,
		command("open", "tried", ""):                                                          1,
		command("deposit", "accepted", ""):                                                    1,
		command("withdraw", "refused", "insufficient-funds"):                                  1,
		command("close", "refused", "account-not-empty"):                                      1,
		"openpayment_events_appended_total":                                                   3,
		"openpayment_append_batch_events_sum":                                                 3,
		"openpayment_append_duration_seconds_count":                                           3,
		"openpayment_log_head_position":                                                       3,
		"openpayment_log_applied_position":                                                    3,
		"openpayment_log_lag_events":                                                          0,
		"openpayment_accounts":                                                                2,
		"openpayment_idempotency_keys":                                                        1,
		"openpayment_idempotency_keys_limit":                                                  1e6,
		"openpayment_queue_commands":                                                          0,
		"openpayment_queue_limit_commands":                                                    8192,
		"openpayment_append_in_doubt":                                                         0,
		"openpayment_http_requests_in_flight":                                                 1, // the scrape itself
		`openpayment_http_problems_total{code="account-exists"}`:                              1,
		`openpayment_http_problems_total{code="internal"}`:                                    0,
		`openpayment_http_problems_total{code="log-damaged"}`:                                 0,
		`openpayment_http_requests_total{method="POST",route="/v1/accounts",status="2xx"}`:    3,
		`openpayment_http_requests_total{method="POST",route="/v1/accounts",status="4xx"}`:    1,
		`openpayment_http_request_duration_seconds_count{method="POST",route="/v1/accounts"}`: 4,
		`openpayment_http_requests_total{method="POST",route="/v1/accounts/{number}/deposits",status="2xx"}`: 1,
		`openpayment_build_info{go_version="` + goVersion + `",version="1.2.3"}`:                             1,
	})
}

func TestOutcomesAreSummedUp(t *testing.T) {
	m := metrics.New("")
	cases := map[api.Command]string{
		{Problem: "insufficient-funds", Status: 422}: "refused",
		{Problem: "bad-json", Status: 400}:           "refused",
		{Problem: "outcome-unknown", Status: 503}:    "unknown",
		{Problem: "overloaded", Status: 503}:         "overloaded",
		{Problem: "store-unavailable", Status: 503}:  "unavailable",
		{Problem: "not-caught-up", Status: 503}:      "unavailable",
		{Problem: "internal", Status: 500}:           "failed",
		{Replayed: true}:                             "replayed",
		{DryRun: true}:                               "tried",
		{}:                                           "accepted",
	}
	for c, want := range cases {
		c.Kind = want // so that each has a series of its own
		m.API().Commanded(t.Context(), c)
	}
	families, err := m.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, sample := range f.GetMetric() {
			if labels := sample.GetLabel(); f.GetName() == "openpayment_commands_total" && labels[0].GetValue() != labels[1].GetValue() {
				t.Errorf("%v", labels)
			}
		}
	}
}

func TestEachStageOfACommandIsMeasured(t *testing.T) {
	r := newRig(t)
	r.open(201, "000001")
	r.open(409, "000001") // it is decided, and part of no append
	r.open(422, "x")      // it does not get that far
	r.wants(map[string]float64{
		`openpayment_command_duration_seconds_count{command="open"}`:       2,
		`openpayment_command_stage_duration_seconds_count{stage="queue"}`:  2,
		`openpayment_command_stage_duration_seconds_count{stage="decide"}`: 2,
		`openpayment_command_stage_duration_seconds_count{stage="append"}`: 1,
		`openpayment_command_stage_duration_seconds_count{stage="apply"}`:  1,
	})
}

func TestALostRaceIsCountedAsAConflict(t *testing.T) {
	r := newRig(t)
	r.store.OnAppend(eventstoretest.ScriptAppends(rival))
	r.open(201, "000001")
	r.wants(map[string]float64{
		"openpayment_append_conflicts_total": 1, "openpayment_append_doubts_total": 0, "openpayment_log_head_position": 2,
		"openpayment_events_appended_total": 1, "openpayment_foreign_events": 1, "openpayment_foreign_subjects": 1, command("open", "accepted", ""): 1,
	})
}

// rival appends an event of another service first.
func rival(ctx context.Context, h eventstore.Head, b []eventstore.Event, next eventstoretest.AppendFunc) error {
	other := b[0]
	other.ID, other.Type, other.Subject = uuid.New(), "customer.renamed", "customers/1"
	other.Hash = other.ChainHash(h.Hash)
	if err := next(ctx, h, []eventstore.Event{other}); err != nil {
		return err
	}
	return next(ctx, h, b)
}

func TestAnOutageShowsInTheOutcomes(t *testing.T) {
	r := newRig(t)
	r.store.OnAppend(eventstoretest.FailAppend)
	r.open(503, "000001")
	r.wants(map[string]float64{
		command("open", "unavailable", "store-unavailable"): 1, `openpayment_http_problems_total{code="store-unavailable"}`: 1,
		`openpayment_http_requests_total{method="POST",route="/v1/accounts",status="5xx"}`: 1,
	})
}

func TestADoubtIsShownWhileItLastsAndHowItHasEnded(t *testing.T) {
	r := newRig(t)
	r.store.OnAppend(eventstoretest.DropAppend)
	r.open(503, "000001") // after the time that requests have
	r.wants(map[string]float64{command("open", "unknown", "outcome-unknown"): 1, "openpayment_append_in_doubt": 1})
	if doubts := r.scrape()["openpayment_append_doubts_total"]; doubts < 1 {
		t.Errorf("%v attempts were in doubt", doubts)
	}
	r.store.OnAppend(nil)
	r.eventually("openpayment_append_in_doubt", 0)
	r.wants(map[string]float64{
		`openpayment_append_doubts_cleared_total{outcome="applied"}`: 1, `openpayment_append_doubts_cleared_total{outcome="lost"}`: 0,
		`openpayment_append_doubts_cleared_total{outcome="given up"}`: 0, "openpayment_log_head_position": 1,
	})
}

// eventually waits for what another goroutine does, and nothing tells of.
func (r *rig) eventually(name string, want float64) {
	r.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if r.scrape()[name] == want {
			return
		}
		<-tick.C
	}
	r.Fatalf("%s does not become %v", name, want)
}

func TestANodeThatHasHaltedSaysSo(t *testing.T) {
	r := newRig(t)
	r.open(201, "000001")
	events, err := readAll(r.store)
	if err != nil {
		t.Fatal(err)
	}
	last := events[len(events)-1]
	frozen := last
	frozen.Seq, frozen.ID, frozen.Type = last.Seq+1, uuid.New(), "account.frozen"
	frozen.Hash = frozen.ChainHash(last.Hash)
	if err := r.store.Append(t.Context(), last.Head(), []eventstore.Event{frozen}); err != nil {
		t.Fatal(err)
	}
	r.eventually("openpayment_halted", 1)
	r.wants(map[string]float64{"openpayment_ready": 0, `openpayment_problem{code="store-unavailable"}`: 1, "openpayment_log_lag_events": 1})
}

func readAll(b eventstore.Backend) (all []eventstore.Event, err error) {
	for ev, err := range b.Read(context.Background(), 0, 1000) {
		if err != nil {
			return nil, err
		}
		all = append(all, ev)
	}
	return all, nil
}

func TestSnapshotsAndReplaysAreShown(t *testing.T) {
	r := newRig(t)
	r.open(201, "000001")
	r.wants(map[string]float64{"openpayment_snapshot_position": -1, "openpayment_replay_position": -1, "openpayment_replay_running": 0})
	r.must(201, "POST", "/v1/admin/snapshots", "")
	r.must(202, "POST", "/v1/admin/replays", `{"from":"start"}`)
	r.eventually(`openpayment_replays_total{outcome="matches"}`, 1)
	r.wants(map[string]float64{
		"openpayment_snapshot_position": 1, "openpayment_snapshot_duration_seconds_count": 1, "openpayment_snapshot_stall_seconds_count": 1,
		"openpayment_snapshot_failures_total": 0, "openpayment_replay_running": 0, "openpayment_replay_position": 1, "openpayment_replay_head_position": 1,
		"openpayment_replay_differing_accounts": 0, `openpayment_replays_total{outcome="differs"}`: 0,
	})
	got := r.scrape()
	if age := time.Since(time.UnixMilli(int64(got["openpayment_snapshot_timestamp_seconds"] * 1000))); age < 0 || age > time.Minute {
		t.Errorf("the snapshot is %s old", age)
	}
	if got["openpayment_snapshot_size_bytes"] <= 0 {
		t.Errorf("the snapshot has %v bytes", got["openpayment_snapshot_size_bytes"])
	}
}

// TestLabelsDoNotGrowWithWhatClientsSend asks for everything twice, each time with other
// numbers, paths, keys and methods: the second time there is no series more.
func TestLabelsDoNotGrowWithWhatClientsSend(t *testing.T) {
	r := newRig(t)
	round := func(secret string) map[string]float64 {
		r.open(201, secret, "Idempotency-Key: key-"+secret, "X-Request-Id: request-"+secret)
		r.open(409, secret)
		for _, path := range []string{"/v1/accounts/" + secret, "/v1/accounts/" + secret + "/events", "/v1/accounts/x" + secret, "/" + secret, "/v1/" + secret + "/accounts",
			"/v1/events/" + secret, "/v1/events?type=" + secret, "/v1/admin/replays/" + secret, "/v1/subscriptions/x" + secret + "/events?limit=x", "/metrics?x=" + secret} {
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "M" + secret} {
				r.do(method, path, `{"x":`+secret+`}`, "Authorization: Bearer "+secret)
			}
		}
		r.must(200, "POST", "/v1/commands", `{"commands":[{"kind":"close","account":"`+secret+`"}]}`)
		return r.scrape()
	}
	first := round("1234567")
	second := round("7654321")
	for name := range second {
		if _, there := first[name]; !there {
			t.Errorf("a new series: %s", name)
		}
		if strings.Contains(name, "7654321") {
			t.Errorf("a label has what the client has sent: %s", name)
		}
	}
}

func TestStreamsAreShownWhileTheyAreOpenAndWhenTheyHaveEnded(t *testing.T) {
	r := newRig(t)
	r.open(201, "000001")
	answer, err := http.Get(r.url + "/v1/events/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	r.eventually("openpayment_stream_events_delivered_total", 1)
	r.eventually("openpayment_stream_lag_events", 0)
	r.wants(map[string]float64{"openpayment_streams_open": 1, "openpayment_streams_opened_total": 1, "openpayment_http_requests_in_flight": 2})
	r.handler.EndStreams()
	_, _ = io.Copy(io.Discard, answer.Body)
	r.wants(map[string]float64{
		"openpayment_streams_open": 0, `openpayment_streams_closed_total{reason="shutting-down"}`: 1,
		`openpayment_http_requests_total{method="GET",route="/v1/events/stream",status="2xx"}`: 1, "openpayment_http_requests_in_flight": 1,
	})
}
