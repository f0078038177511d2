package cassandratest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// requireEnv makes the lack of a Cassandra a failure. Continuous integration sets it: a skipped test reads like a passing one.
const requireEnv = "REQUIRE_CASSANDRA"

// hostsEnv names servers that are there already.
const hostsEnv = "CASSANDRA_HOSTS"

type verdict int

const (
	run  verdict = iota // there is a server
	skip                // there is none, and nobody insists
	fail                // there is none, and somebody insists, or something is broken
)

// decide says what becomes of a test. required is the value of REQUIRE_CASSANDRA; err is why there is no server, or nil.
//
// Only an *unavailable is a reason to skip. Everything else (servers were named and do not answer, a shared server died) would
// be hidden by skipping.
func decide(required string, err error) verdict {
	var none *unavailable
	switch {
	case err == nil:
		return run
	case !errors.As(err, &none):
		return fail
	case isOn(required):
		return fail
	}
	return skip
}

// isOn reads a switch. Something unreadable, a typo perhaps, counts as on: that is the side on which a mistake is noticed.
func isOn(value string) bool {
	on, err := strconv.ParseBool(value)
	return on || err != nil && value != ""
}

const help = `To run these tests, have one of
  - a running Docker engine (the image ` + imageName + ":" + imageTag + ` is used),
  - Java 17 and Maven (the server is fetched from Maven Central),
  - ` + hostsEnv + `=host[:port],... naming a Cassandra 5.0 whose data may be played with.`

const helpSkip = help + `
Skipped results are cached like others: use -count=1 afterwards. ` + requireEnv + `=1 makes this a failure.`

// firstSkip makes each test binary say only once that it skips.
var firstSkip sync.Once

// settle ends the test as decided, or returns if there is a server.
func settle(t testing.TB, err error) {
	t.Helper()
	switch decide(os.Getenv(requireEnv), err) {
	case fail:
		t.Fatalf("cassandratest: %v\n%s", err, help)
	case skip:
		firstSkip.Do(func() {
			announce(fmt.Sprintf("!!! SKIPPED for want of a Cassandra: %s and what else needs one in %s\n", t.Name(), testedPackage()))
		})
		t.Skipf("cassandratest: SKIPPED: %v\n%s", err, helpSkip)
	}
}

// testedPackage names the package under test: a test binary starts in its folder.
func testedPackage() string {
	dir, err := os.Getwd()
	if err != nil {
		return filepath.Base(os.Args[0])
	}
	for root := dir; root != filepath.Dir(root); root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			if rel, err := filepath.Rel(root, dir); err == nil {
				return "./" + filepath.ToSlash(rel)
			}
		}
	}
	return dir
}

// banner is what a whole run says once when it has no Cassandra.
func banner(err error) string {
	const rule = "!!! ------------------------------------------------------------------------------------------------\n"
	text := "TESTS AGAINST A REAL CASSANDRA ARE SKIPPED. This run proves nothing about the store on Cassandra.\n" + err.Error() + "\n" + helpSkip
	return "\n" + rule + "!!! " + strings.ReplaceAll(text, "\n", "\n!!! ") + "\n" + rule
}
