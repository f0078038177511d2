package cassandratest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestDecide(t *testing.T) {
	none := &unavailable{[]string{"Docker: no", "jars: no"}}
	for _, c := range []struct {
		name     string
		required string
		err      error
		want     verdict
	}{
		{"a server", "", nil, run},
		{"a server that is required", "1", nil, run},
		{"no server", "", none, skip},
		{"no server, wrapped", "", fmt.Errorf("launch: %w", none), skip},
		{"no server and explicitly none required", "0", none, skip},
		{"no server but one is required", "1", none, fail},
		{"no server but one is required, in words", "true", none, fail},
		{"no server and an unreadable wish", "yes please", none, fail},
		{"something broken", "", errors.New("the shared server has gone"), fail},
		{"something broken and none required", "0", errors.New("the shared server has gone"), fail},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := decide(c.required, c.err); got != c.want {
				t.Errorf("decide(%q, %v) = %v, want %v", c.required, c.err, got, c.want)
			}
		})
	}
}

// The tests of a machine that has nothing are run here, in a test binary that finds nothing.
func TestWithoutAnyProvider(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		fail bool
		want []string
	}{
		{"tests are skipped and say so", nil, false,
			[]string{"--- SKIP: TestKeyspaceIsDropped", "TESTS AGAINST A REAL CASSANDRA ARE SKIPPED", "no engine answers", "no Java"}},
		{"tests fail if it is required", []string{"REQUIRE_CASSANDRA=1"}, true,
			[]string{"--- FAIL: TestKeyspaceIsDropped", "no Cassandra can be had"}},
		{"tests fail if the named servers are of no use", []string{"CASSANDRA_HOSTS=127.0.0.1:x"}, true,
			[]string{"--- FAIL: TestKeyspaceIsDropped", "CASSANDRA_HOSTS=127.0.0.1:x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^TestKeyspaceIsDropped$")
			cmd.Env = append(os.Environ(), "PATH="+t.TempDir(), "JAVA_HOME=", "DOCKER_HOST=unix:///nowhere/docker.sock",
				"CASSANDRA_HOSTS=", "REQUIRE_CASSANDRA=", "TMPDIR="+t.TempDir())
			cmd.Env = append(cmd.Env, c.env...)
			out, err := cmd.CombinedOutput()
			if failed := err != nil; failed != c.fail {
				t.Errorf("exit: %v, want failure: %v", err, c.fail)
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("output lacks %q:\n%s", want, out)
				}
			}
		})
	}
}
