package cassandra

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"openpayment/eventstore"
	"openpayment/schema"
)

// What Examine reads is judged here and in replication.go, by functions that look
// at nothing else. Those that take nodes take ones that have answered.

// judgeNodes says of each node whether it can be asked.
func judgeNodes(nodes []node) []eventstore.Finding {
	var findings []eventstore.Finding
	alive := slices.ContainsFunc(nodes, func(n node) bool { return n.err == nil })
	for _, n := range nodes {
		check := "node " + n.address
		if n.err == nil {
			findings = append(findings, eventstore.Fine(check, "Cassandra %s in %s", n.version, n.centre))
			continue
		}
		fix := "see to it that Cassandra runs there and that this machine may connect to it; or correct --store"
		if !n.named {
			fix = "is it down (nodetool status), or not to be reached from here? The service can do without it as long as a majority of the copies answers"
		}
		f := eventstore.Amiss(check, n.err, fix)
		if alive && !eventstore.IsKind(n.err, eventstore.KindInvalid) {
			f.Level = eventstore.LevelWarning
		}
		findings = append(findings, f)
	}
	return findings
}

// perNode is what get says of the nodes: one value if they agree, and otherwise
// which says what.
func perNode(nodes []node, get func(node) string) string {
	said := make(map[string][]string)
	var values []string
	for _, n := range nodes {
		v := get(n)
		if said[v] == nil {
			values = append(values, v)
		}
		said[v] = append(said[v], n.address)
	}
	if len(values) == 1 {
		return values[0]
	}
	for i, v := range values {
		values[i] = v + " on " + strings.Join(said[v], ", ")
	}
	return strings.Join(values, "; ")
}

// release is the beginning of a version number, as far as it counts.
type release [3]int

// The first release that speaks the protocol, and those before which conditional
// batches have known faults.
var (
	oldest     = release{4, 0, 0}
	advisedOld = release{4, 1, 6}
)

func parseRelease(version string) (r release) {
	for i, part := range strings.SplitN(version, ".", 4)[:min(3, strings.Count(version, ".")+1)] {
		digits, _, _ := strings.Cut(part, "-")
		r[i], _ = strconv.Atoi(digits) // 0 for what is no number
	}
	return r
}

func (r release) before(other release) bool { return slices.Compare(r[:], other[:]) < 0 }

func judgeVersions(nodes []node) eventstore.Finding {
	f := eventstore.Fine("server version", "%s", perNode(nodes, func(n node) string { return n.version }))
	for _, n := range nodes {
		switch r := parseRelease(n.version); {
		case r.before(oldest):
			f.Level = eventstore.LevelProblem
			f.Fix = "use Cassandra 5.0, or 4.1 from 4.1.6 on: 4.0 is the least that will do"
			return f
		case r.before(advisedOld):
			f.Level, f.Fix = eventstore.LevelWarning, "upgrade to Cassandra 5.0, or to 4.1.6 or later: lightweight transactions have had faults before"
		case n.version != nodes[0].version && f.Level == eventstore.LevelOK:
			f.Level, f.Fix = eventstore.LevelWarning, "finish the upgrade: the schema must not be changed meanwhile"
		}
	}
	return f
}

const fixSettings = "GRANT SELECT ON KEYSPACE system_views TO the role in --store, or look at cassandra.yaml on each node"

// unknownSetting is the finding where a node does not tell its settings, nil where
// all do.
func unknownSetting(check string, nodes []node) *eventstore.Finding {
	for _, n := range nodes {
		if n.settingsErr != nil {
			f := eventstore.Amiss(check, fmt.Errorf("not known: %s does not tell its settings: %w", n.address, n.settingsErr), fixSettings)
			f.Level = eventstore.LevelWarning
			return &f
		}
	}
	return nil
}

func judgePaxos(nodes []node) eventstore.Finding {
	const check = "paxos variant"
	if f := unknownSetting(check, nodes); f != nil {
		return *f
	}
	variant := func(n node) string {
		if v := n.settings["paxos_variant"]; v != "" {
			return v
		}
		return "v1" // before 4.1 there was no other
	}
	f := eventstore.Fine(check, "%s", perNode(nodes, variant))
	if slices.ContainsFunc(nodes, func(n node) bool { return !strings.HasPrefix(variant(n), "v2") }) {
		f.Level = eventstore.LevelWarning
		f.Fix = "set paxos_variant: v2 in cassandra.yaml of every node (4.1 or later), and see to regular repairs with --paxos-only: appends need half the round trips then"
	}
	return f
}

