package histories

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// faultKind is something that goes wrong, or that is done at an inconvenient moment.
type faultKind string

const (
	killService    faultKind = "service killed"
	skewService    faultKind = "service started with a wrong clock"
	stopService    faultKind = "service stood still"
	stopCassandra  faultKind = "Cassandra node stood still"
	killCassandra  faultKind = "Cassandra node killed"
	restartRing    faultKind = "ring killed"
	cutNetwork     faultKind = "network cut"
	holdNetwork    faultKind = "network held"
	delayNetwork   faultKind = "network delayed"
	takeSnapshot   faultKind = "snapshot"
	replayFromZero faultKind = "replay"
)

// often says how often each is drawn; the rest is drawn for whole histories.
var often = []struct {
	kind  faultKind
	times int
}{
	{killService, 5}, {skewService, 2}, {stopService, 4}, {stopCassandra, 4}, {killCassandra, 1},
	{cutNetwork, 3}, {holdNetwork, 3}, {delayNetwork, 3}, {takeSnapshot, 3}, {replayFromZero, 3},
}

// fault is one of a history's plan.
type fault struct {
	kind faultKind
	at   time.Duration // after the history began
	last time.Duration // from then; of no meaning for snapshots and replays
	node int           // the service's, or the Cassandra node's
	to   int           // of a network: the Cassandra node that can't be reached; negative: none can
	by   time.Duration // clocks, delays
}

func (f fault) String() string {
	s := fmt.Sprintf("%s %s", f.at.Round(time.Millisecond), f.kind)
	if f.kind != restartRing {
		s += fmt.Sprintf(" %d", f.node)
	}
	if f.network() && f.to >= 0 {
		s += fmt.Sprintf(" to %d", f.to)
	}
	if f.by != 0 {
		s += fmt.Sprintf(" by %s", f.by)
	}
	if f.last != 0 {
		s += fmt.Sprintf(" for %s", f.last.Round(time.Millisecond))
	}
	return s
}

func (f fault) network() bool {
	return f.kind == cutNetwork || f.kind == holdNetwork || f.kind == delayNetwork
}

// place is what no two faults may have at the same time.
func (f fault) place() string {
	switch f.kind {
	case killService, skewService, stopService:
		return fmt.Sprint("service ", f.node)
	case stopCassandra, killCassandra:
		return "cassandra" // two of three are needed
	case cutNetwork, holdNetwork, delayNetwork:
		return fmt.Sprint("network ", f.node)
	}
	return string(f.kind)
}

// nodes is how many there are of each.
const nodes = 3

// chance is what a history's, or a client's, follows from.
func chance(seed uint64, which int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(which))) }

// draw makes the plan of one history of a length, in the order of time.
func draw(rng *rand.Rand, length time.Duration, ring bool) []fault {
	if ring { // that is enough
		return []fault{{kind: restartRing, at: length / 4, last: length / 8}}
	}
	var kinds []faultKind
	for _, o := range often {
		kinds = append(kinds, slices.Repeat([]faultKind{o.kind}, o.times)...)
	}
	var plan []fault
	for range 2 + rng.IntN(5) {
		f := fault{
			kind: kinds[rng.IntN(len(kinds))], node: rng.IntN(nodes), to: rng.IntN(2*nodes) - nodes,
			at: time.Duration(rng.Int64N(int64(length * 3 / 4))), last: 200*time.Millisecond + time.Duration(rng.Int64N(int64(length/4))),
		}
		switch f.kind {
		case skewService: // by more than is allowed, too
			f.by, f.last = time.Duration(rng.IntN(15)-7)*time.Second, length/2
		case delayNetwork:
			f.by = time.Duration(5+rng.IntN(100)) * time.Millisecond
		case takeSnapshot, replayFromZero:
			f.last = 0
		}
		if !slices.ContainsFunc(plan, func(o fault) bool { return o.place() == f.place() && o.at <= f.at+f.last && f.at <= o.at+o.last }) {
			plan = append(plan, f)
		}
	}
	slices.SortFunc(plan, func(a, b fault) int { return cmp.Compare(a.at, b.at) })
	return plan
}
