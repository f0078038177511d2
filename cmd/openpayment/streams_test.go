package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	streamsAccounts     = 20
	streamsWorkers      = 16 // that send commands
	streamsWriteTimeout = 3 * time.Second
	streamsNear         = 500 // events, among which there is one for every client
)

// streamsSize is how much the test of streams does.
type streamsSize struct {
	clients int
	rate    int           // commands a second
	phase   time.Duration // how long latencies are measured, without streams and with them
	rounds  int           // of such phases
}

// sizeOfStreams is bounded for everyday runs; OPENPAYMENT_TEST_STREAMS sets another
// number of clients, and of commands such that each gets about 100 events a second.
func sizeOfStreams(t testing.TB) streamsSize {
	if text := os.Getenv("OPENPAYMENT_TEST_STREAMS"); text != "" {
		clients, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return streamsSize{clients: clients, rate: 1000, phase: 15 * time.Second, rounds: 3}
	}
	return streamsSize{clients: 50, rate: 200, phase: 2 * time.Second, rounds: 1}
}

// TestStreamsGiveEveryClientItsEventsOnceThoughHalfOfThemAreSlow has many clients follow
// the log, while commands are carried out at a steady rate. Latencies with and without
// streams are reported, not judged: they are the machine's as well.
func TestStreamsGiveEveryClientItsEventsOnceThoughHalfOfThemAreSlow(t *testing.T) {
	size := sizeOfStreams(t)
	p := start(t, "--store", stores["sqlite"](t), "--stream-write-timeout", streamsWriteTimeout.String(), "--snapshot-interval", "0", "--snapshot-events", "0")
	for i := range streamsAccounts {
		p.must(http.StatusCreated, "POST", "/v1/accounts", `{"accountNumber":"`+aNumber(i)+`","sortCode":"10-20-30"}`)
		p.must(http.StatusCreated, "POST", "/v1/accounts/"+aNumber(i)+"/deposits", `{"amount":1000000000,"currency":"GBP"}`)
	}
	var hurry atomic.Bool
	watchers := newWatchers(t, p, size.clients, &hurry)
	ctx, stop := context.WithCancel(t.Context())
	var commands sync.WaitGroup
	steady := startCommands(ctx, p, &commands, size.rate)
	var quiet, busy []time.Duration
	for range size.rounds {
		quiet = append(quiet, steady.measure(size.phase)...)
		following, leave := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for _, w := range watchers {
			w.caughtUp.Store(false)
			clients.Go(func() { w.run(following) })
		}
		hurry.Store(true)
		p.Eventually("all clients have caught up", func() bool {
			return !slices.ContainsFunc(watchers, func(w *watcher) bool { return !w.caughtUp.Load() })
		})
		hurry.Store(false)
		before, began := delivered(watchers), time.Now()
		busy = append(busy, steady.measure(size.phase)...)
		t.Logf("%.0f deliveries/s to %d clients; the service takes %s MB",
			float64(delivered(watchers)-before)/time.Since(began).Seconds(), size.clients, p.resident())
		leave()
		clients.Wait()
	}
	stop()
	commands.Wait()
	t.Logf("commands/s %d; without streams %s; with streams %s", size.rate, spread(quiet), spread(busy))
	finish(t, p, watchers, &hurry)
}

// finish lets all clients get what is left, and compares.
func finish(t *testing.T, p *process, watchers []*watcher, hurry *atomic.Bool) {
	all := p.wholeLog()
	postings := make([]posting, len(all))
	for i, ev := range all {
		if err := json.Unmarshal(ev.Data, &postings[i]); err != nil {
			t.Fatal(err)
		}
	}
	hurry.Store(true)
	following, leave := context.WithCancel(t.Context())
	defer leave()
	var clients sync.WaitGroup
	thrownOut, goodbyes, connections := 0, 0, 0
	for _, w := range watchers {
		last := int64(0)
		for i, ev := range all {
			if from, to := postings[i].accounts(ev.Type); w.wants(ev.Type, from, to) {
				last = ev.Seq
			}
		}
		clients.Go(func() { w.run(following) })
		p.Eventually("a client has got its last event", func() bool { return w.at.Load() >= last })
	}
	leave()
	clients.Wait()
	for _, w := range watchers {
		w.check(all, postings)
		connections += w.connections
		thrownOut += w.thrownOut
		goodbyes += w.goodbyes
	}
	t.Logf("%d events in the log, %d delivered over %d connections; %d were ended by the service, %d of them with a goodbye",
		len(all), delivered(watchers), connections, thrownOut, goodbyes)
}

