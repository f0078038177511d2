package cassandra

import (
	"errors"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/schema"
)

// wantFindings compares levels by check, as "head ok, schema problem", and makes
// sure that each says all of the words.
func wantFindings(t *testing.T, findings []eventstore.Finding, want string, words ...string) {
	t.Helper()
	var got []string
	text := ""
	for _, f := range findings {
		got = append(got, f.Check+" "+f.Level.String())
		text += f.Detail + "\n" + f.Fix + "\n"
		if (f.Level == eventstore.LevelOK) != (f.Fix == "") {
			t.Errorf("%+v: a fix is wanted, unless nothing is wrong", f)
		}
	}
	if got := strings.Join(got, ", "); got != want {
		t.Errorf("%s, want %s\n%s", got, want, text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in\n%s", w, text)
		}
	}
}

func one(f eventstore.Finding) []eventstore.Finding { return []eventstore.Finding{f} }

func TestNodesThatDoNotAnswerAreAProblemIfNoneDoes(t *testing.T) {
	gone := eventstore.NewError("open", eventstore.KindUnavailable, errors.New("refused"))
	wrong := eventstore.NewError("open", eventstore.KindInvalid, errors.New("bad password"))
	good := node{address: "a:1", version: "5.0.9", centre: "dc1"}
	wantFindings(t, judgeNodes([]node{good, {address: "b:1", named: true, err: gone}, {address: "c:1", err: gone}}),
		"node a:1 ok, node b:1 warning, node c:1 warning", "5.0.9", "dc1", "refused", "correct --store", "nodetool status")
	wantFindings(t, judgeNodes([]node{{address: "b:1", named: true, err: gone}}), "node b:1 problem")
	wantFindings(t, judgeNodes([]node{good, {address: "b:1", named: true, err: wrong}}), "node a:1 ok, node b:1 problem", "bad password")
}

// speaking are nodes with these values of one setting.
func speaking(setting string, values ...string) []node {
	var nodes []node
	for i, v := range values {
		nodes = append(nodes, node{address: string(rune('a' + i)), settings: map[string]string{setting: v}})
	}
	return nodes
}

func TestVersionsAreJudged(t *testing.T) {
	for versions, want := range map[string]string{
		"5.0.9": "ok", "4.1.6": "ok", "5.0.9 5.0.9": "ok", "6.1": "ok", "5.0-beta1": "ok", "4.1.10": "ok",
		"4.1.5": "warning", "4.0.12": "warning", "4.0": "warning", "5.0.8 5.0.9": "warning", "5.0.9 4.1.5": "warning",
		"3.11.16": "problem", "5.0.9 3.11.16": "problem", "": "problem",
	} {
		var nodes []node
		for v := range strings.SplitSeq(versions, " ") {
			nodes = append(nodes, node{address: "n", version: v})
		}
		wantFindings(t, one(judgeVersions(nodes)), "server version "+want)
	}
}

func TestThePaxosVariantIsJudged(t *testing.T) {
	wantFindings(t, one(judgePaxos(speaking("paxos_variant", "v2", "v2"))), "paxos variant ok", "v2")
	wantFindings(t, one(judgePaxos(speaking("paxos_variant", "v2_without_linearizable_reads"))), "paxos variant ok")
	wantFindings(t, one(judgePaxos(speaking("paxos_variant", "v2", "v1"))), "paxos variant warning", "v2 on a; v1 on b", "cassandra.yaml")
	wantFindings(t, one(judgePaxos(speaking("another", "x"))), "paxos variant warning", "v1")
	silent := append(speaking("paxos_variant", "v2"), node{address: "b", settingsErr: errors.New("no rights")})
	wantFindings(t, one(judgePaxos(silent)), "paxos variant warning", "b does not tell", "no rights", "GRANT SELECT")
	wantFindings(t, one(judgeCommitLog(silent, 3)), "commit log sync warning", "no rights")
	wantFindings(t, one(judgeTimeouts(silent, time.Second)), "timeouts warning", "no rights")
}

func TestPeriodicSyncIsTheWorseTheFewerCopiesThereAre(t *testing.T) {
	periodic := speaking("commitlog_sync", "group", "periodic")
	periodic[1].settings["commitlog_sync_period"] = "10000ms"
	wantFindings(t, one(judgeCommitLog(periodic, 3)), "commit log sync warning", "group on a; periodic, every 10s on b", "all 3 copies", "up to 10s")
	wantFindings(t, one(judgeCommitLog(periodic, 2)), "commit log sync warning")
	wantFindings(t, one(judgeCommitLog(periodic, 1)), "commit log sync problem", "one copy", "up to 10s", "three copies")
	wantFindings(t, one(judgeCommitLog(speaking("commitlog_sync", "batch", "batch"), 1)), "commit log sync ok", "batch")
	old := node{settings: map[string]string{"commitlog_sync": "periodic", "commitlog_sync_period_in_ms": "5000"}}
	wantFindings(t, one(judgeCommitLog([]node{old}, 1)), "commit log sync problem", "up to 5s")
}

func TestAClientMustWaitLongerThanTheServers(t *testing.T) {
	nodes := speaking("write_request_timeout", "2000ms", "20s")
	wantFindings(t, one(judgeTimeouts(nodes, 21*time.Second)), "timeouts ok", "write_request_timeout of b")
	wantFindings(t, one(judgeTimeouts(nodes, 20*time.Second)), "timeouts warning", "timeout=25s")
	wantFindings(t, one(judgeTimeouts(speaking("cas_contention_timeout_in_ms", "1800"), time.Second)), "timeouts warning", "1.8s")
	wantFindings(t, one(judgeTimeouts(speaking("truncate_request_timeout", "60s"), time.Second)), "timeouts ok")
}

