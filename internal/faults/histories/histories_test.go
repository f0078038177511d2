package histories

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"openpayment/internal/faults/figures"
)

var (
	howMany = flag.Int("histories.count", 10, "how many histories")
	mutants = flag.String("histories.mutants", "", "mutants of the product that histories must catch, by their names")
	seedOf  = flag.Uint64("histories.seed", 0, "what chance follows from; 0: another one each time")
)

const (
	// perLog is how many histories a log has.
	perLog = 10
	// ringEvery is how often all of the ring is killed; the first time is in the middle of ten.
	ringEvery = 50
)

func TestWhateverFailsWhatClientsSeeCouldHaveHappenedInOneOrder(t *testing.T) {
	began, seed := time.Now(), *seedOf
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-histories.seed=%d", seed)
	dir := kept(t)
	counts := &Counts{Seed: seed, Faults: map[string]int{}}
	c := newCluster(t, dir, "")
	t.Logf("the ring is there after %s", time.Since(began).Round(time.Second))
	for i := range *howMany {
		if i%perLog == 0 {
			c.finish()
			c.begin(fmt.Sprint("log", i/perLog))
		}
		if wrong := run(t, c, counts, i, seed); len(wrong) > 0 {
			t.Errorf("history %d of seed %d:\n%s", i, seed, strings.Join(wrong, "\n"))
		}
		if counts.Fewest < least {
			t.Errorf("only %d commands succeeded in it; that is too little to say anything", counts.Fewest)
		}
		if t.Failed() {
			break
		}
	}
	c.finish()
	figures.Keep(t, began, counts)
	if !t.Failed() {
		counts.enough(t)
	}
}

// kept is a directory that is removed unless the test fails.
func kept(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "openpayment-histories-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what is left is in %s", dir)
		} else {
			os.RemoveAll(dir)
		}
	})
	return dir
}

// run makes one history, and gives what is wrong.
func run(t *testing.T, c *cluster, counts *Counts, index int, seed uint64) []string {
	t.Helper()
	began, before := time.Now(), *counts
	h := &history{cluster: c, index: index, plan: draw(chance(seed, index), length, index%ringEvery == ringEvery/10), counts: counts}
	wrong := h.run(seed)
	counts.Histories++
	done := counts.OK - before.OK
	if counts.Fewest = done; index > 0 {
		counts.Fewest = min(before.Fewest, done)
	}
	t.Logf("history %d in %.1f s: %d ok, %d refused, %d unknown, %d not done, %d reads: %s", index, time.Since(began).Seconds(),
		done, counts.Refused-before.Refused, counts.Unknown-before.Unknown, counts.NotDone-before.NotDone, counts.Reads-before.Reads, strings.Join(texts(h.plan), "; "))
	return wrong
}

// TestHistoriesCatchMutants has services work that are wrong on purpose.
func TestHistoriesCatchMutants(t *testing.T) {
	if *mutants == "" {
		t.Skip("-histories.mutants names those that are to be caught")
	}
	c := newCluster(t, kept(t), "mutants")
	index := 0
	for name := range strings.SplitSeq(*mutants, ",") {
		began, counts := time.Now(), &Counts{Faults: map[string]int{}}
		var wrong []string
		c.begin(fmt.Sprint("log", index), "MUTANT="+name)
		for end := index + *howMany; index < end && len(wrong) == 0; index++ {
			wrong = run(t, c, counts, index, rand.Uint64())
		}
		if len(wrong) == 0 {
			t.Errorf("%s is not caught by %d histories", name, *howMany)
			continue
		}
		t.Logf("%s is caught in %s by history %d, which says:\n%s", name, time.Since(began).Round(time.Second), counts.Histories, strings.Join(wrong, "\n"))
	}
}

// enough wants something to have been tried: what does nothing does nothing wrong.
func (c *Counts) enough(t *testing.T) {
	if c.Undecided > 0 {
		t.Errorf("Porcupine could not decide %d times", c.Undecided)
	}
	for what, is := range map[string][2]int{
		"commands succeeded": {c.OK, least * c.Histories}, "were refused": {c.Refused, 10 * c.Histories},
		"reads": {c.Reads, least * c.Histories}, "outcomes were unknown": {c.Unknown, c.Histories}, "repetitions": {c.Replayed, 3 * c.Histories},
	} {
		if is[0] < is[1] {
			t.Errorf("%s: %d; at least %d are wanted", what, is[0], is[1])
		}
	}
	if c.Histories < 100 {
		return
	}
	for _, o := range often {
		if c.Faults[string(o.kind)] == 0 {
			t.Errorf("never was: %s", o.kind)
		}
	}
}
