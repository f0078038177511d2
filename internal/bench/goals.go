package bench

// Goal is what a result should come to, and what it must, where the conditions are those
// it was set for.
type Goal struct {
	Goal  float64 `json:"goal"`
	Floor float64 `json:"floor"`
	// Verdict is one of those below.
	Verdict string `json:"verdict"`
}

// The verdicts on a result.
const (
	Reached    = "goal reached"
	AboveFloor = "above the floor"
	Missed     = "missed"
)

// goal is one of the project's own, set for one machine with two cores, one node of Cassandra
// 5.0 with the second variant of Paxos and the commit log's defaults, and events of about
// 300 bytes.
type goal struct {
	name        string // of the case
	store       string // empty: any
	goal, floor float64
	fits        func(Settings) bool // nil: always
}

var goals = []goal{
	{name: "append/1000", store: Cassandra, goal: 1.5, floor: 1.2},
	{name: "append/256", store: Cassandra, goal: 1.2, floor: 0.9},
	{name: "append/64", store: Cassandra, goal: 0.4, floor: 0.3},
	{name: "append/1-conditional", store: Cassandra, goal: 1.5, floor: 1.5},
	{name: "append/1000", store: SQLite, goal: 0.6, floor: 0.6},
	{name: "writers/3", store: Cassandra, goal: 0.8, floor: 0.8},
	{name: "replay", store: Cassandra, goal: 0.5, floor: 0.5},
	{name: "replay", store: SQLite, goal: 0.5, floor: 0.5},
	{name: "http/commands", store: SQLite, goal: 0.5, floor: 0.5, fits: wideHTTP},
	{name: "http/commands", store: Cassandra, goal: 0.35, floor: 0.35, fits: wideHTTP},
	{name: "http/reads", goal: 0.85, floor: 0.85, fits: wideHTTP},
	{name: "snapshot/restore", goal: 15, floor: 15, fits: func(s Settings) bool { return s.Events >= 5_000_000 && s.Accounts >= 500_000 }},
	{name: "memory", goal: 700, floor: 700},
	{name: "stall", goal: 5, floor: 10, fits: func(s Settings) bool { return s.StallAccounts >= 1_000_000 }},
	{name: "growth", goal: 1.1, floor: 1.1, fits: func(s Settings) bool { return s.Short <= 100_000 && s.Long >= 10_000_000 }},
}

func wideHTTP(s Settings) bool { return s.Connections >= 128 }

// judge holds a case against its goal, if there is one that fits.
func judge(c *Case, store string, s Settings) {
	for _, g := range goals {
		if c.Failed != "" || g.name != c.Name || g.store != "" && g.store != store || g.fits != nil && !g.fits(s) {
			continue
		}
		c.Goal = &Goal{Goal: g.goal, Floor: g.floor, Verdict: verdict(c.Result, g)}
	}
}

func verdict(r Result, g goal) string {
	meets := func(limit float64) bool {
		if r.Less {
			return r.Median <= limit
		}
		return r.Median >= limit
	}
	switch {
	case meets(g.goal):
		return Reached
	case meets(g.floor):
		return AboveFloor
	}
	return Missed
}
