package simulation

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/internal/pause"
)

// Result is what came of one seed.
type Result struct {
	Seed      uint64
	Violation string // what was not as it must be; empty: nothing
	Trace     string // the story, step by step
	Hash      uint64 // of the story
	Steps     int
	Events    int
	Answers   map[string]int // how many of each sort the clients got
	Happened  map[string]int // how often each sort of thing happened
}

// world is all there is in one run. Its methods are the scheduler's goroutine's, but
// for those that say otherwise.
type world struct {
	profile profile
	dice    *rand.Rand
	ids     *rand.ChaCha8
	began   time.Time

	store      *store
	oracle     *oracle
	nodes      []*node
	clients    []*client
	followers  []*follower
	named      *named               // nil: there is none
	cancels    []context.CancelFunc // of what runs until it is ended
	processes  []*process
	operations []*operation
	keys       []account.Key // that clients have used
	commands   int           // still to be asked for
	steps      int
	happened   map[string]int
	quiet      bool // nothing fails any more
	strange    bool // the log has an event that no node understands
	regressed  bool // the log has lost events,
	noticed    bool // and everybody has had the time to find out

	mu         sync.Mutex // guards all below, and what the types say
	pending    []*call
	gone       []attempt // appends left by their callers
	answered   []*operation
	replayed   []replayed
	fed        []fed
	unfollowed []*follower
	unread     bool                // the named subscriber's reader has ended
	relayed    eventstore.Position // the newest event that the subscriber has taken
	over       bool                // all calls end at once
	story      []byte
	violation  string
}

type replayed struct {
	by     *process
	replay journal.Replay
}

// spent is how long the runs of this program have taken so far, by their own clocks, a
// time.Duration. Each takes place later than those before, for ids hold the time and never
// go back; and not much later, for time ends in 2262.
var spent atomic.Int64

// Run tells the story of a seed, on one processor: else it would be another each time.
// One at a time.
func Run(t *testing.T, seed uint64) (r Result) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // little of a run outlives it
	defer pause.Seed(seed)()
	defer watch(seed)()
	synctest.Test(t, func(*testing.T) {
		dawn := time.Now()
		pass(time.Duration(spent.Load()) + time.Minute)
		w := newWorld(seed)
		uuid.SetRand(w.ids)
		defer uuid.SetRand(nil)
		w.run()
		w.end()
		spent.Store(int64(time.Since(dawn)))
		r = w.result(seed)
	})
	return r
}

// longest is how long a run may take, by a real clock: it is some milliseconds mostly.
const longest = time.Minute

// watch ends the program, with all stacks, if a run does not come to its end: something
// goes round in a circle, which no made-up clock can tell.
func watch(seed uint64) (stop func()) {
	timer := time.AfterFunc(longest, func() {
		debug.SetTraceback("all")
		panic(fmt.Sprintf("seed %d: it goes on and on, and nothing comes to rest", seed))
	})
	return func() { timer.Stop() }
}

func newWorld(seed uint64) *world {
	dice := rand.New(rand.NewPCG(seed, 1))
	w := &world{dice: dice, profile: newProfile(dice), began: time.Now(), happened: make(map[string]int)}
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	w.ids = rand.NewChaCha8(key)
	w.store, w.oracle, w.commands = newStore(w), newOracle(w), w.profile.commands
	for i := range w.profile.nodes {
		n := &node{name: fmt.Sprintf("n%d", i+1)}
		n.skew.Store(int64(-w.profile.behind))
		w.nodes = append(w.nodes, n)
	}
	if w.profile.relay {
		w.nodes = append(w.nodes, &node{name: "relay", relay: true})
	}
	for i := range w.profile.clients {
		w.clients = append(w.clients, &client{number: i + 1})
	}
	for range w.profile.followers {
		w.followers = append(w.followers, &follower{})
	}
	if w.profile.named {
		w.named = &named{}
	}
	w.tell("%+v", w.profile)
	return w
}

func (w *world) newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// chance tells whether something happens that happens so often. Nothing bad does any
// more when it is quiet.
func (w *world) chance(often float64) bool { return !w.quiet && w.dice.Float64() < often }

// oneOf tells whether something happens that happens in so many of ten thousand steps.
func (w *world) oneOf(often int) bool { return often > 0 && w.dice.IntN(10000) < often }

// pass lets time go by.
func pass(d time.Duration) { pause.For(context.Background(), d) }

// tell adds a line to the story. Any goroutine may.
func (w *world) tell(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(format, args...)
}

// note is tell with mu held.
func (w *world) note(format string, args ...any) {
	if w.over {
		return
	}
	w.story = fmt.Appendf(w.story, "%10.3f ms  ", float64(time.Since(w.began).Microseconds())/1000)
	w.story = fmt.Appendf(w.story, format, args...)
	w.story = append(w.story, '\n')
}

// violated says that something is not as it must be: the first time ends the run. Any
// goroutine may.
func (w *world) violated(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.violation == "" && !w.over {
		w.violation = fmt.Sprintf(format, args...)
		w.note("VIOLATED: %s", w.violation)
	}
}

func (w *world) bad() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.violation != ""
}

func (w *world) result(seed uint64) Result {
	sum := fnv.New64a()
	_, _ = sum.Write(w.story) // it can't fail
	r := Result{Seed: seed, Violation: w.violation, Trace: string(w.story), Hash: sum.Sum64(), Steps: w.steps, Events: len(w.store.events), Answers: make(map[string]int), Happened: w.happened}
	for _, o := range w.operations {
		r.Answers[o.sort()]++
	}
	return r
}

// settleDown waits until nothing moves, and looks at what has come of the last step.
func (w *world) settleDown() {
	synctest.Wait()
	w.mu.Lock()
	w.store.late = append(w.store.late, w.gone...)
	w.gone = nil
	w.mu.Unlock()
	w.look()
	w.collect()
	w.feed()
	w.inspect()
}

// end ends everything that still runs: whoever waits for the store gets an error.
func (w *world) end() {
	w.mu.Lock()
	w.over = true
	pending := w.pending
	w.pending = nil
	w.mu.Unlock()
	for _, c := range pending {
		c.done <- answer{nil, fault(c.op, eventstore.KindUnavailable)}
	}
	for _, o := range w.operations {
		o.cancel()
	}
	for _, cancel := range w.cancels {
		cancel()
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	synctest.Wait()
	for _, p := range w.processes {
		p.close(ended)
	}
	synctest.Wait()
}
