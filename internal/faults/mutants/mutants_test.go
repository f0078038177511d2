//go:build mutants

package mutants

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"openpayment/internal/cassandratest"
	"openpayment/internal/faults/figures"
	"openpayment/internal/mutant"
)

// catcher is the cheapest test that is known to catch a mutant.
type catcher struct {
	mutant mutant.Name
	pkg    string
	test   string
	args   []string
}

const conformance = "IsABackend$/"

var catchers = []catcher{
	simulated(mutant.AnswersBeforeDurable),
	{mutant.AppendsAnywhere, "eventstore/memory", conformance + "stale_head_conflicts", nil},
	{mutant.AppendsAnywhere, "eventstore/sqlite", conformance + "stale_head_conflicts", nil},
	{mutant.AppendsAnywhere, "eventstore/cassandra", conformance + "stale_head_conflicts", nil},
	simulated(mutant.RenumbersOnRetry),
	simulated(mutant.LeavesDoubt),
	simulated(mutant.BelievesCallers),
	simulated(mutant.DecidesOnStaleState),
	simulated(mutant.RefusesOnStaleState),
	simulated(mutant.DecidesForTheGone),
	simulated(mutant.ForgetsKeysAtSnapshot),
	simulated(mutant.ForgetsKeysByOwnClock),
	simulated(mutant.SkipsUnknownMoney),
	simulated(mutant.ManifestFirst),
	simulated(mutant.MixesChunks),
	simulated(mutant.IgnoresRegress),
	simulated(mutant.SavesCursorEarly),
	{mutant.OpensBucketBlindly, "eventstore/cassandra", conformance + "after_4_events_and_a_batch_of_4", nil},
	{mutant.ReadsPastHoles, "eventstore/cassandra", conformance + "removed_from_the_middle", nil},
	{mutant.LeavesOvershootEarly, "eventstore/cassandra", conformance + "after_4_events_and_a_batch_of_4", nil},
	{mutant.ReadsHeadWithoutPaxos, "eventstore/cassandra", "TestTheHeadIsReadThroughPaxos", nil},
}

// simulated has the simulation look for a mutant, seed after seed.
func simulated(m mutant.Name) catcher {
	return catcher{m, "internal/faults/simulation", "TestWhateverHappens", []string{"-sim.seeds=3000"}}
}

// A caught mutant is a line of the report.
type caught struct {
	Mutant  mutant.Name `json:"mutant"`
	By      string      `json:"caught by"`
	Package string      `json:"in package"`
	Says    string      `json:"which says"`
	Seconds float64     `json:"after (s)"`
}

// limit is how long one test may take.
const limit = 5 * time.Minute

func TestEveryMutantIsCaught(t *testing.T) {
	dir := t.TempDir()
	binaries := make(map[string]string) // by package
	var lines []string
	all, began := []caught{}, time.Now()
	for _, c := range catchers {
		t.Run(string(c.mutant)+" in "+c.pkg, func(t *testing.T) {
			if c.pkg == "eventstore/cassandra" {
				// One server for all: it ends the test if there is none.
				t.Setenv("CASSANDRA_HOSTS", strings.Join(cassandratest.Hosts(t), ","))
			}
			if binaries[c.pkg] == "" {
				binaries[c.pkg] = build(t, dir, c.pkg)
			}
			c.passes(t, binaries[c.pkg])
			began := time.Now()
			out, err := c.run(t, binaries[c.pkg], c.mutant, c.args)
			if _, failed := errors.AsType[*exec.ExitError](err); !failed || !failure.MatchString(out) {
				t.Fatalf("not caught by %s of %s (%v):\n%s", c.test, c.pkg, err, out)
			}
			took := time.Since(began).Round(10 * time.Millisecond)
			line := fmt.Sprintf("| `%s` | `%s` in `%s` | %.150s | %s |", c.mutant, failedTest(out), c.pkg, reason(out), took)
			lines = append(lines, line)
			all = append(all, caught{c.mutant, failedTest(out), c.pkg, fmt.Sprintf("%.150s", reason(out)), took.Seconds()})
			t.Log(line)
		})
	}
	t.Logf("%d of %d are caught:\n| mutant | caught by | which says | in |\n| --- | --- | --- | --- |\n%s", len(lines), len(catchers), strings.Join(lines, "\n"))
	figures.Keep(t, began, map[string]any{"caught": len(all), "of": len(catchers), "mutants": all})
}

func TestNoMutantIsForgotten(t *testing.T) {
	for _, name := range declared(t) {
		if !slices.ContainsFunc(catchers, func(c catcher) bool { return c.mutant == name }) {
			t.Errorf("nothing catches %s", name)
		}
	}
}

// build makes a package's test program, which holds all mutants.
func build(t *testing.T, dir, pkg string) string {
	t.Helper()
	program := filepath.Join(dir, filepath.Base(pkg)+".test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-tags", "mutants", "-c", "-o", program, "openpayment/"+pkg).CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return program
}

// passes makes sure that the test passes without the mutant.
func (c catcher) passes(t *testing.T, program string) {
	t.Helper()
	args := c.args
	if len(args) > 0 {
		args = []string{"-sim.seeds=100"}
	}
	if out, err := c.run(t, program, "", args); err != nil {
		t.Fatalf("without any mutant: %v\n%s", err, out)
	}
}

func (c catcher) run(t *testing.T, program string, m mutant.Name, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"-test.run=" + c.test}, args...)...)
	cmd.Dir = filepath.Join("..", "..", "..", filepath.FromSlash(c.pkg))
	cmd.Env = append(os.Environ(), "MUTANT="+string(m), figures.Env+"=") // what a mutant counts is no figure
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var (
	failure = regexp.MustCompile(`(?m)^(?: *--- FAIL|panic): (\S+)`)
	message = regexp.MustCompile(`(?m)^(?: *\w+\.go:\d+|panic): (.*)$`)
)

// failedTest is the innermost test that failed.
func failedTest(out string) string {
	all := failure.FindAllStringSubmatch(out, -1)
	return all[len(all)-1][1]
}

// reason is what the test said first, but for which server it uses.
func reason(out string) string {
	for _, m := range message.FindAllStringSubmatch(out, -1) {
		if !strings.HasPrefix(m[1], "cassandratest:") {
			return m[1]
		}
	}
	return "(nothing was said)"
}

// declared reads the names of all mutants.
func declared(t *testing.T) (names []mutant.Name) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "mutant", "mutant.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, mutant.Name(name))
		}
		return true
	})
	if len(names) < 10 {
		t.Fatalf("%d mutants are declared", len(names))
	}
	return names
}
