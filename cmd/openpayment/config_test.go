package main

import (
	"os"
	"path/filepath"
	"testing"
)

// settings runs complete on a serve command and gives the flags' values.
func settings(t *testing.T, args ...string) (func(flag string) string, error) {
	t.Helper()
	c := serveCommand()
	if err := c.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	err := complete(c)
	return func(flag string) string { return c.Flags().Lookup(flag).Value.String() }, err
}

func TestTheCommandLineComesBeforeTheEnvironmentAndThatBeforeTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "openpayment.yaml")
	text := "poll-max: 3s\npoll-min: 30ms\nbatch-events: 30\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OPENPAYMENT_POLL_MAX", "2s")
	t.Setenv("OPENPAYMENT_POLL_MIN", "20ms")
	t.Setenv("OPENPAYMENT_CONFIG", file)
	get, err := settings(t, "--poll-max", "1s")
	if err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{"poll-max": "1s", "poll-min": "20ms", "batch-events": "30", "queue-limit": "8192"} {
		if got := get(flag); got != want {
			t.Errorf("%s is %s, want %s", flag, got, want)
		}
	}
}

func TestABadValueIsRefusedWhereverItComesFrom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "openpayment.yaml")
	for _, text := range []string{"poll-max: soon", "pol-max: 1s", "- a list", "config: other.yaml"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := settings(t, "--config", file); err == nil {
			t.Errorf("a file with %q was accepted", text)
		}
	}
	t.Setenv("OPENPAYMENT_POLL_MAX", "soon")
	if _, err := settings(t); err == nil {
		t.Error("a bad environment variable was accepted")
	}
}

func TestATokenThatNoHeaderCarriesIsRefused(t *testing.T) {
	for _, token := range []string{" ", "two words", "line\nfeed", "tökén"} {
		t.Setenv(tokenVariable, token)
		for _, args := range [][]string{{"serve", "--store", "memory:", "--listen", "0.0.0.0:0"}, {"replay"}, {"snapshot", "create"}} {
			fail(t, exitUsage, tokenVariable, args...)
		}
	}
}
