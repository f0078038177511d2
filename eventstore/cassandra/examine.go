package cassandra

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"openpayment/eventstore"
	"openpayment/schema"
)

// Examine looks at the cluster, the keyspace and the log that cfg names, and says
// what is as it should be and what is not. It asks every node in cfg, and every
// node these know, by a connection of its own; nothing is written, and Migrate and
// Existing do not count.
//
// It goes as far as it can: of what can't be reached nothing more is said. Each
// node is given the time of ConnectTimeout and Timeout together.
func Examine(ctx context.Context, cfg Config) []eventstore.Finding {
	cfg = cfg.withDefaults()
	cfg.Migrate, cfg.Existing = false, true
	if err := cfg.check(); err != nil {
		return []eventstore.Finding{eventstore.Amiss("configuration", err, "correct --store")}
	}
	nodes := visit(ctx, cfg)
	findings := judgeNodes(nodes)
	nodes = slices.DeleteFunc(nodes, func(n node) bool { return n.err != nil })
	if len(nodes) == 0 {
		return findings
	}
	findings = append(findings, judgeVersions(nodes), judgePaxos(nodes), judgeTimeouts(nodes, cfg.Timeout), judgeClocks(nodes))
	return append(findings, examineKeyspace(ctx, cfg, nodes)...)
}

// examineKeyspace goes on with what all nodes have in common.
func examineKeyspace(ctx context.Context, cfg Config, nodes []node) []eventstore.Finding {
	cfg.Hosts = []string{nodes[0].address} // one that answers
	admin, err := connect(ctx, cfg, "")
	if err != nil {
		return []eventstore.Finding{eventstore.Amiss("keyspace", err, fixAnswer)}
	}
	defer admin.close()
	versions, err := schema.Cassandra(cfg.Keyspace)
	if err != nil {
		return []eventstore.Finding{eventstore.Amiss("schema", err, "use a build of this program that is whole")}
	}
	m := migration{ctx: ctx, admin: admin, cfg: cfg, versions: versions}
	if err := m.dataCentre(); err != nil {
		return []eventstore.Finding{eventstore.Amiss("data centre", err, "correct dc=… in --store")}
	}
	r, found, err := m.replication()
	switch {
	case err != nil:
		return []eventstore.Finding{eventstore.Amiss("keyspace", schemaError(err), fixAnswer)}
	case !found:
		create, _ := schema.CassandraKeyspace(cfg.Keyspace, cfg.Replication) // checked before
		return []eventstore.Finding{noKeyspace(cfg.Keyspace, create).finding("keyspace")}
	}
	findings := judgeReplication(r, cfg.Keyspace, cfg.home(), centres(nodes))
	findings = append(findings, judgeCommitLog(nodes, r.of(cfg.home())), judgeSize(nodes, cfg.Keyspace))
	return append(findings, m.examineLog()...)
}

const fixAnswer = "see to it that the cluster answers (nodetool status), and that the role may read"

// finding is the flaw as one.
func (f flaw) finding(check string) eventstore.Finding {
	return eventstore.Finding{Check: check, Level: eventstore.LevelProblem, Detail: f.what, Fix: f.advice}
}

// examineLog looks at the tables, and at the log if they are there.
func (m migration) examineLog() []eventstore.Finding {
	st, err := m.state()
	if err != nil {
		return []eventstore.Finding{eventstore.Amiss("schema", schemaError(err), fixAnswer)}
	}
	tables := judgeSchema(st, m.cfg.Keyspace, m.versions)
	if tables.Level == eventstore.LevelProblem {
		return []eventstore.Finding{tables}
	}
	row, ok := m.examineSettings()
	if !ok {
		return []eventstore.Finding{tables, row}
	}
	return append([]eventstore.Finding{tables, row}, m.examineEnd()...)
}

// examineSettings compares the log's row in table logs with the configuration.
func (m migration) examineSettings() (f eventstore.Finding, ok bool) {
	const check = "log"
	logs, err := m.names(`SELECT log FROM ` + m.cfg.Keyspace + `.logs`)
	if err != nil {
		return eventstore.Amiss(check, schemaError(err), fixAnswer), false
	}
	if !slices.Contains(logs, m.cfg.LogName) {
		return judgeMissingLog(m.cfg.LogName, logs), false
	}
	s, err := connect(m.ctx, m.cfg, m.cfg.Keyspace)
	if err != nil {
		return eventstore.Amiss(check, err, fixAnswer), false
	}
	defer s.close()
	st, err := agreeOnSettings(m.ctx, s, m.cfg)
	if err != nil {
		return eventstore.Amiss(check, err, "put the stored values into --store, on every node of the service"), false
	}
	home := ""
	if st.home != "" {
		home = ", home dc " + st.home
	}
	return eventstore.Fine(check, "%s: %s and %s%s, %d events in a bucket", m.cfg.LogName, st.consistency, st.serial, home, st.bucketSize), true
}

// examineEnd opens the log as a service does.
func (m migration) examineEnd() []eventstore.Finding {
	s, err := Open(m.ctx, m.cfg)
	if err != nil {
		return []eventstore.Finding{eventstore.Amiss("head", err, fixAnswer)}
	}
	defer s.Close()
	return eventstore.Examine(m.ctx, s, time.Now())
}

func judgeMissingLog(name string, known []string) eventstore.Finding {
	f := eventstore.Finding{Check: "log", Level: eventstore.LevelProblem,
		Detail: fmt.Sprintf("the keyspace has no log %q, and no other", name),
		Fix:    "start openpayment serve on it, which begins the log"}
	if len(known) > 0 {
		slices.Sort(known)
		f.Detail = fmt.Sprintf("the keyspace has no log %q; it has %s", name, strings.Join(known[:min(len(known), 10)], ", "))
		f.Fix = "correct log=… in --store; or start openpayment serve on it, which begins the log"
	}
	return f
}
