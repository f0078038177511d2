package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // reads the file behind the service's back

	"openpayment/eventstore"
	"openpayment/eventstore/sqlite"
	"openpayment/internal/faults/figures"
)

// crashCycles is how often the service is killed; OPENPAYMENT_TEST_CRASHES sets
// another number, 1,000 in the long form.
func crashCycles(t testing.TB) int {
	text := os.Getenv("OPENPAYMENT_TEST_CRASHES")
	if text == "" {
		return 30
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const (
	crashClients = 6
	crashWithin  = 300 * time.Millisecond // of listening, one time in four, or of being ready
)

// TestAFileOutlivesACrashAtAnyMoment kills a loaded service again and again, at
// random moments of start, load and snapshots, on one file. What SQLite and the
// clients know is compared after each time.
func TestAFileOutlivesACrashAtAnyMoment(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "log.db")
	c := crashes{t: t, path: path, load: newLoad(), at: map[string]int64{}}
	cycles := crashCycles(t)
	if _, err := binary(); err != nil { // takes its time, which is not the cycles'
		t.Fatal(err)
	}
	begin, reported := time.Now(), time.Now()
	for cycle := range cycles {
		p := launch(t, "--store", "sqlite:"+path, "--snapshot-events", "200", "--snapshot-keep", "2")
		again := c.withoutAnswer()
		var clients sync.WaitGroup
		for i := range crashClients {
			clients.Go(func() {
				for n := i; n < len(again); n += crashClients {
					c.open(p, again[n])
				}
				c.work(p, fmt.Sprintf("cycle%d-client%d", cycle, i))
			})
		}
		if rng.IntN(4) > 0 { // else it may not come to do anything: a start takes longer than that
			p.waitReady()
		}
		<-time.After(time.Duration(rng.Int64N(int64(crashWithin))))
		p.Kill()
		clients.Wait()
		if c.check(cycle); t.Failed() {
			t.Fatalf("after %d cycles", cycle+1)
		}
		if time.Since(reported) > time.Minute {
			reported = time.Now()
			t.Logf("%d cycles in %s: %s", cycle+1, time.Since(begin).Round(time.Second), c.counts())
		}
	}
	c.finish()
	if len(c.load.stored) < 10*cycles || len(c.load.refused) == 0 {
		t.Error("that is too little to say anything")
	}
	figures.Keep(t, begin, map[string]any{
		"seed": seed, "crashes": cycles, "acknowledged": len(c.load.stored), "refused": len(c.load.refused) - len(c.load.doubtful), "in doubt": len(c.load.doubtful),
		"events": c.head.Position, "write-ahead logs left": c.hot, "whole snapshots at the end": c.snaps,
	})
}

// crashes is what clients were told over all cycles, and what the file held after
// the last of them.
type crashes struct {
	t     testing.TB
	path  string
	load  *load
	at    map[string]int64 // request id → position, of all events up to head
	head  eventstore.Head
	hot   int // cycles that left something in the write-ahead log
	snaps int // whole snapshots at the end
}

func (c *crashes) counts() string {
	l := c.load
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d acknowledged, %d refused, %d in doubt, %d without an answer; %d events; a write-ahead log left %d times, %d snapshots whole",
		len(l.stored), len(l.refused)-len(l.doubtful), len(l.doubtful), len(l.silent), c.head.Position, c.hot, c.snaps)
}

// withoutAnswer are the commands to be sent again, under the same key.
func (c *crashes) withoutAnswer() []string {
	c.load.mu.Lock()
	defer c.load.mu.Unlock()
	var ids []string
	for id := range c.load.silent {
		ids = append(ids, id)
	}
	return ids
}

// work sends commands until there is no service any more. Every eighth is for an
// account that is there already, mostly.
func (c *crashes) work(p *process, client string) {
	for i := 0; ; i++ {
		if !c.open(p, fmt.Sprintf("%s-%d", client, i)) {
			return
		}
	}
}

// open tells whether there was an answer.
func (c *crashes) open(p *process, id string) bool {
	body := `{"sortCode":"10-20-30"}`
	if strings.HasSuffix(id, "7") {
		body = `{"sortCode":"10-20-30","accountNumber":"77777777"}`
	}
	a, err := p.do("POST", "/v1/accounts", body, "X-Request-Id: "+id, "Idempotency-Key: "+id)
	c.load.note(id, a, err)
	return err == nil
}

// check looks at a copy of what the crash left, so that the next start finds that
// as it is. What it has seen before is not read again but counted.
func (c *crashes) check(cycle int) {
	c.t.Helper()
	copied := c.path + ".copy"
	copyFile(c.t, c.path, copied)
	if copyFile(c.t, c.path+"-wal", copied+"-wal") > 0 {
		c.hot++
	}
	db, err := sql.Open("sqlite", copied)
	if err != nil {
		c.t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		c.t.Fatalf("cycle %d: %v %s", cycle, err, verdict)
	}
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: copied, Migrate: true}) // killed before the schema was made, perhaps
	if err != nil {
		c.t.Fatalf("cycle %d: %v", cycle, err)
	}
	defer s.Close()
	var count, newest int64
	if err := db.QueryRow("SELECT count(*), coalesce(max(seq), 0) FROM events").Scan(&count, &newest); err != nil || count != newest || newest < int64(c.head.Position) {
		c.t.Fatalf("cycle %d: %d events up to %d, %d before: %v", cycle, count, newest, c.head.Position, err)
	}
	for ev, err := range s.Read(context.Background(), c.head.Position, 0) {
		if err == nil {
			err = ev.Follows(c.head)
		}
		if err != nil {
			c.t.Fatalf("cycle %d: %v", cycle, err)
		}
		id := ev.Meta.Get("requestId")
		if before, twice := c.at[id]; twice {
			c.t.Errorf("cycle %d: command %s stands at %d and at %d", cycle, id, before, ev.Seq)
		}
		c.at[id], c.head = int64(ev.Seq), ev.Head()
	}
	c.load.compare(c.t, c.at)
	os.Remove(copied)
	os.Remove(copied + "-wal")
}

// finish reads all of the log in both ways, and what is left of the snapshots.
func (c *crashes) finish() {
	store := "sqlite:" + c.path
	p := start(c.t, "--store", store)
	for _, id := range c.withoutAnswer() {
		c.open(p, id)
	}
	if left := c.withoutAnswer(); len(left) > 0 {
		c.t.Errorf("without an answer: %v", left)
	}
	events := p.wholeLog()
	c.load.check(c.t, events)
	p.must(http.StatusCreated, "POST", "/v1/admin/snapshots", "")
	succeed(c.t, "replay", "--url", p.URL)
	p.Terminate()
	if r := verified(c.t, store, exitOK); !r.Intact || r.Events != int64(len(events)) {
		c.t.Errorf("the log has %d events; its verification: %+v", len(events), r)
	}
	succeed(c.t, "snapshot", "verify", "--store", store)
	c.snaps = strings.Count(succeed(c.t, "snapshot", "list", "--json", "--store", store), `"intact": true`)
	c.check(-1)
}

// copyFile gives the number of bytes; none if from is not there.
func copyFile(t testing.TB, from, to string) int64 {
	t.Helper()
	in, err := os.Open(from)
	if os.IsNotExist(err) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(out, in)
	if closing := out.Close(); err != nil || closing != nil {
		t.Fatal(err, closing)
	}
	return n
}
