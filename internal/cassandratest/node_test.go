package cassandratest

import (
	"context"
	"testing"
	"time"

	"github.com/gocql/gocql"
)

const createKeyspace = `CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': `

func TestANodeKeepsItsDataWhenKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server three times")
	}
	node := StartNode(t, Setting("commitlog_sync", "batch"), Setting("commitlog_sync_period", ""))
	host := node.Host()
	execute(t, host, createKeyspace+`1}`, `CREATE TABLE k.t (id int PRIMARY KEY, v text)`, `INSERT INTO k.t (id, v) VALUES (1, 'kept')`)

	node.Kill()
	if _, err := probe(t.Context(), []string{host}, ""); err == nil {
		t.Fatal("a killed node answers")
	}
	node.Kill() // a dead one: nothing happens
	node.Start()
	if node.Host() != host {
		t.Errorf("was at %s, is at %s", host, node.Host())
	}
	if got := readValue(t, host); got != "kept" {
		t.Errorf("read %q", got)
	}

	node.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := probe(ctx, []string{host}, ""); err == nil {
		t.Error("a paused node answers")
	}
	node.Resume()
	if got := readValue(t, host); got != "kept" {
		t.Errorf("read %q", got)
	}

	node.Pause()
	node.Stop() // a paused one too
	node.Start()
	if got := readValue(t, host); got != "kept" {
		t.Errorf("read %q", got)
	}
}

func TestARingSurvivesOneNode(t *testing.T) {
	ring := StartRing(t)
	hosts := ring.Hosts()
	execute(t, hosts[0], createKeyspace+`3}`, `CREATE TABLE k.t (id int PRIMARY KEY, v text)`)
	session := quorum(t, hosts)
	if err := session.Query(`INSERT INTO k.t (id, v) VALUES (1, 'kept')`).Exec(); err != nil {
		t.Fatal(err)
	}
	ring.Nodes[2].Kill()
	var v string
	eventually(t, "two nodes of three serve QUORUM", func() bool {
		return session.Query(`SELECT v FROM k.t WHERE id = 1`).Scan(&v) == nil
	})
	if v != "kept" {
		t.Errorf("read %q", v)
	}
	ring.Nodes[2].Start()
	if got := readValue(t, hosts[2]); got != "kept" {
		t.Errorf("read %q from the node that was killed", got)
	}
}

func execute(t *testing.T, host string, statements ...string) {
	t.Helper()
	session, err := connect([]string{host})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, s := range statements {
		if err := session.Query(s).Exec(); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func readValue(t *testing.T, host string) (v string) {
	t.Helper()
	session, err := connect([]string{host})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if err := session.Query(`SELECT v FROM k.t WHERE id = 1`).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func quorum(t *testing.T, hosts []string) *gocql.Session {
	t.Helper()
	c := gocql.NewCluster(hosts...)
	c.ProtoVersion = 4
	c.Consistency = gocql.Quorum
	c.Timeout = 10 * time.Second
	c.Logger = silent{}
	session, err := c.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	return session
}
