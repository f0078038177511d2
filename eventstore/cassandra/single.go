package cassandra

import (
	"context"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
)

// connectTo makes a session with one node alone, for asking it about itself:
// host:port, or a name that stands for a few. Table names must be qualified.
func connectTo(ctx context.Context, cfg Config, address string) (*session, error) {
	cfg.Hosts = []string{address}
	attempts := new(connectAttempts)
	cluster, err := clusterConfig(cfg, "", attempts)
	if err != nil {
		return nil, eventstore.NewError("open", eventstore.KindInvalid, err)
	}
	// The driver must not learn of other nodes, or it would ask these.
	cluster.DisableInitialHostLookup = true
	cluster.Events.DisableTopologyEvents, cluster.Events.DisableNodeStatusEvents, cluster.Events.DisableSchemaEvents = true, true, true
	cluster.PoolConfig.HostSelectionPolicy = gocql.RoundRobinHostPolicy()
	return dial(ctx, cfg, cluster, attempts)
}
