package cassandra_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/internal/cassandratest"
	"openpayment/schema"
)

// examined is what Examine finds, by check.
func examined(t *testing.T, cfg cassandra.Config) map[string]eventstore.Finding {
	t.Helper()
	found := make(map[string]eventstore.Finding)
	for _, f := range cassandra.Examine(t.Context(), cfg) {
		if strings.Contains(f.Detail, "\n") || (f.Level == eventstore.LevelOK) != (f.Fix == "") {
			t.Errorf("%+v", f)
		}
		found[f.Check] = f
	}
	return found
}

// wantFinding demands one check with this level, which says the words.
func wantFinding(t *testing.T, found map[string]eventstore.Finding, check string, level eventstore.Level, words ...string) {
	t.Helper()
	f, ok := found[check]
	if !ok || f.Level != level {
		t.Errorf("%s: %+v, want %s; there are %+v", check, f, level, found)
	}
	for _, w := range words {
		if !strings.Contains(f.Detail+" "+f.Fix, w) {
			t.Errorf("no %q in %+v", w, f)
		}
	}
}

func TestAClusterAndALogAreExamined(t *testing.T) {
	cfg := config(t, 0)
	wantFinding(t, examined(t, cfg), "log", eventstore.LevelProblem, cfg.LogName)
	head, _ := write(t, open(t, cfg), 7)
	found := examined(t, cfg)
	for _, check := range []string{"node " + cfg.Hosts[0], "server version", "clocks", "timeouts", "disk", "schema", "log", "newest event"} {
		wantFinding(t, found, check, eventstore.LevelOK)
	}
	wantFinding(t, found, "head", eventstore.LevelOK, "event 7", head.Hash.String())
	for _, check := range []string{"paxos variant", "commit log sync", "replication"} { // as the server is set up
		if _, ok := found[check]; !ok {
			t.Errorf("nothing is said of %s", check)
		}
	}
	cfg.DataCentre = "datacentre1"
	wantFinding(t, examined(t, cfg), "data centre", eventstore.LevelProblem, `"datacentre1"`)
	cfg.DataCentre, cfg.Consistency = "datacenter1", "LOCAL_QUORUM"
	wantFinding(t, examined(t, cfg), "log", eventstore.LevelProblem, "LOCAL_QUORUM", "home dc")
	cfg.Keyspace = "A b"
	wantFinding(t, examined(t, cfg), "configuration", eventstore.LevelProblem, "keyspace")
}

func TestNothingIsCreatedByAnExamination(t *testing.T) {
	cfg := freshKeyspace(t)
	for range 2 {
		wantFinding(t, examined(t, cfg), "keyspace", eventstore.LevelProblem, "does not exist", "CREATE KEYSPACE")
	}
	create, err := schema.CassandraKeyspace(cfg.Keyspace, "1")
	if err != nil {
		t.Fatal(err)
	}
	cql(t, create)
	for range 2 {
		wantFinding(t, examined(t, cfg), "schema", eventstore.LevelProblem, "0001_events.cql")
	}
}

func TestANodeThatDoesNotAnswerIsNamed(t *testing.T) {
	cfg := config(t, 0)
	open(t, cfg)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cfg.ConnectTimeout = 300 * time.Millisecond
	alone := cfg
	alone.Hosts = []string{silent.Addr().String()}
	found := examined(t, alone)
	wantFinding(t, found, "node "+alone.Hosts[0], eventstore.LevelProblem)
	if len(found) > 1 {
		t.Errorf("%+v", found)
	}
	cfg.Hosts = []string{alone.Hosts[0], cfg.Hosts[0]}
	found = examined(t, cfg)
	wantFinding(t, found, "node "+alone.Hosts[0], eventstore.LevelWarning)
	wantFinding(t, found, "head", eventstore.LevelOK)
}

func TestNodesThatAreNotNamedAreExaminedToo(t *testing.T) {
	ring := cassandratest.StartRing(t)
	cfg := configFor(ring.Nodes[0].Host(), "examined")
	cfg.Replication = "3"
	s := open(t, cfg)
	write(t, s, 3)
	found := examined(t, cfg)
	for _, n := range ring.Nodes {
		wantFinding(t, found, "node "+n.Host(), eventstore.LevelOK)
	}
	wantFinding(t, found, "replication", eventstore.LevelOK, "3 copies")
	wantFinding(t, found, "commit log sync", eventstore.LevelWarning, "all 3 copies")
	ring.Nodes[2].Stop() // in order, so that the others know at once
	found = examined(t, cfg)
	wantFinding(t, found, "node "+ring.Nodes[2].Host(), eventstore.LevelWarning, "refused", "majority")
	wantFinding(t, found, "head", eventstore.LevelOK, "event 3")
}

func TestAStoreKnowsHowFarItsClockIsFromThisMachines(t *testing.T) {
	s := open(t, config(t, 0))
	ahead, within, err := s.Ahead(t.Context())
	if err != nil || within <= 0 || ahead.Abs()-within > time.Second { // the server runs here, or on a machine with NTP
		t.Errorf("%s ahead, known to %s, %v", ahead, within, err)
	}
	t.Logf("%s ahead, known to %s", ahead, within)
	s.Close()
	_, _, err = s.Ahead(t.Context())
	wantKind(t, err, eventstore.KindUnavailable)
}
