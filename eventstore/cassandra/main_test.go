package cassandra_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/internal/cassandratest"
	"openpayment/internal/leaktest"
)

// The tests of this package share one keyspace: tables take seconds to create.
// Each uses a log of its own in it.
var shared struct {
	once     sync.Once
	hosts    []string
	keyspace string
	shell    *gocql.Session // for what an operator would do with cqlsh
	err      error
}

func TestMain(m *testing.M) { os.Exit(leaktest.Run(tests{m})) }

// tests are those of this package, behind which the keyspace is dropped.
type tests struct{ *testing.M }

func (t tests) Run() int {
	code := t.M.Run()
	if shared.shell != nil {
		if err := shared.shell.Query("DROP KEYSPACE IF EXISTS " + shared.keyspace).Exec(); err != nil {
			fmt.Fprintf(os.Stderr, "keyspace %s stays: %v\n", shared.keyspace, err)
		}
		shared.shell.Close()
	}
	return code
}

// config is a configuration for a log of the test's own, in the shared keyspace.
func config(t testing.TB, bucketSize int) cassandra.Config {
	t.Helper()
	if shared.hosts == nil {
		shared.hosts = cassandratest.Hosts(t) // ends the test if there is no server
	}
	shared.once.Do(func() {
		shared.keyspace = "t_eventstore_" + random()
		cfg := configFor(shared.hosts[0], shared.keyspace)
		var s *cassandra.Store
		if s, shared.err = cassandra.Open(context.Background(), cfg); shared.err != nil {
			return
		}
		s.Close()
		shared.shell, shared.err = connectShell(shared.hosts[0], shared.keyspace)
	})
	if shared.err != nil {
		t.Fatalf("preparing the shared keyspace: %v", shared.err)
	}
	cfg := configFor(shared.hosts[0], shared.keyspace)
	cfg.Hosts = shared.hosts
	cfg.LogName = "l" + random()
	cfg.BucketSize = int64(bucketSize)
	return cfg
}

// configFor names one server and keyspace.
func configFor(host, keyspace string) cassandra.Config {
	return cassandra.Config{Hosts: []string{host}, Keyspace: keyspace, Migrate: true}
}

// open opens a handle that is closed with the test.
func open(t testing.TB, cfg cassandra.Config) *cassandra.Store {
	t.Helper()
	s, err := cassandra.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open %s: %v", cfg, err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func connectShell(host, keyspace string) (*gocql.Session, error) {
	cluster := gocql.NewCluster(host)
	cluster.ProtoVersion = 4
	cluster.Keyspace = keyspace
	cluster.Timeout = time.Minute
	cluster.ConnectTimeout = 10 * time.Second
	return cluster.CreateSession()
}

// cql runs a statement behind the backend's back.
func cql(t testing.TB, statement string, args ...any) {
	t.Helper()
	if err := shared.shell.Query(statement, args...).Exec(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func random() string {
	b := make([]byte, 6)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func wantKind(t testing.TB, err error, want eventstore.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if got := eventstore.KindOf(err); got != want {
		t.Fatalf("error %q is of kind %q, want %q", err, got, want)
	}
}

var lastTimestamp struct {
	sync.Mutex
	micros int64
}

// later gives timestamps that grow, a minute ahead of every clock.
func later() int64 {
	lastTimestamp.Lock()
	defer lastTimestamp.Unlock()
	lastTimestamp.micros = max(lastTimestamp.micros+1, time.Now().Add(time.Minute).UnixMicro())
	return lastTimestamp.micros
}
