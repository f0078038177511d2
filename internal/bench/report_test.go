package bench

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not as it was (-update writes it anew):\n%s", path, got)
	}
}

// example is a report as it may be, of nothing that was measured.
func example() *Report {
	measured := func(name, title string, of value, service, beside []float64) *Case {
		side := func(what string, rates []float64) *Side {
			var all []sample
			for _, r := range rates {
				s := sample{ops: int64(r), took: time.Second, latency: newLatencies()}
				_ = s.latency.RecordValues(int64(time.Second/time.Duration(r)), int64(r))
				all = append(all, s)
			}
			return newSide(what, "events/s", all)
		}
		var ratios []float64
		for i := range service {
			ratios = append(ratios, of.from(sample{ops: int64(service[i]), took: time.Second}, sample{ops: int64(beside[i]), took: time.Second}))
		}
		return &Case{
			Name: name, Title: title, Measured: side("commands of the service", service), Beside: side("single INSERTs", beside),
			Result: newResult(of.of, "", of.less, ratios),
		}
	}
	r := &Report{
		Format: Format, Version: "v1.2.3", Started: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), Seconds: 61.5,
		Machine: Machine{OS: "linux", Arch: "amd64", CPUs: 2, Go: "go1.26"},
		Store:   Cassandra, About: []string{"keyspace openpayment_bench_0123456789ab of its own", "<b>Cassandra</b> 5.0"}, Settings: Defaults(),
		Cases: []*Case{
			measured("append/64", "deposits of 64 callers, beside the same rows", rates, []float64{4000, 4200, 4400}, []float64{12000, 11000, 10000}),
			measured("append/256", "deposits of 256 callers, beside the same rows", rates, []float64{11000, 12000, 10000}, []float64{10000, 12000, 11000}),
			measured("growth", "deposits behind a long log, beside behind a short one", costs, []float64{5000, 5100, 4900}, []float64{5100, 5000, 5000}),
			{Name: "memory", Title: "live heap of an account", Result: newResult("live heap of one account", "B", true, []float64{713, 701, 705})},
			{Name: "replay", Title: "replay of many events", Failed: "the store can't be reached"},
		},
	}
	r.Cases[0].add(Figure{"events in an append, mean", 48.25, ""}, Figure{"conflicts", 3, ""}, Figure{"event", 267, "B"})
	for _, c := range r.Cases {
		judge(c, r.Store, r.Settings)
	}
	return r
}

