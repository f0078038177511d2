package cassandra_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/internal/cassandratest"
	"openpayment/schema"
)

// freshKeyspace is a configuration for a keyspace that does not exist yet.
func freshKeyspace(t testing.TB) cassandra.Config {
	t.Helper()
	config(t, 0) // for the shell
	cfg := configFor(shared.hosts[0], cassandratest.Keyspace(t))
	return cfg
}

func wantRefusal(t testing.TB, cfg cassandra.Config, kind eventstore.Kind, words ...string) {
	t.Helper()
	s, err := cassandra.Open(t.Context(), cfg)
	if err == nil {
		s.Close()
	}
	wantKind(t, err, kind)
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not mention %q", err, w)
		}
	}
}

func TestNodesThatStartAtOnceOnAFreshKeyspaceMakeOneSchemaAndOneLog(t *testing.T) {
	cfg := freshKeyspace(t)
	stores := make([]*cassandra.Store, 6)
	var starts errgroup.Group
	for i := range stores {
		cfg := cfg
		cfg.BucketSize = int64(10 + i)
		starts.Go(func() (err error) {
			stores[i], err = cassandra.Open(t.Context(), cfg)
			return err
		})
	}
	if err := starts.Wait(); err != nil {
		t.Fatal(err)
	}
	var head eventstore.Head
	for _, s := range stores {
		defer s.Close()
		if s.BucketSize() != stores[0].BucketSize() {
			t.Errorf("bucket sizes %d and %d", s.BucketSize(), stores[0].BucketSize())
		}
		head, _ = write(t, s, 7)
	}
	wantLog(t, stores[0], head)
	for _, table := range []string{"events", "logs", "cursors", "snapshots", "snapshot_chunks", "schema_versions"} {
		var id string
		err := shared.shell.Query(`SELECT id FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?`, cfg.Keyspace, table).Scan(&id)
		if want := schema.CassandraTableID(cfg.Keyspace, table); err != nil || id != want {
			t.Errorf("table %s has id %s, %v, want %s", table, id, err, want)
		}
	}
}

func TestTheBucketSizeStoredWithTheLogWins(t *testing.T) {
	cfg := config(t, 7)
	open(t, cfg)
	cfg.BucketSize = 20
	if got := open(t, cfg).BucketSize(); got != 7 {
		t.Errorf("the bucket size is %d, want 7", got)
	}
}

func TestLevelsOtherThanThoseOfTheLogAreRefused(t *testing.T) {
	cfg := config(t, 0)
	open(t, cfg)
	local := cfg
	local.DataCentre, local.Consistency, local.SerialConsistency = "datacenter1", "LOCAL_QUORUM", "LOCAL_SERIAL"
	wantRefusal(t, local, eventstore.KindInvalid, "consistency", "serial-consistency", "home dc", `"SERIAL"`, `"LOCAL_SERIAL"`)

	local.LogName += "_local"
	head, _ := write(t, open(t, local), 3)
	wantLog(t, open(t, local), head)
	cfg.LogName = local.LogName
	wantRefusal(t, cfg, eventstore.KindInvalid, "home dc", `"datacenter1"`)
}

func TestADataCentreThatDoesNotExistIsRefused(t *testing.T) {
	cfg := config(t, 0)
	cfg.DataCentre = "datacentre1"
	wantRefusal(t, cfg, eventstore.KindInvalid, `"datacentre1"`, "datacenter1")
}

func TestWithoutMigrateAMissingSchemaIsRefusedWithAdvice(t *testing.T) {
	cfg := freshKeyspace(t)
	cfg.Migrate = false
	wantRefusal(t, cfg, eventstore.KindInvalid, cfg.Keyspace, "CREATE KEYSPACE", "migrate=true")
	create, err := schema.CassandraKeyspace(cfg.Keyspace, "1")
	if err != nil {
		t.Fatal(err)
	}
	cql(t, create)
	wantRefusal(t, cfg, eventstore.KindInvalid, "0001_events.cql", "0002_cursors.cql", "0003_snapshots.cql", "cqlsh", "migrate=true")
	cfg.Migrate = true
	open(t, cfg)
	cfg.Migrate = false
	open(t, cfg)
}

func TestASchemaNewerThanThisProgramIsRefused(t *testing.T) {
	cfg := freshKeyspace(t)
	open(t, cfg)
	cql(t, `INSERT INTO `+cfg.Keyspace+`.schema_versions (version, name) VALUES (99, 'from the future')`)
	wantRefusal(t, cfg, eventstore.KindInvalid, "version 99", "newer")
}

func TestATableThatWasDroppedIsNamedAtOpen(t *testing.T) {
	cfg := freshKeyspace(t)
	open(t, cfg).Close()
	cql(t, `DROP TABLE `+cfg.Keyspace+`.cursors`)
	wantRefusal(t, cfg, eventstore.KindInvalid, "cursors", "backup")
}

func TestAServerThatIsNotThereIsUnavailable(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	wantRefusal(t, configFor(address, "ks"), eventstore.KindUnavailable, "refused")
}

// A listener that accepts and says nothing.
func TestOpenEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err = cassandra.Open(ctx, configFor(silent.Addr().String(), "ks"))
	wantKind(t, err, eventstore.KindUnavailable)
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAnUnusableConfigurationIsInvalid(t *testing.T) {
	good := cassandra.Config{Hosts: []string{"h"}, Keyspace: "ks"}
	for name, spoil := range map[string]func(*cassandra.Config){
		"host":        func(c *cassandra.Config) { c.Hosts = nil },
		"port":        func(c *cassandra.Config) { c.Hosts = []string{"h:x"} },
		"keyspace":    func(c *cassandra.Config) { c.Keyspace = "a b" },
		"log":         func(c *cassandra.Config) { c.LogName = "a b" },
		"bucket-size": func(c *cassandra.Config) { c.BucketSize = -1 },
		"dc=":         func(c *cassandra.Config) { c.Consistency = "LOCAL_QUORUM" },
		"password":    func(c *cassandra.Config) { c.Password = "x" },
		"cert":        func(c *cassandra.Config) { c.TLS = &cassandra.TLS{Key: "x"} },
		"ca":          func(c *cassandra.Config) { c.TLS = &cassandra.TLS{CA: "/does/not/exist"} },
	} {
		c := good
		spoil(&c)
		wantRefusal(t, c, eventstore.KindInvalid, name)
	}
}