func TestClocksAreJudgedByWhatIsCertain(t *testing.T) {
	for _, c := range []struct {
		ahead  []time.Duration
		within time.Duration
		want   string
		words  string
	}{
		{nil, 0, "ok", "0s"},
		{[]time.Duration{-3 * time.Millisecond, 5 * time.Millisecond}, time.Millisecond, "ok", "8ms apart at most, measured to 2ms"},
		{[]time.Duration{1500 * time.Millisecond}, 10 * time.Millisecond, "warning", "a is 1.5s ahead of that of this machine"},
		{[]time.Duration{-1500 * time.Millisecond}, 10 * time.Millisecond, "warning", "this machine is 1.5s ahead of that of a"},
		{[]time.Duration{1500 * time.Millisecond}, 600 * time.Millisecond, "ok", ""}, // it may be the network
		{[]time.Duration{3 * time.Second, -3 * time.Second}, time.Millisecond, "problem", "a is 6s ahead of that of b"},
	} {
		var nodes []node
		for i, ahead := range c.ahead {
			nodes = append(nodes, node{clock: clockReading{string(rune('a' + i)), ahead, c.within}})
		}
		wantFindings(t, one(judgeClocks(nodes)), "clocks "+c.want, c.words)
	}
}

func TestReplicationIsJudgedByTheCopiesThatCount(t *testing.T) {
	network := func(pairs ...any) map[string]string {
		options := map[string]string{"class": "org.apache.cassandra.locator.NetworkTopologyStrategy"}
		for i := 0; i < len(pairs); i += 2 {
			options[pairs[i].(string)] = pairs[i+1].(string)
		}
		return options
	}
	simple := func(n string) map[string]string {
		return map[string]string{"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": n}
	}
	one, three, two := map[string]int{"dc1": 1}, map[string]int{"dc1": 3}, map[string]int{"dc1": 3, "dc2": 3}
	for name, c := range map[string]struct {
		options map[string]string
		home    string
		nodes   map[string]int
		want    string
		words   []string
	}{
		"three of three":     {network("dc1", "3"), "", three, "replication ok", nil},
		"three at home":      {network("dc1", "3"), "dc1", two, "replication ok", []string{"in dc1"}},
		"one":                {network("dc1", "1"), "", one, "replication warning", []string{"one copy", "'dc1': 3}"}},
		"two":                {network("dc1", "2"), "", three, "replication warning", []string{"two copies"}},
		"one at home":        {network("dc1", "1", "dc2", "3"), "dc1", two, "replication warning", []string{"one copy in dc1"}},
		"none at home":       {network("dc2", "3"), "dc1", two, "replication problem", []string{"no copy in dc1"}},
		"three on one node":  {network("dc1", "3"), "", one, "replication problem", []string{"can never answer"}},
		"three on two nodes": {network("dc1", "3"), "", map[string]int{"dc1": 2}, "replication warning", []string{"only 2 nodes"}},
		"over two centres":   {network("dc1", "3", "dc2", "3"), "", two, "replication ok", []string{"6 copies"}},
		"simple":             {simple("3"), "", three, "replication ok", nil},
		"simple in two":      {simple("3"), "", two, "replication warning", []string{"SimpleStrategy", "'dc1': 3, 'dc2': 3}"}},
		"transient":          {network("dc1", "3/1"), "", three, "replication ok", nil},
	} {
		r := replication{durable: true}
		r.simple, r.copies = parseReplication(c.options)
		t.Run(name, func(t *testing.T) { wantFindings(t, judgeReplication(r, "ks", c.home, c.nodes), c.want, c.words...) })
	}
	r := replication{copies: map[string]int{"dc1": 3}}
	wantFindings(t, judgeReplication(r, "ks", "", three), "replication problem", "durable_writes = true")
}

func TestTheSchemaOfAKeyspaceIsJudged(t *testing.T) {
	known, err := schema.Cassandra("ks")
	if err != nil {
		t.Fatal(err)
	}
	var whole schemaState
	for _, v := range known {
		whole.tables, whole.done = append(whole.tables, v.Tables...), append(whole.done, v.Number)
	}
	wantFindings(t, one(judgeSchema(whole, "ks", known)), "schema ok", "the newest")
	wantFindings(t, one(judgeSchema(schemaState{}, "ks", known)), "schema problem", known[0].File, "cqlsh")
	wantFindings(t, one(judgeSchema(schemaState{whole.tables, whole.done[:1]}, "ks", known)), "schema problem", known[1].File)
	wantFindings(t, one(judgeSchema(schemaState{whole.tables, append(whole.done, 99)}, "ks", known)), "schema problem", "version 99", "newer")
	wantFindings(t, one(judgeSchema(schemaState{whole.tables[1:], whole.done}, "ks", known)), "schema problem", whole.tables[0], "backup")
	wantFindings(t, one(judgeMissingLog("x", nil)), "log problem", "begins the log")
	wantFindings(t, one(judgeMissingLog("x", []string{"b", "a"})), "log problem", "it has a, b", "log=")
}

func TestDiskUsageIsToldAsFarAsItIsKnown(t *testing.T) {
	wantFindings(t, one(judgeSize([]node{{address: "a", mebibytes: 7}}, "ks")), "disk ok", "7 MiB on a", "df on each node")
	wantFindings(t, one(judgeSize([]node{{address: "a", sizeErr: errors.New("x")}}, "ks")), "disk ok", "not known")
}