// newWatchers makes clients with filters such that one event goes to about a tenth of
// them. Every other one is slow; of those that want everything, which is more than the
// system's buffers take, every other one stops to read once.
func newWatchers(t testing.TB, p *process, n int, hurry *atomic.Bool) []*watcher {
	all := make([]*watcher, n)
	for i := range all {
		w := &watcher{t: t, p: p, about: -1, ndjson: i%4 >= 2, slow: i%2 == 1, stuck: i%100 == 10, hurry: hurry}
		switch {
		case i%50 == 10: // everything
		case i%5 == 0:
			w.typ = "funds.withdrawn"
		case i%5 == 2:
			w.typ, w.about = "funds.deposited", i%streamsAccounts
		default:
			w.about = i % streamsAccounts
		}
		all[i] = w
	}
	return all
}

func delivered(watchers []*watcher) (n int64) {
	for _, w := range watchers {
		n += w.got.Load()
	}
	return n
}

// steadyCommands are sent at a steady rate.
type steadyCommands struct {
	t    testing.TB
	mu   sync.Mutex // guards took
	took []time.Duration
}

// startCommands sends so many commands a second until ctx ends.
func startCommands(ctx context.Context, p *process, workers *sync.WaitGroup, rate int) *steadyCommands {
	s := &steadyCommands{t: p.T}
	for range streamsWorkers {
		workers.Go(func() {
			tick := time.NewTicker(time.Second * streamsWorkers / time.Duration(rate))
			defer tick.Stop()
			for ctx.Err() == nil {
				s.send(p)
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	return s
}

func (s *steadyCommands) send(p *process) {
	from := rand.IntN(streamsAccounts)
	path, body := "/v1/accounts/"+aNumber(from)+"/deposits", `{"amount":1,"currency":"GBP","reference":"steady"}`
	switch n := rand.IntN(10); {
	case n < 2:
		path = "/v1/accounts/" + aNumber(from) + "/withdrawals"
	case n < 7:
		path = "/v1/transfers"
		body = fmt.Sprintf(`{"from":"%s","to":"%s","amount":1,"currency":"GBP","reference":"steady"}`, aNumber(from), aNumber((from+1+rand.IntN(streamsAccounts-1))%streamsAccounts))
	}
	began := time.Now()
	a, err := p.do("POST", path, body)
	if err != nil || a.status != http.StatusCreated {
		s.t.Errorf("%s: %d %v %s", path, a.status, err, a.body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, time.Since(began))
}

// measure gives how long the commands of this time took.
func (s *steadyCommands) measure(d time.Duration) []time.Duration {
	s.mu.Lock()
	s.took = nil
	s.mu.Unlock()
	<-time.After(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.took)
}

func spread(took []time.Duration) string {
	slices.Sort(took)
	at := func(part float64) time.Duration {
		return took[int(part*float64(len(took)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("n %d p50 %s p90 %s p99 %s p99.9 %s", len(took), at(0.5), at(0.9), at(0.99), at(0.999))
}

// resident is how many MB of memory the process takes.
func (p *process) resident() string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	found := regexp.MustCompile(`VmRSS:\s+(\d+)\d{3} kB`).FindSubmatch(status)
	if err != nil || found == nil {
		return "?"
	}
	return string(found[1])
}

// TestSIGTERMSaysGoodbyeToStreams ends the service while clients follow it.
func TestSIGTERMSaysGoodbyeToStreams(t *testing.T) {
	p := start(t, "--store", "memory:")
	p.must(http.StatusCreated, "POST", "/v1/accounts", `{"sortCode":"10-20-30"}`)
	const clients = 5
	bodies := make(chan string, clients)
	for range clients {
		go func() {
			answer, err := http.Get(p.URL + "/v1/events/stream")
			if err != nil {
				bodies <- err.Error()
				return
			}
			defer answer.Body.Close()
			r := bufio.NewReader(answer.Body)
			first, _ := r.ReadString('\n')
			bodies <- first
			rest, err := io.ReadAll(r)
			bodies <- fmt.Sprint(string(rest), err)
		}()
	}
	for range clients {
		if first := <-bodies; first != "id: 1\n" {
			t.Error(first)
		}
	}
	if code := p.Terminate(); code != exitOK {
		t.Errorf("exit code %d\n%s", code, p.Log())
	}
	for range clients {
		if rest := <-bodies; !strings.Contains(rest, "event: goodbye\ndata: {") || !strings.Contains(rest, `"code":"shutting-down"`) || !strings.HasSuffix(rest, "\n\n<nil>") {
			t.Errorf("%q", rest)
		}
	}
}
