package schema_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/internal/cassandratest"
	"openpayment/schema"
)

// rowsWanted is how many rows each query of the README gives on a log named main
// with 30 events, one snapshot and one subscription, in the order in which they stand there.
var rowsWanted = []struct {
	contains string
	rows     int
}{
	{"FROM logs", 1},
	{"SELECT DISTINCT log, bucket, head", 1},
	{"LIMIT 20", 20},
	{"seq = 17", 1},
	{"seq <= 15", 11},
	{"FROM snapshots", 1},
	{"FROM subscriptions", 1},
	{"FROM cursors", 1},
	{"DELETE FROM subscriptions", 1}, // whether it was done
	{"FROM schema_versions", 4},
}

func TestEveryQueryOfTheREADMEGivesWhatItPromises(t *testing.T) {
	queries := readmeQueries(t)
	if len(queries) != len(rowsWanted) {
		t.Fatalf("the README has %d queries, %d are expected", len(queries), len(rowsWanted))
	}
	hosts, keyspace := cassandratest.Hosts(t), cassandratest.Keyspace(t)
	fillMain(t, hosts, keyspace)
	cluster := gocql.NewCluster(hosts...)
	cluster.ProtoVersion = 4
	cluster.Keyspace = keyspace
	cluster.Timeout = time.Minute
	session, err := cluster.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for i, query := range queries {
		if want := rowsWanted[i]; !strings.Contains(query, want.contains) {
			t.Errorf("query %d is %q, expected one with %q", i+1, query, want.contains)
		}
		rows, err := session.Query(query).Iter().SliceMap()
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if len(rows) != rowsWanted[i].rows {
			t.Errorf("%s: %d rows, want %d", query, len(rows), rowsWanted[i].rows)
		}
	}
}

// readmeQueries are the statements in the README's blocks marked cql.
func readmeQueries(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var queries []string
	for _, block := range regexp.MustCompile("(?s)```cql\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		queries = append(queries, schema.SplitStatements(block[1])...)
	}
	return queries
}

// fillMain makes the log that the README's examples are about.
func fillMain(t *testing.T, hosts []string, keyspace string) {
	t.Helper()
	store, err := cassandra.Open(t.Context(), cassandra.Config{Hosts: hosts, Keyspace: keyspace, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var head eventstore.Head
	var batch []eventstore.Event
	for i := range 30 {
		ev := eventstore.Event{
			Seq: eventstore.Position(i + 1), ID: uuid.Must(uuid.NewV7()), Type: "account.opened",
			Subject: fmt.Sprintf("accounts/%d", i), Time: time.UnixMilli(int64(i)).UTC(), Data: "{}",
		}
		ev.Hash = ev.ChainHash(head.Hash)
		head = ev.Head()
		batch = append(batch, ev)
	}
	if err := store.Append(t.Context(), eventstore.Head{}, batch); err != nil {
		t.Fatal(err)
	}
	reports := eventstore.NamedSubscription{Name: "reports", ID: uuid.Must(uuid.NewV7()), Start: "beginning", Created: time.UnixMilli(30)}
	if err := store.SwapSubscription(t.Context(), eventstore.NamedSubscription{}, reports); err != nil {
		t.Fatal(err)
	}
	if err := store.Acknowledge(t.Context(), reports.ID, head); err != nil {
		t.Fatal(err)
	}
	snapshot := eventstore.Manifest{ID: uuid.Must(uuid.NewV7()), At: eventstore.Tail{Head: head, Time: batch[29].Time}, Taken: time.UnixMilli(30)}
	if err := store.SaveManifest(t.Context(), snapshot.Sealed()); err != nil {
		t.Fatal(err)
	}
}

// The files can be run as they stand, by hand, and the service then finds
// nothing missing.
func TestTheFilesRunByHandMakeASchemaTheServiceAccepts(t *testing.T) {
	hosts, keyspace := cassandratest.Hosts(t), cassandratest.Keyspace(t)
	run := func(in, file string) {
		text, err := os.ReadFile("cassandra/" + file)
		if err != nil {
			t.Fatal(err)
		}
		cluster := gocql.NewCluster(hosts...)
		cluster.ProtoVersion = 4
		cluster.Keyspace = in
		cluster.Timeout = time.Minute
		session, err := cluster.CreateSession()
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		for _, s := range schema.SplitStatements(strings.ReplaceAll(string(text), "openpayment", keyspace)) {
			if err := session.Query(s).Exec(); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
	}
	run("", "keyspace.cql")
	for _, v := range mustCassandra(t, keyspace) {
		run(keyspace, v.File)
	}
	store, err := cassandra.Open(t.Context(), cassandra.Config{Hosts: hosts, Keyspace: keyspace})
	if err != nil {
		t.Fatalf("the service does not accept it: %v", err)
	}
	store.Close()
}
