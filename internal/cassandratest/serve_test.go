package cassandratest

import (
	"context"
	"testing"
)

func TestServeKeepsItsDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server twice")
	}
	if _, err := findJava(t.Context()); err != nil {
		settle(t, &unavailable{[]string{err.Error()}})
	}
	if _, err := findJars(t.Context()); err != nil {
		settle(t, &unavailable{[]string{err.Error()}})
	}
	port, err := FreePort("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	dir, host := t.TempDir(), ""
	serve := func(use func()) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		err := Serve(ctx, port, dir, func(version, hostPort string) {
			defer stop()
			if version != Version {
				t.Errorf("version %s, want %s", version, Version)
			}
			host = hostPort
			use()
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := probe(t.Context(), []string{host}, ""); err == nil {
			t.Error("it still answers")
		}
	}
	serve(func() {
		execute(t, host, createKeyspace+`1}`, `CREATE TABLE k.t (id int PRIMARY KEY, v text)`, `INSERT INTO k.t (id, v) VALUES (1, 'kept')`)
	})
	serve(func() {
		if got := readValue(t, host); got != "kept" {
			t.Errorf("read %q", got)
		}
	})
}
