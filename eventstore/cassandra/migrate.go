package cassandra

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"openpayment/eventstore"
	"openpayment/internal/pause"
	"openpayment/schema"
)

// prepareSchema sees to it that keyspace and tables are there in exactly the
// version this program knows, creating what is missing if it may. Several nodes
// may do so at once: every statement may be repeated, tables have fixed ids, and
// a version is recorded only after its tables are known everywhere.
func prepareSchema(ctx context.Context, cfg Config) error {
	admin, err := connect(ctx, cfg, "")
	if err != nil {
		return err
	}
	defer admin.close()
	versions, err := schema.Cassandra(cfg.Keyspace)
	if err != nil {
		return eventstore.NewError("open", eventstore.KindOther, err)
	}
	m := migration{ctx: ctx, admin: admin, cfg: cfg, versions: versions}
	if err := m.dataCentre(); err != nil {
		return err
	}
	if err := m.keyspace(); err != nil {
		return err
	}
	return m.tables()
}

type migration struct {
	ctx      context.Context
	admin    *session
	cfg      Config
	versions []schema.CassandraVersion
}

// dataCentre refuses one that the cluster does not have: a slip in its name would
// go unnoticed otherwise, or be stored as the log's home.
func (m migration) dataCentre() error {
	if m.cfg.DataCentre == "" {
		return nil
	}
	var known []string
	for _, table := range []string{"system.local", "system.peers"} {
		names, err := m.names(`SELECT data_center FROM ` + table)
		if err != nil {
			return schemaError(err)
		}
		known = append(known, names...)
	}
	slices.Sort(known)
	if known = slices.Compact(known); !slices.Contains(known, m.cfg.DataCentre) {
		return invalid("dc %q is not a data centre of this cluster; it has %s", m.cfg.DataCentre, strings.Join(known, ", "))
	}
	return nil
}

func (m migration) keyspace() error {
	found, err := m.names(`SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?`, m.cfg.Keyspace)
	if err != nil {
		return schemaError(err)
	}
	if len(found) > 0 {
		return nil
	}
	create, err := schema.CassandraKeyspace(m.cfg.Keyspace, m.cfg.Replication)
	if err != nil {
		return eventstore.NewError("open", eventstore.KindInvalid, err)
	}
	if !m.cfg.Migrate {
		return noKeyspace(m.cfg.Keyspace, create).error()
	}
	return m.run(create)
}

func (m migration) tables() error {
	st, err := m.state()
	if err != nil {
		return schemaError(err)
	}
	if f := st.unusable(m.cfg.Keyspace, m.versions); f != nil {
		return f.error()
	}
	missing := st.missing(m.versions)
	if len(missing) > 0 && !m.cfg.Migrate {
		return lacking(m.cfg.Keyspace, missing).error()
	}
	for _, v := range missing {
		if err := m.run(v.Statements...); err != nil {
			return err
		}
	}
	return nil
}

// state reads what the keyspace holds of the schema. Tables are listed once more after the
// versions: another node may have made them, and recorded it, since they were listed first.
func (m migration) state() (st schemaState, err error) {
	st.tables, err = m.tableNames()
	if err != nil || !slices.Contains(st.tables, "schema_versions") {
		return st, err
	}
	err = untilSettled(m.ctx, func() error {
		st.done = nil
		r := m.admin.query(m.ctx, 1000, `SELECT version FROM `+m.cfg.Keyspace+`.schema_versions`)
		for version := 0; r.scan(&version); {
			st.done = append(st.done, version)
		}
		return r.close()
	})
	if err != nil {
		return st, err
	}
	st.tables, err = m.tableNames()
	return st, err
}

func (m migration) tableNames() ([]string, error) {
	return m.names(`SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?`, m.cfg.Keyspace)
}

// names reads one column of text.
func (m migration) names(cql string, args ...any) ([]string, error) {
	var names []string
	r := m.admin.query(m.ctx, 10_000, cql, args...)
	for name := ""; r.scan(&name); {
		names = append(names, name)
	}
	return names, r.close()
}

// run executes statements in order, each only when all nodes know what the one
// before it changed.
func (m migration) run(statements ...string) error {
	for _, cql := range statements {
		err := untilSettled(m.ctx, func() error {
			if err := m.admin.write(m.ctx, 0, cql); err != nil {
				return err
			}
			return m.admin.agree(m.ctx)
		})
		if err != nil {
			return schemaError(err)
		}
	}
	return nil
}

// schemaAttempts and schemaPause bound how long a schema may be in motion.
const (
	schemaAttempts = 8
	schemaPause    = 250 * time.Millisecond
)

// untilSettled repeats what a server has answered with an error. While another
// node changes the schema, one server knows a table that the next has not heard
// of, or that it lists and cannot use yet; a moment later it is there.
func untilSettled(ctx context.Context, try func() error) error {
	for attempt := 1; ; attempt++ {
		err := try()
		if err == nil || !inMotion(err) || attempt == schemaAttempts || !pause.For(ctx, time.Duration(attempt)*schemaPause) {
			return err
		}
	}
}

func invalid(format string, args ...any) error {
	return eventstore.NewError("open", eventstore.KindInvalid, fmt.Errorf(format, args...))
}
