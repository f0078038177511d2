package cassandra

import (
	"context"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
)

// Driver connects as [Open] does, with the same addresses, credentials, levels and
// policies, and gives the driver's own session: for those who measure a [Store] by what the
// driver does without it. With an empty keyspace table names must be qualified. The session
// is the caller's to close; it does not follow changes of the schema, which would outlive
// it for a minute. Errors are those of [Open].
func Driver(ctx context.Context, cfg Config, keyspace string) (*gocql.Session, error) {
	cfg = cfg.withDefaults()
	attempts := new(connectAttempts)
	cluster, err := clusterConfig(cfg, keyspace, attempts)
	if err != nil {
		return nil, eventstore.NewError("open", eventstore.KindInvalid, err)
	}
	cluster.Events.DisableSchemaEvents = true
	s, err := dial(ctx, cfg, cluster, attempts)
	if err != nil {
		return nil, err
	}
	return s.driver, nil
}
