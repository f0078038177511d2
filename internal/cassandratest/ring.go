package cassandratest

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

// ringEnv lets tests with a ring run.
const ringEnv = "OPENPAYMENT_TEST_RING"

// ringDelay is how long a node that starts may take to hear of the others (Gossiper.doShadowRound) before it gives up. It is a
// limit, not a pause, for nodes that don't bootstrap.
const ringDelay = time.Minute

var ringAddresses = []string{"127.0.0.11", "127.0.0.12", "127.0.0.13"}

// A Ring is three nodes of one cluster and one data centre, datacenter1: enough for a keyspace with
// {'class': 'NetworkTopologyStrategy', 'datacenter1': 3} and for QUORUM to survive one node.
type Ring struct {
	// Nodes are the nodes. The first is the seed of the others.
	Nodes []*Node
}

// StartRing starts three nodes for this test alone, one after another, and returns when all of them know each other. They run on
// addresses of their own, 127.0.0.11 to .13, with one port, as drivers expect of a cluster. The servers are run from jars;
// Docker would need a network that macOS cannot reach.
//
// It costs half a minute and 3 GB of memory, so it skips the test unless OPENPAYMENT_TEST_RING=1. On macOS the addresses have
// to be made first: `sudo ifconfig lo0 alias 127.0.0.11`, and so on.
func StartRing(t testing.TB, opts ...Option) *Ring {
	t.Helper()
	if !isOn(os.Getenv(ringEnv)) {
		t.Skipf("cassandratest: SKIPPED: three nodes take half a minute and 3 GB; %s=1 runs this test", ringEnv)
	}
	c, err := ringConfig(opts)
	if err != nil {
		settle(t, &unavailable{[]string{fmt.Sprintf("addresses %v: %v", ringAddresses, err)}})
	}
	ring := &Ring{}
	for i, address := range ringAddresses {
		c.address = address
		if i > 0 {
			c.ringDelay = ringDelay
		}
		dir, err := os.MkdirTemp("", "openpayment-ring-")
		if err != nil {
			t.Fatal(err)
		}
		c.dir, c.remove = dir, dir
		l, err := launch(t.Context(), []provider{jarProvider()}, c)
		if err != nil {
			os.RemoveAll(dir)
		}
		ring.Nodes = append(ring.Nodes, newNode(t, l, err))
	}
	if err := ring.await(t.Context()); err != nil {
		t.Fatalf("cassandratest: the nodes do not find each other: %v", err)
	}
	return ring
}

// ringConfig returns what the nodes have in common.
func ringConfig(opts []Option) (config, error) {
	// Three of them start, perhaps again and again: less work for that is worth being slower in the long run.
	c := config{owner: self(), heap: nodeHeap, jvm: []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"}, settings: []setting{{"auto_bootstrap", "false"}}}
	var err error
	if c.port, err = FreePort(ringAddresses...); err != nil {
		return c, err
	}
	for c.storagePort = c.port; c.storagePort == c.port; {
		if c.storagePort, err = FreePort(ringAddresses...); err != nil {
			return c, err
		}
	}
	c.seeds = net.JoinHostPort(ringAddresses[0], strconv.Itoa(c.storagePort))
	for _, o := range opts {
		o(&c)
	}
	return c, nil
}

// Hosts returns the contact points of all nodes, running or not.
func (r *Ring) Hosts() []string {
	var hosts []string
	for _, n := range r.Nodes {
		hosts = append(hosts, n.Host())
	}
	return hosts
}

// await waits until every node lists all the others: gossip takes a second or two to get round.
func (r *Ring) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for _, n := range r.Nodes {
		for {
			peers, err := countPeers(ctx, n.Host())
			if err == nil && peers == len(r.Nodes)-1 {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s lists %d peers (%v): %w", n.Host(), peers, err, ctx.Err())
			case <-tick.C:
			}
		}
	}
	return nil
}

func countPeers(ctx context.Context, host string) (n int, err error) {
	session, err := connect([]string{host})
	if err != nil {
		return 0, err
	}
	defer session.Close()
	err = session.Query(`SELECT count(*) FROM system.peers_v2`).WithContext(ctx).Scan(&n)
	return n, err
}