func TestAReportIsReadAsItWasWritten(t *testing.T) {
	text, err := json.MarshalIndent(example(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", text)
	read, err := ParseReport(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read, example()) {
		t.Errorf("%+v", read)
	}
}

func TestWhatIsNoReportIsRefused(t *testing.T) {
	for _, text := range []string{"", "[]", "{}", `{"format":2}`, `{"format":1,"settings":{"slice":"long"}}`} {
		if _, err := ParseReport([]byte(text)); err == nil || !strings.Contains(err.Error(), "this is no report of openpayment bench") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAReportIsTablesForPeople(t *testing.T) {
	var b bytes.Buffer
	if err := example().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", b.Bytes())
}

// later is the example, some time after it was measured first.
func later() *Report {
	r := example()
	scale := func(c *Case, by float64) {
		for i := range c.Result.Samples {
			c.Result.Samples[i] *= by
		}
		c.Result = newResult(c.Result.Of, c.Result.Unit, c.Result.Less, c.Result.Samples)
	}
	scale(r.Cases[0], 1.3)  // more than chance
	scale(r.Cases[1], 0.95) // not
	scale(r.Cases[2], 1.2)  // a cost
	scale(r.Cases[3], 0.8)  // a size
	r.Cases = append(r.Cases, &Case{Name: "stall", Result: newResult("time", "ms", true, []float64{1, 2, 3})})
	return r
}

func TestChangesCountWhereTheyAreLargerThanChance(t *testing.T) {
	changes := Compare(example(), later())
	var b bytes.Buffer
	if err := changes.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "changes.txt", b.Bytes())
	got := make(map[string]string)
	for _, c := range changes {
		got[c.Name] = c.Verdict
	}
	want := map[string]string{"append/64": Better, "append/256": Same, "growth": Worse, "memory": Better, "stall": OnlyNew}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if !changes.Worse() || Compare(example(), example()).Worse() {
		t.Error("it is not said, or is said of nothing, that a case is worse")
	}
}

func TestCasesThatWereNotAskedForAreNotMissed(t *testing.T) {
	now := example()
	now.Cases = now.Cases[:1]
	if changes := Compare(example(), now); len(changes) != 4 || changes[3].Verdict != OnlyThen {
		t.Errorf("%+v", changes)
	}
	now.Only = []string{"append/64"}
	if changes := Compare(example(), now); len(changes) != 1 {
		t.Errorf("%+v", changes)
	}
}

func TestThePageNeedsNothingElse(t *testing.T) {
	text, err := example().HTML(later())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.html", text)
	page := string(text)
	for _, other := range []string{"http:", "https:", "//", `url\(`, "@import", "<script", "<link", "<img", "<iframe", `\ssrc=`, `href=`, `\son\w+=`} {
		if found := regexp.MustCompile(other).FindString(page); found != "" {
			t.Errorf("it refers to something by %q", found)
		}
	}
	if strings.Contains(page, "<b>Cassandra") || !strings.Contains(page, "&lt;b&gt;Cassandra") {
		t.Error("what the store says is taken for the page's own")
	}
	for _, broken := range []string{"NaN", "Inf", "ZgotmplZ", "%!"} {
		if strings.Contains(page, broken) {
			t.Errorf("it holds %q", broken)
		}
	}
	for _, c := range example().Cases {
		if !strings.Contains(page, ">"+c.Name+"<") {
			t.Errorf("%s is not in it", c.Name)
		}
	}
	if n := len(regexp.MustCompile(`<svg `).FindAllString(page, -1)); n != 6 {
		t.Errorf("%d plots", n)
	}
}

func TestAGoalCountsOnlyUnderItsConditions(t *testing.T) {
	s := Defaults()
	for _, c := range []struct {
		name, store string
		settings    func(*Settings)
		less        bool
		median      float64
		verdict     string
	}{
		{"append/64", Cassandra, nil, false, 0.41, Reached},
		{"append/64", Cassandra, nil, false, 0.35, AboveFloor},
		{"append/64", Cassandra, nil, false, 0.29, Missed},
		{"append/64", SQLite, nil, false, 0.29, ""},
		{"append/1-conditional", Cassandra, nil, true, 1.4, Reached},
		{"append/1-conditional", Cassandra, nil, true, 1.6, Missed},
		{"http/reads", Memory, nil, false, 0.9, Reached},
		{"http/reads", Memory, func(s *Settings) { s.Connections = 127 }, false, 0.9, ""},
		{"snapshot/restore", SQLite, nil, false, 20, ""},
		{"snapshot/restore", SQLite, func(s *Settings) { s.Events, s.Accounts = 5_000_000, 500_000 }, false, 14, Missed},
		{"stall", Memory, func(s *Settings) { s.StallAccounts = 1_000_000 }, true, 7, AboveFloor},
		{"growth", Cassandra, func(s *Settings) { s.Short, s.Long = 100_000, 10_000_000 }, true, 1.05, Reached},
	} {
		settings := s
		if c.settings != nil {
			c.settings(&settings)
		}
		measured := &Case{Name: c.name, Result: Result{Median: c.median, Less: c.less}}
		judge(measured, c.store, settings)
		got := ""
		if measured.Goal != nil {
			got = measured.Goal.Verdict
		}
		if got != c.verdict {
			t.Errorf("%s of %g on %s: %q, want %q", c.name, c.median, c.store, got, c.verdict)
		}
	}
}

func TestEveryGoalIsOfACaseThatThereIs(t *testing.T) {
	all := Cases(Defaults())
	for _, g := range goals {
		if !Matches(all, g.name) {
			t.Errorf("there is no case %s", g.name)
		}
	}
}

func TestNumbersAreShort(t *testing.T) {
	for want, v := range map[string]float64{
		"0": 0, "0.50": 0.5, "1.23": 1.234, "12.3": 12.34, "12": 12, "123": 123.4, "1,235": 1234.6, "1,234,567": 1234567, "-1,234": -1234, "-123": -123, "100": 100,
	} {
		if got := short(v); got != want {
			t.Errorf("%g is %q, want %q", v, got, want)
		}
	}
	for want, micros := range map[string]string{"1.50 µs": "1.5", "2.50 ms": "2500", "1.20 s": "1200000"} {
		var v float64
		if err := json.Unmarshal([]byte(micros), &v); err != nil || inTime(v) != want {
			t.Errorf("%s µs is %q, want %q", micros, inTime(v), want)
		}
	}
}
