package histories

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/internal/cassandratest"
	"openpayment/internal/pause"
)

// keyspace is where all logs of a run are.
const keyspace = "histories"

// cluster is three services on a ring. Its methods are for the test's goroutine.
type cluster struct {
	t        testing.TB
	ring     *cassandratest.Ring
	networks [nodes][]*cassandratest.Forwarder // of each service: to each Cassandra node
	services [nodes]*service
	http     *http.Client
	dir      string // of everything: programs, logs, failures

	log   string // its name
	store *cassandra.Store
	head  eventstore.Head // as far as this test has read the log

	starting []<-chan error // of the Cassandra nodes that are being started
}

// newCluster starts a ring, and builds the program with tags.
func newCluster(t testing.TB, dir, tags string) *cluster {
	c := &cluster{t: t, dir: dir, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}}
	c.ring = cassandratest.StartRing(t,
		// What is acknowledged must outlive that all nodes are killed at once.
		cassandratest.Setting("commitlog_sync", "batch"), cassandratest.Setting("commitlog_sync_period", ""),
		cassandratest.Setting("read_request_timeout", "2s"), cassandratest.Setting("write_request_timeout", "2s"),
		cassandratest.Setting("cas_contention_timeout", "1s"))
	t.Cleanup(func() { // before the ring's
		for _, started := range c.starting {
			<-started
		}
		c.http.CloseIdleConnections()
	})
	program := build(t, dir, tags)
	for i := range c.services {
		c.networks[i] = c.ring.Forward(t)
		home := filepath.Join(dir, fmt.Sprint("node", i))
		if err := os.MkdirAll(home, 0o700); err != nil {
			t.Fatal(err)
		}
		port, err := cassandratest.FreePort("127.0.0.1") // and free while the service is killed
		if err != nil {
			t.Fatal(err)
		}
		listen := fmt.Sprint("127.0.0.1:", port)
		c.services[i] = &service{t: t, program: program, dir: home, listen: listen, url: "http://" + listen}
		t.Cleanup(c.services[i].kill)
	}
	return c
}

// begin has the services work on a new log, with more environment.
func (c *cluster) begin(log string, env ...string) {
	c.t.Helper()
	c.end()
	c.log, c.head = log, eventstore.Head{}
	c.open()
	for i, s := range c.services {
		var ways []string
		for _, f := range c.networks[i] {
			ways = append(ways, f.Host())
		}
		s.args = []string{
			"--store", fmt.Sprintf("cassandra://%s/%s?log=%s&timeout=2s&connect-timeout=1s", strings.Join(ways, ","), keyspace, log),
			"--request-timeout", "3s", "--catch-up-timeout", "2s", "--startup-timeout", "5m", "--poll-max", "100ms", "--head-check", "1s",
			"--snapshot-events", "1000", "--drain-delay", "0s",
		}
		s.clock, s.env = 0, env
		s.start()
	}
	if err := c.calm(); err != nil {
		c.t.Fatal(err)
	}
}

// open opens the log. On nodes that have just started a first request may take longer than it is
// given, which is no fault of the product's: Open says that it may be called again.
func (c *cluster) open() {
	c.t.Helper()
	limit, cancel := context.WithTimeout(c.t.Context(), readyLimit)
	defer cancel()
	for {
		store, err := cassandra.Open(limit, cassandra.Config{Hosts: c.ring.Hosts(), Keyspace: keyspace, LogName: c.log, Replication: "3", Migrate: true, BucketSize: 1000})
		if err == nil {
			c.store = store
			c.t.Cleanup(func() { store.Close() })
			return
		}
		c.t.Logf("opening %s: %v", c.log, err)
		if eventstore.KindOf(err) != eventstore.KindUnavailable || !pause.For(limit, 100*time.Millisecond) {
			c.t.Fatalf("%s cannot be opened: %v", c.log, err)
		}
	}
}

// end kills the services, and closes the log.
func (c *cluster) end() {
	for _, s := range c.services {
		s.kill()
	}
	if c.store != nil {
		if err := c.store.Close(); err != nil {
			c.t.Error(err)
		}
	}
}

// whole tells whether all Cassandra nodes are there. If it has to be so, it waits for them.
func (c *cluster) whole(wait bool) bool {
	c.t.Helper()
	for len(c.starting) > 0 {
		var err error
		if wait {
			err = <-c.starting[0]
		} else {
			select {
			case err = <-c.starting[0]:
			default:
				return false
			}
		}
		if err != nil {
			c.t.Fatalf("a Cassandra node does not start again: %v", err)
		}
		c.starting = c.starting[1:]
	}
	return true
}

// readyLimit is how long a node may take to be ready, once nothing fails any more.
const readyLimit = 2 * time.Minute

// calm waits until all services are ready. The error names one that is not.
func (c *cluster) calm() error {
	c.t.Helper()
	deadline := time.After(readyLimit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i, s := range c.services {
		for status := 0; status != http.StatusOK; {
			s.check()
			status, _ = c.get(s.url+"/readyz", nil)
			select {
			case <-tick.C:
			case <-deadline:
				_, text := c.get(s.url+"/readyz?verbose", nil)
				return fmt.Errorf("node %d is not ready though nothing fails any more: %s\n%s", i, text, s.tail())
			}
		}
	}
	return nil
}

// get asks for what is no operation. The status is 0 when there is no answer.
func (c *cluster) get(url string, header http.Header) (status int, body []byte) {
	return c.ask(http.MethodGet, url, "", header, 10*time.Second)
}

func (c *cluster) ask(method, url, body string, header http.Header, limit time.Duration) (status int, answer []byte) {
	ctx, cancel := context.WithTimeout(c.t.Context(), limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(r)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return 0, []byte(err.Error())
	}
	return response.StatusCode, answer
}

// news reads what has come into the log, and checks the chain.
func (c *cluster) news() (events []eventstore.Event, err error) {
	for ev, err := range c.store.Read(c.t.Context(), c.head.Position, 0) {
		if err == nil {
			err = ev.Follows(c.head)
		}
		if err != nil {
			return events, fmt.Errorf("the log after %d: %w", c.head.Position, err)
		}
		c.head = ev.Head()
		events = append(events, ev)
	}
	return events, nil
}

// sameState demands that all nodes have the state of the head, and that it is one.
func (c *cluster) sameState() error {
	var states [nodes]struct {
		DigestPosition int64
		StateDigest    string
	}
	for i, s := range c.services {
		status, body := c.get(s.url+"/v1/admin/status", http.Header{"Consistency": {"strong"}})
		if status != http.StatusOK || json.Unmarshal(body, &states[i]) != nil {
			return fmt.Errorf("node %d: %d %s", i, status, body)
		}
		if states[i] != states[0] || states[i].DigestPosition != int64(c.head.Position) {
			return fmt.Errorf("the log's head is %d; the states are %+v", c.head.Position, states[:i+1])
		}
	}
	return nil
}

// finish has the program verify all of a log.
func (c *cluster) finish() {
	c.t.Helper()
	if c.log == "" || c.t.Failed() {
		return
	}
	c.whole(true)
	store := fmt.Sprintf("cassandra://%s/%s?log=%s", strings.Join(c.ring.Hosts(), ","), keyspace, c.log)
	out, err := exec.CommandContext(c.t.Context(), c.services[0].program, "log", "verify", "--json", "--store", store).CombinedOutput()
	var report struct {
		Events int64
		Intact bool
	}
	if err != nil || json.Unmarshal(out, &report) != nil || !report.Intact || report.Events != int64(c.head.Position) {
		c.t.Errorf("the log has %d events; its verification: %v\n%s", c.head.Position, err, out)
	}
}
