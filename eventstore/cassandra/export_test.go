package cassandra

import (
	"context"

	"github.com/gocql/gocql"
)

// Watched has told hear the statement and the level of every query of s from now on.
func (s *Store) Watched(ctx context.Context, told func(statement string, level gocql.Consistency)) error {
	attempts := new(connectAttempts)
	cluster, err := clusterConfig(s.link.cfg, s.link.cfg.Keyspace, attempts)
	if err != nil {
		return err
	}
	cluster.PoolConfig.HostSelectionPolicy = watched{cluster.PoolConfig.HostSelectionPolicy, told}
	session, err := dial(ctx, s.link.cfg, cluster, attempts)
	if err != nil {
		return err
	}
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	s.link.current.close()
	s.link.current = session
	return nil
}

// watched is asked by the driver where each query is to go.
type watched struct {
	gocql.HostSelectionPolicy
	told func(statement string, level gocql.Consistency)
}

func (w watched) Pick(q gocql.ExecutableQuery) gocql.NextHost {
	if query, ok := q.(*gocql.Query); ok {
		w.told(query.Statement(), query.GetConsistency())
	}
	return w.HostSelectionPolicy.Pick(q)
}
