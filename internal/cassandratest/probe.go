package cassandratest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gocql/gocql"
)

// startTimeout bounds the time from a server's start to its first answer. It takes 10 s on an idle machine.
const startTimeout = 5 * time.Minute

// Superuser is the name, and the password, of the role that a server with an authenticator begins with.
const Superuser = "cassandra"

const probeInterval = 100 * time.Millisecond

var errServerEnded = errors.New("the server ended")

// await polls until one of the hosts answers CQL and returns the version it runs. A cluster name other than "" must be
// the server's own. It gives up with ctx, or with errServerEnded once gone is closed.
func await(ctx context.Context, hosts []string, cluster string, gone <-chan struct{}) (version string, err error) {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		if version, err = probe(ctx, hosts, cluster); err == nil {
			return version, nil
		}
		select {
		case <-gone:
			return "", errServerEnded
		case <-ctx.Done():
			return "", fmt.Errorf("no answer: %w (last: %v)", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// probe asks once.
func probe(ctx context.Context, hosts []string, cluster string) (version string, err error) {
	// A refused connection is the usual answer of the first seconds and far cheaper to learn than by a whole session.
	if !anyOpen(hosts) {
		return "", fmt.Errorf("no connection to %v", hosts)
	}
	session, err := connect(hosts)
	if err != nil {
		return "", err
	}
	defer session.Close()
	var name string
	err = session.Query(`SELECT release_version, cluster_name FROM system.local`).WithContext(ctx).Scan(&version, &name)
	if err != nil {
		return "", err
	}
	if cluster != "" && name != cluster {
		return "", fmt.Errorf("%v is cluster %q, not %q", hosts, name, cluster)
	}
	return version, nil
}

func anyOpen(hosts []string) bool {
	for _, h := range hosts {
		if conn, err := net.DialTimeout("tcp", h, time.Second); err == nil {
			conn.Close()
			return true
		}
	}
	return false
}

// connect opens a small session for the package's own needs: it is never used by the tests themselves.
func connect(hosts []string) (*gocql.Session, error) {
	c := gocql.NewCluster(hosts...)
	c.ProtoVersion = 4
	c.Consistency = gocql.One
	c.NumConns = 1
	c.ConnectTimeout = 5 * time.Second
	c.Timeout = 30 * time.Second // schema changes take seconds on a loaded machine
	c.ReconnectInterval = 0
	c.DisableInitialHostLookup = true // exactly these hosts, whatever address they call themselves
	c.Events.DisableNodeStatusEvents = true
	c.Events.DisableTopologyEvents = true
	c.Events.DisableSchemaEvents = true
	c.Authenticator = gocql.PasswordAuthenticator{Username: Superuser, Password: Superuser} // for servers that ask
	c.Logger = silent{}                                                                     // refused connections are what a probe is for
	return c.CreateSession()
}

// silent is a gocql.StdLogger.
type silent struct{}

var _ gocql.StdLogger = silent{}

func (silent) Print(...any)          {}
func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}
