package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"openpayment/api/client"
	"openpayment/internal/cassandratest"
	"openpayment/internal/faults/figures"
)

var (
	duration       = flag.Duration("soak.duration", 20*time.Second, "how long the load goes on")
	rate           = flag.Int("soak.rate", 250, "requests a second, of both nodes together")
	snapshotEvents = flag.Int("soak.snapshot-events", 0, "events between two snapshots (default 300, in a run of more than five minutes 10,000)")
)

const (
	subscriber = 1 // the node that the named subscription is read from; the stream is the other's
	named      = "soak"
)

// soak is one run.
type soak struct {
	*load
	program, store string
	http           *http.Client
	samples        []sample
	delivered      client.Position // by the subscription
	replays, swaps atomic.Int64
}

func TestTheServiceIsAfterALongTimeAsItWas(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	began := time.Now()
	connections := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * workers}}
	t.Cleanup(connections.CloseIdleConnections)
	s := &soak{
		load:    &load{t: t, books: newBooks(t.Errorf), seed: rand.Uint64(), rate: *rate},
		program: build(t), store: "cassandra://" + cassandratest.Hosts(t)[0] + "/" + cassandratest.Keyspace(t), http: connections,
	}
	t.Logf("seed %d", s.seed)
	every := *snapshotEvents
	if every == 0 && *duration > 5*time.Minute {
		every = 10_000
	} else if every == 0 {
		every = 300
	}
	for range 2 {
		s.nodes = append(s.nodes, s.start("--snapshot-events", strconv.Itoa(every)))
	}
	stopFollowing := s.follow()
	s.open(t.Context())
	s.work()
	head := s.level()
	stopFollowing()
	figures.Keep(t, began, s.check(head))
}

func (s *soak) start(args ...string) *node {
	return startNode(s.t, s.program, s.store, s.http, args...)
}

// follow has a stream and a named subscription followed until it is stopped.
func (s *soak) follow() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for ev, err := range s.nodes[0].api.Stream(ctx, client.StreamQuery{}) {
			if err != nil {
				s.followed("stream", ctx, err)
				return
			}
			s.books.enter(ev)
		}
	})
	api := s.nodes[subscriber].api
	if _, err := api.PutSubscription(ctx, named, client.SubscriptionDefinition{}); err != nil {
		s.t.Error(err)
	}
	all.Go(func() {
		err := api.Follow(ctx, named, func(_ context.Context, ev client.Event) error {
			if ev.Seq != s.delivered+1 {
				s.t.Errorf("the subscription gives %d after %d", ev.Seq, s.delivered)
			}
			s.delivered = ev.Seq
			return nil
		}, client.FollowOptions{})
		s.followed("subscription", ctx, err)
	})
	stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	s.t.Cleanup(stop) // should the test end early
	return stop
}

// followed demands that nothing ends before it is told to.
func (s *soak) followed(what string, ctx context.Context, err error) {
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		s.t.Errorf("the %s ends: %v", what, err)
	}
}

// work has the load go on for the time that is wanted, replays run, and samples taken.
func (s *soak) work() {
	ctx, cancel := context.WithTimeout(s.t.Context(), *duration)
	defer cancel()
	s.drain() // of opening the accounts
	opening := s.done.Swap(0)
	began := time.Now()
	var all sync.WaitGroup
	all.Go(func() { s.run(ctx) })
	all.Go(func() { s.replayAll(ctx) })
	all.Go(func() { s.watch(ctx, began) })
	all.Wait()
	s.t.Logf("%d requests in %s, %d to open accounts", s.done.Load(), time.Since(began).Round(time.Second), opening)
}

// replayAll replays on one node after the other, sixteen times in all, or as often as one
// comes to an end; every other time the new state takes the place of the old.
func (s *soak) replayAll(ctx context.Context) {
	tick := time.NewTicker(*duration / 16)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		swap := n/len(s.nodes)%2 == 1
		if err := s.nodes[n%len(s.nodes)].replay(s.t.Context(), swap); err != nil {
			s.t.Error(err)
			return
		}
		if s.replays.Add(1); swap {
			s.swaps.Add(1)
		}
	}
}

// watch takes a sample at each interval, and says from time to time what it sees.
func (s *soak) watch(ctx context.Context, began time.Time) {
	interval := min(max(*duration/100, 250*time.Millisecond), 5*time.Second)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	told := began
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		next := sample{at: time.Since(began), accounts: float64(s.books.accounts()), done: s.done.Load(), times: s.drain(), nodes: make([]figuresOf, len(s.nodes))}
		for i, n := range s.nodes {
			f, err := scrape(s.t.Context(), n)
			if err != nil {
				s.t.Error(err)
				return
			}
			if f.halted > 0 {
				s.t.Errorf("node %d has halted\n%s", i, n.Log())
			}
			next.nodes[i], next.head = f, max(next.head, f.head)
		}
		s.samples = append(s.samples, next)
		if time.Since(told) > time.Minute {
			told = time.Now()
			fmt.Printf("%s of %s: %d requests, %.0f events, %d replays; heaps of %.0f and %.0f MiB\n", next.at.Round(time.Second), *duration,
				next.done, next.head, s.replays.Load(), next.nodes[0].heap/(1<<20), next.nodes[1].heap/(1<<20))
		}
	}
}
