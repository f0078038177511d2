package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// sizes say how long the forms are.
type sizes struct {
	seeds, histories, crashes int
	fuzz, soak                time.Duration
}

func (s *sizes) flags(flags *pflag.FlagSet) {
	flags.IntVar(&s.seeds, "seeds", 100_000, "seeds of the simulation")
	flags.IntVar(&s.histories, "histories", 300, "histories")
	flags.IntVar(&s.crashes, "crashes", 1000, "crash cycles")
	flags.DurationVar(&s.fuzz, "fuzz", time.Minute, "how long to fuzz each target")
	flags.DurationVar(&s.soak, "soak", time.Hour, "how long to soak")
}

// form is one long form: tests of a package, or another command.
type form struct {
	name, what string
	pkg, tests string   // below the module; names with | between them
	tags       string   // to build with
	args       []string // of the test program; of the command
	env        []string
	command    string // instead of a package
}

// limit is how long tests may take, beside the soak: what hangs is to be told at last.
const limit = 6 * time.Hour

// forms are all there are, in the order in which they are run.
func forms(s sizes) []form {
	return []form{
		{
			name: "simulation", what: "nodes on a made-up store in which everything goes wrong, seed after seed",
			pkg: "internal/faults/simulation", tests: "TestWhateverHappensTheLogTheAnswersAndTheStatesAreRight|TestASeedTellsTheSameStoryAgain",
			args: []string{fmt.Sprintf("-sim.seeds=%d", s.seeds)},
		},
		{
			name: "histories", what: "what clients saw of three nodes on a ring of Cassandra under faults, checked by Porcupine",
			pkg: "internal/faults/histories", tests: "TestWhateverFailsWhatClientsSeeCouldHaveHappenedInOneOrder",
			args: []string{fmt.Sprintf("-histories.count=%d", s.histories)}, env: []string{"OPENPAYMENT_TEST_RING=1"},
		},
		{
			name: "mutants", what: "the product made wrong on purpose; each must be caught",
			pkg: "internal/faults/mutants", tests: "TestEveryMutantIsCaught", tags: "mutants",
		},
		{
			name: "crashes", what: "a loaded service on a file of SQLite, killed at random moments",
			pkg: "cmd/openpayment", tests: "TestAFileOutlivesACrashAtAnyMoment", env: []string{fmt.Sprintf("OPENPAYMENT_TEST_CRASHES=%d", s.crashes)},
		},
		{
			name: "disks", what: "a loaded service on a disk that is full, and on one that turns read-only",
			pkg: "cmd/openpayment", tests: "TestAFullDiskIsOutlived|TestADiskThatTurnsReadOnlyIsOutlived", env: []string{"OPENPAYMENT_TEST_DISK_ERROR=1"},
		},
		{
			name: "fuzz", what: "whatever can be sent, stored or written in a file, made up, and read",
			command: ".ci/fuzz", args: []string{s.fuzz.String()},
		},
		{
			name: "soak", what: "two loaded nodes on Cassandra for a long time, which must not grow",
			pkg: "internal/faults/soak", tests: "TestTheServiceIsAfterALongTimeAsItWas", args: []string{"-soak.duration=" + s.soak.String()},
		},
	}
}

// line is the command, word by word.
func (f form) line() []string {
	if f.command != "" {
		return append([]string{f.command}, f.args...)
	}
	line := []string{"go", "test"}
	if f.tags != "" {
		line = append(line, "-tags", f.tags)
	}
	line = append(line, "./"+f.pkg, "-run", "^("+f.tests+")$", "-v", "-count=1", "-timeout="+limit.String())
	return append(line, f.args...)
}

// commandLine is the command, to be pasted.
func (f form) commandLine() string {
	words := append([]string{}, f.env...)
	for _, word := range f.line() {
		if strings.ContainsAny(word, "^()|$") {
			word = "'" + word + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
