package cassandra

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"openpayment/eventstore"
)

// replication is how many copies a keyspace keeps, and how.
type replication struct {
	simple  bool           // SimpleStrategy, which knows no data centres
	copies  map[string]int // by data centre; under "" where there are none
	durable bool           // writes go through the commit log
}

// of is the number of copies that appends and reads count on: those in a log's
// home, or all.
func (r replication) of(home string) int {
	if home != "" && !r.simple {
		return r.copies[home]
	}
	sum := 0
	for _, n := range r.copies {
		sum += n
	}
	return sum
}

// replication reads it, and says whether there is such a keyspace.
func (m migration) replication() (r replication, found bool, err error) {
	var options map[string]string
	found, err = m.admin.row(m.ctx, `SELECT replication, durable_writes FROM system_schema.keyspaces WHERE keyspace_name = ?`,
		[]any{m.cfg.Keyspace}, &options, &r.durable)
	r.simple, r.copies = parseReplication(options)
	return r, found, err
}

// parseReplication reads the options as Cassandra keeps them.
func parseReplication(options map[string]string) (simple bool, copies map[string]int) {
	simple = strings.HasSuffix(options["class"], "SimpleStrategy")
	copies = make(map[string]int)
	for name, value := range options {
		full, _, _ := strings.Cut(value, "/") // without transient copies
		if n, err := strconv.Atoi(full); err == nil && name != "class" {
			if simple {
				name = ""
			}
			copies[name] = n
		}
	}
	return simple, copies
}

// centres counts the nodes of each data centre, as one of them knows the others.
func centres(nodes []node) map[string]int {
	count := map[string]int{nodes[0].centre: 1}
	for _, p := range nodes[0].peers {
		count[p.centre]++
	}
	return count
}

// judgeReplication judges how a keyspace is kept, in a cluster of that many nodes
// by data centre.
func judgeReplication(r replication, keyspace, home string, centres map[string]int) []eventstore.Finding {
	const check = "replication"
	var findings []eventstore.Finding
	add := func(level eventstore.Level, fix, format string, args ...any) {
		findings = append(findings, eventstore.Finding{Check: check, Level: level, Detail: fmt.Sprintf(format, args...), Fix: fix})
	}
	if !r.durable {
		add(eventstore.LevelProblem, "ALTER KEYSPACE "+keyspace+" WITH durable_writes = true",
			"durable_writes is false: nothing is written to the commit log, and a node that restarts has forgotten its newest events")
	}
	copies, nodes, where := r.of(home), 0, "in all"
	for centre, n := range centres {
		if home == "" || r.simple || centre == home {
			nodes += n
		}
	}
	if home != "" && !r.simple {
		where = "in " + home
	}
	more := "ALTER KEYSPACE " + keyspace + " WITH replication = " + threeEach(home, centres) + ", then nodetool repair --full " + keyspace + " on every node"
	switch {
	case copies == 0:
		add(eventstore.LevelProblem, more, "no copy %s: nothing can be written", where)
	case nodes < copies/2+1:
		add(eventstore.LevelProblem, "add nodes, or lower the replication to the number of nodes", "%d copies %s on %d nodes: a majority of copies can never answer", copies, where, nodes)
	case nodes < copies:
		add(eventstore.LevelWarning, "add nodes until there are as many as copies", "%d copies %s on only %d nodes: the others do not exist", copies, where, nodes)
	case copies == 1:
		add(eventstore.LevelWarning, "on three nodes or more: "+more, "one copy %s: when its node is down the service is, and what is lost on it is lost", where)
	case copies == 2:
		add(eventstore.LevelWarning, "on three nodes or more: "+more, "two copies %s: a majority is both, so that the service is down when either of their nodes is", where)
	}
	if r.simple && len(centres) > 1 {
		add(eventstore.LevelWarning, more, "SimpleStrategy in a cluster of %d data centres: all copies may be in one of them", len(centres))
	}
	if len(findings) == 0 {
		findings = append(findings, eventstore.Fine(check, "%d copies %s, on %d nodes", copies, where, nodes))
	}
	return findings
}

// threeEach is the replication to advise: three copies at home, or in each data
// centre.
func threeEach(home string, centres map[string]int) string {
	options := "{'class': 'NetworkTopologyStrategy'"
	for _, centre := range slices.Sorted(maps.Keys(centres)) {
		if home == "" || centre == home {
			options += ", '" + centre + "': 3"
		}
	}
	return options + "}"
}
