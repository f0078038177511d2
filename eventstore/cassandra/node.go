package cassandra

import (
	"context"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// node is what one node of the cluster says about itself.
type node struct {
	address string // host:port
	named   bool   // in the configuration; otherwise other nodes tell of it
	err     error  // why it could not be asked; nothing else is known then

	id, version, centre string
	peers               []peer

	settings    map[string]string // by the names of system_views.settings
	settingsErr error
	clock       clockReading
	mebibytes   int64 // that the keyspace's tables take there
	sizeErr     error
}

// peer is a node that another one knows.
type peer struct{ id, address, centre string }

// clockReading is how far a clock is ahead of this machine's, and how exactly that
// is known.
type clockReading struct {
	of            string
	ahead, within time.Duration
}

// visit asks every node that cfg names, all at once, and then those that these
// know and cfg does not.
func visit(ctx context.Context, cfg Config) []node {
	nodes := askAll(ctx, cfg, cfg.Hosts, true)
	var known []string // ids
	for _, n := range nodes {
		known = append(known, n.id)
	}
	var others []string
	for _, n := range nodes {
		for _, p := range n.peers {
			if !slices.Contains(known, p.id) {
				known = append(known, p.id)
				others = append(others, p.address)
			}
		}
	}
	return append(nodes, askAll(ctx, cfg, others, false)...)
}

func askAll(ctx context.Context, cfg Config, addresses []string, named bool) []node {
	nodes := make([]node, len(addresses))
	var asking sync.WaitGroup
	for i, address := range addresses {
		asking.Go(func() { nodes[i] = ask(ctx, cfg, address, named) })
	}
	asking.Wait()
	return nodes
}

// ask asks one node everything.
func ask(ctx context.Context, cfg Config, address string, named bool) node {
	ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout+cfg.Timeout)
	defer cancel()
	n := node{address: address, named: named}
	s, err := connectTo(ctx, cfg, address)
	if err != nil {
		n.err = err
		return n
	}
	defer s.close()
	var id driverUUID
	if _, err := s.row(ctx, `SELECT host_id, release_version, data_center FROM system.local`, nil, &id, &n.version, &n.centre); err != nil {
		n.err = schemaError(err)
		return n
	}
	n.id = id.String()
	if n.peers, n.err = askPeers(ctx, s); n.err != nil {
		return n
	}
	n.settings, n.settingsErr = askSettings(ctx, s)
	n.clock, n.err = askClock(ctx, s, address)
	n.mebibytes, n.sizeErr = askSize(ctx, s, cfg.Keyspace)
	return n
}

// askPeers gives the other nodes. Before Cassandra 4.0 there was no such table;
// whoever runs that learns it from its version.
func askPeers(ctx context.Context, s *session) ([]peer, error) {
	var peers []peer
	r := s.query(ctx, 1000, `SELECT host_id, native_address, native_port, data_center FROM system.peers_v2`)
	var id driverUUID
	var address, centre string
	var port int
	for r.scan(&id, &address, &port, &centre) {
		peers = append(peers, peer{id.String(), net.JoinHostPort(address, strconv.Itoa(port)), centre})
	}
	if err := r.close(); err != nil && !inMotion(err) {
		return nil, schemaError(err)
	}
	return peers, nil
}

func askSettings(ctx context.Context, s *session) (map[string]string, error) {
	settings := make(map[string]string)
	r := s.query(ctx, 1000, `SELECT name, value FROM system_views.settings`)
	var name string
	var value *string
	for r.scan(&name, &value) {
		if value != nil {
			settings[name] = *value
		}
	}
	return settings, r.close()
}

// clockSamples is how often a clock is asked: the fastest answer is the most
// exact.
const clockSamples = 3

// askClock compares the node's clock with this machine's.
func askClock(ctx context.Context, s *session, address string) (clockReading, error) {
	best := clockReading{of: address, within: time.Hour}
	for range clockSamples {
		r, err := readClock(ctx, s)
		if err != nil {
			return best, schemaError(err)
		}
		if r.within < best.within {
			best.ahead, best.within = r.ahead, r.within
		}
	}
	return best, nil
}

func askSize(ctx context.Context, s *session, keyspace string) (mebibytes int64, err error) {
	r := s.query(ctx, 10_000, `SELECT keyspace_name, mebibytes FROM system_views.disk_usage`)
	var name string
	var n int64
	for r.scan(&name, &n) {
		if name == keyspace {
			mebibytes += n
		}
	}
	return mebibytes, r.close()
}
