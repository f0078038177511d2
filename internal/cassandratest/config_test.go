package cassandratest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestYAML(t *testing.T) {
	c := config{
		dir: "/d", address: "127.0.0.1", port: 21000, storagePort: 21001, settings: []setting{
			{"commitlog_sync", "group"},
			{"commitlog_sync_period", ""},
			{"commitlog_sync_group_window", "10ms"},
		},
	}
	text := c.yaml(addresses{Listen: "127.0.0.1", RPC: "0.0.0.0", Broadcast: "127.0.0.1", Port: 21000, StoragePort: 21001, Data: "/d/data"})
	for _, line := range []string{
		"cluster_name: 'openpayment-test-21000-21001'", "native_transport_port: 21000", "rpc_address: 0.0.0.0", "paxos_variant: v2",
		`      - seeds: "127.0.0.1:21001"`, "commitlog_sync: group", "commitlog_sync_group_window: 10ms", "commitlog_directory: /d/data/commitlog",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("lacks %q", line)
		}
	}
	for _, key := range []string{"commitlog_sync_period:", "commitlog_sync: periodic", "<no value>", "{{"} {
		if strings.Contains(text, key) {
			t.Errorf("has %q", key)
		}
	}
}

func TestJavaVersion(t *testing.T) {
	for text, want := range map[string]int{
		`openjdk version "17.0.15" 2025-04-15`: 17,
		`java version "1.8.0_392"`:             1,
		`openjdk version "21" 2023-09-19 LTS`:  21,
		`command not found`:                    0,
	} {
		if got := javaVersion(text); got != want {
			t.Errorf("javaVersion(%q) = %d, want %d", text, got, want)
		}
	}
}

// Jars that are there are used as they are; a download that is not complete is not.
func TestJarsInTheCache(t *testing.T) {
	home := t.TempDir()
	t.Setenv("PATH", t.TempDir()) // no Maven
	if err := os.Mkdir(filepath.Join(home, "download-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if lib, err := jarsIn(context.Background(), home); err == nil {
		t.Errorf("found %s in a cache that has none", lib)
	}
	want := filepath.Join(home, "lib")
	if err := os.Mkdir(want, 0o700); err != nil {
		t.Fatal(err)
	}
	if lib, err := jarsIn(context.Background(), home); err != nil || lib != want {
		t.Errorf("jarsIn = %q, %v", lib, err)
	}
}

func TestFreePortsAreApart(t *testing.T) {
	c := config{address: "127.0.0.1"}
	if err := c.choosePorts(); err != nil {
		t.Fatal(err)
	}
	if c.port == c.storagePort || c.port < 20000 || c.port >= 32000 {
		t.Errorf("ports %d and %d", c.port, c.storagePort)
	}
}
