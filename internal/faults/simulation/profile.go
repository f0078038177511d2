package simulation

import (
	"math/rand/v2"
	"time"
)

// profile is what kind of world a seed makes. Most seeds have some sorts of faults and
// not others: where everything fails at once, little gets far enough to go wrong.
type profile struct {
	nodes, clients, accounts int
	commands                 int // in all, before it gets quiet

	// How often a call fails, and how often its answer comes in a later step.
	appendFaults, readFaults, otherFaults, slowAnswers float64
	// How often a read does not see all that nobody was told of.
	partial float64
	// How often, of ten thousand steps, such a thing happens.
	crash, stop, standstill, cut, skew, foreign, replay, snapshot int
	// late is how many steps, on average, an append stays in the air.
	late int

	strange   bool // an event comes that this version does not know
	regresses bool // the log loses its end
	relay     bool // there is a durable subscriber
	followers int
	named     bool // there is a subscriber that the store knows by name
	history   int  // how many events of another service there are from the beginning

	batchEvents, queueLimit, windowEvents int
	snapshotEvents                        int64
	snapshotAtClose                       bool
	maxKeys                               int
	maxSkew                               time.Duration
	behind                                time.Duration // of all clocks, from the beginning
}

func choose[T any](dice *rand.Rand, from ...T) T { return from[dice.IntN(len(from))] }

func newProfile(dice *rand.Rand) profile {
	p := profile{
		nodes: choose(dice, 1, 2, 2, 3, 3, 4), clients: 2 + dice.IntN(4), accounts: 2 + dice.IntN(5),
		commands:     15 + dice.IntN(30),
		appendFaults: choose(dice, 0, 0.1, 0.3), readFaults: choose(dice, 0, 0.05, 0.2), otherFaults: choose(dice, 0, 0, 0.1),
		slowAnswers: choose(dice, 0, 0.3, 0.6), partial: choose(dice, 0, 0.3, 0.8),
		crash: choose(dice, 0, 30, 100), stop: choose(dice, 0, 0, 30), standstill: choose(dice, 0, 50, 100),
		cut: choose(dice, 0, 0, 50), skew: choose(dice, 0, 0, 100), foreign: choose(dice, 0, 0, 100),
		replay: choose(dice, 0, 0, 60), snapshot: choose(dice, 0, 0, 60), late: choose(dice, 5, 20, 100),
		strange: dice.IntN(25) == 0, relay: dice.IntN(3) == 0, followers: choose(dice, 0, 0, 1, 2),
		batchEvents: choose(dice, 1, 2, 4, 16), queueLimit: choose(dice, 2, 100, 100), windowEvents: choose(dice, 2, 8, 64),
		snapshotEvents: choose(dice, int64(0), 0, 0, 6, 15), snapshotAtClose: dice.IntN(4) == 0, maxKeys: choose(dice, 0, 0, 0, 6),
		maxSkew: choose(dice, 0, 0, 5*time.Second), behind: choose(dice, 0, 0, 0, 30*time.Hour),
	}
	p.named = dice.IntN(4) == 0
	if dice.IntN(40) == 0 {
		p.history = choose(dice, 300, 1500)
	}
	p.regresses = !p.strange && dice.IntN(25) == 0
	if p.maxSkew > 0 {
		p.behind = 0
	}
	return p
}
