package main

import (
	"path/filepath"
	"testing"

	"openpayment/internal/cassandratest"
)

// stores are the durable ones, each a URL to a fresh log.
var stores = map[string]func(t testing.TB) string{
	"sqlite": func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "log.db") },
	"cassandra": func(t testing.TB) string {
		return "cassandra://" + cassandratest.Hosts(t)[0] + "/" + cassandratest.Keyspace(t)
	},
}

// onEachStore runs test once for every durable store.
func onEachStore(t *testing.T, test func(t *testing.T, store string)) {
	for name, url := range stores {
		t.Run(name, func(t *testing.T) { test(t, url(t)) })
	}
}
