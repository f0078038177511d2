package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"openpayment/eventstore/cassandra"
)

// In a keyspace that is not the run's, its logs are named guestPrefix, what names the run,
// and what they are for. The marker is a cursor of a log that there is not, named
// guestPrefix and what names the run: no table has to be made for it.
const (
	guestPrefix = "bench-"
	guestMark   = "openpayment-bench"
	guestAlive  = "openpayment-bench-alive"
)

// guestMarker is the marker of logs in a keyspace that is not the run's.
type guestMarker struct {
	session *gocql.Session
	run     string
}

func (m guestMarker) write(ctx context.Context) error {
	if err := m.live(ctx); err != nil {
		return err
	}
	return m.session.Query(`INSERT INTO cursors (log, subscriber, position) VALUES (?, ?, ?)`,
		guestPrefix+m.run, guestMark, time.Now().Unix()).WithContext(ctx).Exec()
}

func (m guestMarker) live(ctx context.Context) error {
	return m.session.Query(`INSERT INTO cursors (log, subscriber, position) VALUES (?, ?, ?) USING TTL ?`,
		guestPrefix+m.run, guestAlive, time.Now().Unix(), int(aliveFor.Seconds())).WithContext(ctx).Idempotent(true).Exec()
}

// remove removes every partition of the run's logs.
func (m guestMarker) remove(ctx context.Context) error {
	var failed error
	for _, table := range []struct{ name, key string }{
		{"events", "log, bucket"}, {"snapshot_chunks", "log, snapshot, chunk"}, {"snapshots", "log"},
		{"subscriptions", "log"}, {"cursors", "log"}, {"logs", "log"},
	} {
		failed = errors.Join(failed, m.removeFrom(ctx, table.name, table.key))
	}
	if failed != nil {
		return failed // the marker stays, for whoever tries again
	}
	return m.session.Query(`DELETE FROM cursors WHERE log = ?`, guestPrefix+m.run).WithContext(ctx).Exec()
}

func (m guestMarker) removeFrom(ctx context.Context, table, key string) error {
	columns := strings.Split(key, ", ")
	remove := "DELETE FROM " + table + " WHERE " + strings.Join(columns, " = ? AND ") + " = ?"
	rows := m.session.Query("SELECT DISTINCT " + key + " FROM " + table).WithContext(ctx).Iter()
	for {
		row := make(map[string]any)
		if !rows.MapScan(row) {
			return rows.Close()
		}
		if log, _ := row["log"].(string); !strings.HasPrefix(log, guestPrefix+m.run+"-") {
			continue
		}
		args := make([]any, len(columns))
		for i, c := range columns {
			args[i] = row[c]
		}
		if err := m.session.Query(remove, args...).WithContext(ctx).Idempotent(true).Exec(); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
}

// CleanCluster removes what killed runs have left on a cluster: keyspaces of their own, and
// logs in the keyspace that cfg names. told hears of each thing that was looked at.
func CleanCluster(ctx context.Context, cfg cassandra.Config, told func(string)) error {
	session, err := cassandra.Driver(ctx, cfg, "")
	if err != nil {
		return err
	}
	defer session.Close()
	keyspaces, err := names(ctx, session, `SELECT keyspace_name FROM system_schema.keyspaces`)
	if err != nil {
		return err
	}
	var failed error
	for _, keyspace := range keyspaces {
		switch {
		case keyspace == cfg.Keyspace:
			failed = errors.Join(failed, cleanGuests(ctx, cfg, told))
		case strings.HasPrefix(keyspace, keyspacePrefix):
			failed = errors.Join(failed, cleanKeyspace(ctx, session, keyspace, told))
		}
	}
	return failed
}

func cleanKeyspace(ctx context.Context, session *gocql.Session, keyspace string, told func(string)) error {
	why, err := keepKeyspace(ctx, session, keyspace)
	if err == nil && why != "" {
		told("keyspace " + keyspace + " stays: " + why)
		return nil
	}
	if err == nil {
		err = (keyspaceMarker{session, keyspace}).remove(ctx)
	}
	if err != nil {
		// Its run, or somebody else who cleans, may have removed it meanwhile.
		if left, lookErr := names(ctx, session, `SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?`, keyspace); lookErr == nil && len(left) == 0 {
			return nil
		}
		return fmt.Errorf("keyspace %s: %w", keyspace, err)
	}
	told("keyspace " + keyspace + " removed")
	return nil
}

// keepKeyspace says why a keyspace can't be said to be that of a run that lives no more,
// nothing if it can.
func keepKeyspace(ctx context.Context, session *gocql.Session, keyspace string) (why string, _ error) {
	tables, err := names(ctx, session, `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?`, keyspace, markerTable)
	if err != nil || len(tables) == 0 {
		return "it has no marker", err
	}
	var begun *time.Time
	var alive *string
	err = session.Query("SELECT begun, alive FROM "+keyspace+"."+markerTable+" WHERE id = 'run'").WithContext(ctx).Scan(&begun, &alive)
	switch {
	case errors.Is(err, gocql.ErrNotFound):
		return "its marker is not complete", nil
	case err != nil:
		return "", err
	case alive != nil:
		return fmt.Sprintf("its run lives, or did %s ago, on %s", aliveFor, *alive), nil
	case begun == nil:
		return "its marker is not complete", nil
	}
	return "", nil
}

// cleanGuests removes what killed runs have left in the keyspace that cfg names.
func cleanGuests(ctx context.Context, cfg cassandra.Config, told func(string)) error {
	session, err := cassandra.Driver(ctx, cfg, cfg.Keyspace)
	if err != nil {
		return err
	}
	defer session.Close()
	tables, err := names(ctx, session, `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'cursors'`, cfg.Keyspace)
	if err != nil || len(tables) == 0 {
		return err
	}
	logs, err := names(ctx, session, `SELECT DISTINCT log FROM cursors`)
	if err != nil {
		return err
	}
	var failed error
	for _, log := range logs {
		run, ok := strings.CutPrefix(log, guestPrefix)
		if !ok {
			continue
		}
		marks, err := names(ctx, session, `SELECT subscriber FROM cursors WHERE log = ? AND subscriber IN (?, ?)`, log, guestMark, guestAlive)
		switch {
		case err != nil:
			failed = errors.Join(failed, err)
		case len(marks) == 0 || marks[0] != guestMark:
			told("log " + log + " stays: it has no marker")
		case len(marks) > 1:
			told(fmt.Sprintf("logs named %s-… stay: their run lives, or did %s ago", log, aliveFor))
		default:
			if err := (guestMarker{session, run}).remove(ctx); err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			told("logs named " + log + "-… removed")
		}
	}
	return failed
}

// names reads one column of text.
func names(ctx context.Context, session *gocql.Session, cql string, args ...any) (all []string, _ error) {
	rows := session.Query(cql, args...).WithContext(ctx).Iter()
	for name := ""; rows.Scan(&name); {
		all = append(all, name)
	}
	return all, rows.Close()
}
