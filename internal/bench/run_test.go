package bench

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore/cassandra"
	"openpayment/internal/cassandratest"
)

// tiny makes every case a matter of moments.
func tiny() Settings {
	return Settings{
		Duration: Duration(30 * time.Millisecond), Slice: Duration(10 * time.Millisecond), WarmUp: Duration(time.Millisecond),
		Callers: []int{1, 8}, WriterCallers: 6, Readers: 2, Connections: 4,
		Events: 2500, Accounts: 200, HeapAccounts: 500, StallAccounts: 500, Short: growthAccounts, Long: 2 * growthAccounts,
	}
}

// places are where tests measure, each a place of the test's own.
var places = map[string]func(t *testing.T) Place{
	Memory: func(*testing.T) Place { return InMemory() },
	SQLite: func(t *testing.T) Place {
		p, err := BesideFile(t.Context(), filepath.Join(t.TempDir(), "log.db"))
		return made(t, p, err)
	},
	Cassandra: func(t *testing.T) Place {
		p, err := OnCluster(t.Context(), clusterConfig(t), false)
		return made(t, p, err)
	},
	"as a guest on " + Cassandra: func(t *testing.T) Place {
		p, err := OnCluster(t.Context(), clusterConfig(t), true)
		return made(t, p, err)
	},
}

func made(t *testing.T, p Place, err error) Place {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// clusterConfig names a keyspace that is not there, and that is the test's own if it is made.
func clusterConfig(t *testing.T) cassandra.Config {
	t.Helper()
	return cassandra.Config{Hosts: cassandratest.Hosts(t), Keyspace: cassandratest.Keyspace(t), Replication: "1", LogName: "main", Migrate: true}
}

func TestEveryCaseGivesFiguresThatCanBe(t *testing.T) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			p := place(t)
			var told []string
			report, err := Run(t.Context(), p, tiny(), nil, func(p Progress) { told = append(told, p.Case) })
			if err != nil {
				t.Fatal(err)
			}
			want := Cases(tiny())
			if p.Kind() != Cassandra {
				want = slices.DeleteFunc(want, func(name string) bool { return name == "append/1-conditional" })
			}
			var got []string
			for _, c := range report.Cases {
				got = append(got, c.Name)
				plausible(t, p.Kind(), c)
			}
			if !slices.Equal(got, want) {
				t.Errorf("the cases are %q, want %q", got, want)
			}
			if told[0] != want[0] || report.Store != p.Kind() || report.Seconds <= 0 {
				t.Errorf("told %q, store %s, %f s", told, report.Store, report.Seconds)
			}
		})
	}
}

// plausible holds a case against what can't be otherwise.
func plausible(t *testing.T, store string, c *Case) {
	t.Helper()
	if c.Failed != "" {
		t.Errorf("%s failed: %s", c.Name, c.Failed)
		return
	}
	r := c.Result
	if !positive(r.Median, r.Low, r.High) || r.Low > r.Median || r.Median > r.High || len(r.Samples) < minPairs {
		t.Errorf("%s: the result is %+v", c.Name, r)
	}
	for _, s := range []*Side{c.Measured, c.Beside} {
		if s != nil && (!positive(s.Rate) || len(s.Slices) != len(r.Samples) || s.P50 > s.P99 || s.P99 > s.P999) {
			t.Errorf("%s: a side is %+v", c.Name, *s)
		}
	}
	alone := c.Name == "memory" || store == Memory && strings.HasPrefix(c.Name, "reads/")
	if (c.Beside == nil) != alone {
		t.Errorf("%s is beside %v", c.Name, c.Beside)
	}
	if strings.HasPrefix(c.Name, "append/") && c.Name != "append/1-conditional" {
		if size := figure(t, c, "event"); size < 200 || size > 400 {
			t.Errorf("%s: an event has %f bytes", c.Name, size)
		}
		if mean := figure(t, c, "events in an append, mean"); mean < 1 || mean > 8 || figure(t, c, "appends") < 1 || figure(t, c, "conflicts") > 0 {
			t.Errorf("%s: %+v", c.Name, c.Figures)
		}
	}
	if c.Name == "memory" && (r.Median < 100 || r.Median > 10_000) {
		t.Errorf("an account takes %f bytes", r.Median)
	}
}

func positive(values ...float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return !(v > 0) || math.IsInf(v, 0) })
}

func figure(t *testing.T, c *Case, name string) float64 {
	t.Helper()
	for _, f := range c.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	t.Errorf("%s has no %q", c.Name, name)
	return 0
}

func TestOnlyWhatIsAskedForIsMeasured(t *testing.T) {
	report, err := Run(t.Context(), InMemory(), tiny(), []string{"append", "repl*"}, func(Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range report.Cases {
		got = append(got, c.Name)
	}
	if want := []string{"append/1", "append/8", "replay"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := Run(t.Context(), InMemory(), tiny(), []string{"appends"}, func(Progress) {}); err != ErrNoCase {
		t.Errorf("a case that there is not: %v", err)
	}
}

func TestACaseThatCannotBeMeasuredSaysSoAndTheOthersGoOn(t *testing.T) {
	s := tiny()
	s.Events = 100 // of which each of the accounts wants one
	report, err := Run(t.Context(), InMemory(), s, []string{"append/1", "replay", "memory"}, func(Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	if c := report.Cases[1]; c.Name != "replay" || !strings.Contains(c.Failed, "too few") {
		t.Errorf("%s: %q", c.Name, c.Failed)
	}
	plausible(t, Memory, report.Cases[0])
	plausible(t, Memory, report.Cases[2])
}

func TestARunThatIsInterruptedEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := tiny()
	s.Duration = Duration(time.Hour)
	_, err := Run(ctx, InMemory(), s, []string{"append/8"}, func(Progress) { time.AfterFunc(10*time.Millisecond, cancel) })
	if err != context.Canceled {
		t.Errorf("it ends with %v", err)
	}
}

func TestSettingsThatMeasureNothingAreRefused(t *testing.T) {
	if err := tiny().Check(); err != nil {
		t.Errorf("the test's own: %v", err)
	}
	if err := Defaults().Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for says, spoil := range map[string]func(*Settings){
		"slice":          func(s *Settings) { s.Slice = 0 },
		"duration":       func(s *Settings) { s.Duration = s.Slice - 1 },
		"warm-up":        func(s *Settings) { s.WarmUp = -1 },
		"callers":        func(s *Settings) { s.Callers = nil },
		"callers [0]":    func(s *Settings) { s.Callers = []int{0} },
		"writer-callers": func(s *Settings) { s.WriterCallers = 2 },
		"events":         func(s *Settings) { s.Events = s.Accounts - 1 },
		"long":           func(s *Settings) { s.Long = s.Short },
		"connections":    func(s *Settings) { s.Connections = 0 },
		"heap-accounts":  func(s *Settings) { s.HeapAccounts = -1 },
	} {
		s := tiny()
		spoil(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
