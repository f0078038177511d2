package cassandra

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"openpayment/eventstore"
)

// settings is what all nodes of a log must agree on. It is written once, by
// whoever opens the log first, and decides from then on.
type settings struct {
	bucketSize  int64
	consistency string
	serial      string
	home        string
}

var errNoSettings = errors.New("the row of table logs vanished just after it was written")

const (
	insertSettings = `INSERT INTO logs (log, bucket_size, consistency, serial_consistency, home, created) VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS`
	selectSettings = `SELECT bucket_size, consistency, serial_consistency, home FROM logs WHERE log = ?`
)

// agreeOnSettings writes cfg's settings if the log has none, and gives those that
// count. A row that is there never changes, so that any read of it is good.
// Writing it, and reading it back, goes through Paxos over all data centres: of
// two nodes which open a new log at once one wins, and both know.
func agreeOnSettings(ctx context.Context, s *session, cfg Config) (settings, error) {
	var st settings
	key, dest := []any{cfg.LogName}, []any{&st.bucketSize, &st.consistency, &st.serial, &st.home}
	err := untilSettled(ctx, func() error {
		found, err := s.row(ctx, selectSettings, key, dest...)
		if err != nil || found {
			return err
		}
		if cfg.Existing {
			return invalid("keyspace %s has no log %q (table logs names those it has); is log=… in the URL right?", cfg.Keyspace, cfg.LogName)
		}
		if err := s.writeIfAbsent(ctx, insertSettings,
			cfg.LogName, cfg.BucketSize, cfg.Consistency, cfg.SerialConsistency, cfg.home(), time.Now().UTC()); err != nil {
			return err
		}
		if found, err = s.globalRow(ctx, selectSettings, key, dest...); err == nil && !found {
			err = errNoSettings
		}
		return err
	})
	if own, ok := errors.AsType[*eventstore.Error](err); ok {
		return settings{}, own
	}
	if err != nil {
		return settings{}, schemaError(err)
	}
	return st, st.compare(cfg)
}

// compare refuses a configuration that would decide about this log in another way
// than the other nodes do. The bucket size may differ: the stored one is used.
func (st settings) compare(cfg Config) error {
	if st.bucketSize < 1 {
		return eventstore.NewError("open", eventstore.KindDamaged, fmt.Errorf("log %s: the stored bucket_size is %d", cfg.LogName, st.bucketSize))
	}
	var differ []string
	for _, f := range []struct{ name, stored, configured string }{
		{"consistency", st.consistency, cfg.Consistency},
		{"serial-consistency", st.serial, cfg.SerialConsistency},
		{"home dc", st.home, cfg.home()},
	} {
		if f.stored != f.configured {
			differ = append(differ, fmt.Sprintf("%s is %q in table logs and %q here", f.name, f.stored, f.configured))
		}
	}
	if len(differ) > 0 {
		return invalid("log %s: %s; nodes that differ in this could fork the log: use what is stored", cfg.LogName, strings.Join(differ, ", "))
	}
	return nil
}