// judgeTimeouts: a client that waits for less than the server may take gives up on
// what the server is about to report.
func judgeTimeouts(nodes []node, client time.Duration) eventstore.Finding {
	const check = "timeouts"
	if f := unknownSetting(check, nodes); f != nil {
		return *f
	}
	var longest time.Duration
	var what string
	for _, n := range nodes {
		for _, name := range []string{"read_request_timeout", "write_request_timeout", "cas_contention_timeout"} {
			if d := n.duration(name); d > longest {
				longest, what = d, name+" of "+n.address
			}
		}
	}
	f := eventstore.Fine(check, "the client waits for %s, the servers for %s at most (%s)", client, longest, what)
	if client <= longest {
		f.Level = eventstore.LevelWarning
		f.Fix = fmt.Sprintf("put timeout=%s into --store, or lower the servers': as it is, the service calls outcomes unknown that the server was about to report", longest+5*time.Second)
	}
	return f
}

// duration is a setting, under its name of today or that of Cassandra 4.0; 0 if it
// can't be read.
func (n node) duration(name string) time.Duration {
	if d, err := time.ParseDuration(n.settings[name]); err == nil {
		return d
	}
	ms, _ := strconv.ParseFloat(n.settings[name+"_in_ms"], 64)
	return time.Duration(ms * float64(time.Millisecond))
}

// judgeCommitLog judges what survives when nodes lose power, the more the fewer
// copies there are.
func judgeCommitLog(nodes []node, copies int) eventstore.Finding {
	const check = "commit log sync"
	if f := unknownSetting(check, nodes); f != nil {
		return *f
	}
	f := eventstore.Fine(check, "%s", perNode(nodes, node.sync))
	for _, n := range nodes {
		if n.settings["commitlog_sync"] != "periodic" {
			continue
		}
		period := n.duration("commitlog_sync_period")
		f.Level = eventstore.LevelWarning
		f.Detail += fmt.Sprintf(": if all %d copies lose power at once, up to %s of acknowledged events are lost", copies, period)
		f.Fix = "keep the copies in racks or zones with power of their own; or set commitlog_sync: group (or batch) in cassandra.yaml of every node, which costs throughput"
		if copies < 2 {
			f.Level = eventstore.LevelProblem
			f.Detail = fmt.Sprintf("%s, and one copy: when its node crashes, up to %s of acknowledged events are lost", perNode(nodes, node.sync), period)
			f.Fix = "set commitlog_sync: group (or batch) in cassandra.yaml, or keep three copies on three nodes (replication)"
		}
		break
	}
	return f
}

// sync is the node's way of writing its commit log to the disk.
func (n node) sync() string {
	mode := n.settings["commitlog_sync"]
	switch {
	case mode == "":
		return "not known"
	case mode == "periodic":
		return "periodic, every " + n.duration("commitlog_sync_period").String()
	}
	return mode
}

// judgeClocks compares all clocks, this machine's included. Only what is certain
// counts: a slow network makes the clocks seem wrong by half of its delay.
func judgeClocks(nodes []node) eventstore.Finding {
	first, last := clockReading{of: "this machine"}, clockReading{of: "this machine"}
	for _, n := range nodes {
		if n.clock.ahead > last.ahead {
			last = n.clock
		}
		if n.clock.ahead < first.ahead {
			first = n.clock
		}
	}
	within := first.within + last.within
	apart := (last.ahead - first.ahead).Round(time.Millisecond)
	within = within.Round(time.Millisecond)
	f := eventstore.Fine("clocks", "%s apart at most, measured to %s", apart, within)
	if f.Level = eventstore.ClockLevel(max(apart-within, 0)); f.Level != eventstore.LevelOK {
		f.Detail = fmt.Sprintf("that of %s is %s ahead of that of %s, measured to %s", last.of, apart, first.of, within)
		f.Fix = "synchronise the clocks of all nodes and of this machine by NTP: events get the time of the service that writes them, and times in a log never go back"
	}
	return f
}

func judgeSize(nodes []node, keyspace string) eventstore.Finding {
	const check = "disk"
	sizes := make([]string, 0, len(nodes))
	for _, n := range nodes {
		if n.sizeErr != nil {
			return eventstore.Fine(check, "not known: %s does not tell the size of its tables", n.address)
		}
		sizes = append(sizes, fmt.Sprintf("%d MiB on %s", n.mebibytes, n.address))
	}
	return eventstore.Fine(check, "keyspace %s takes %s; Cassandra does not tell how much is free: look with df on each node", keyspace, strings.Join(sizes, ", "))
}

func judgeSchema(st schemaState, keyspace string, known []schema.CassandraVersion) eventstore.Finding {
	const check = "schema"
	if f := st.unusable(keyspace, known); f != nil {
		return f.finding(check)
	}
	if missing := st.missing(known); len(missing) > 0 {
		return lacking(keyspace, missing).finding(check)
	}
	return eventstore.Fine(check, "version %d, the newest", len(known))
}
