package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/api/access"
	"openpayment/api/client"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
	"openpayment/internal/servicetest"
)

// TestAReplaySwapsUnderLoadWithoutARefusedRequest replays from the start and from a
// snapshot, with a swap each, while clients go on.
func TestAReplaySwapsUnderLoadWithoutARefusedRequest(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store)
		l := newLoad()
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for c := range 4 {
			clients.Go(func() { l.send(p, fmt.Sprintf("client%d", c), 1<<30, stop) })
		}
		p.Eventually("the load flows", func() bool { return l.acknowledged() > 100 })
		p.snapshot()
		for _, from := range []string{"start", "snapshot"} {
			out := succeed(t, "replay", "--from", from, "--swap", "--url", p.URL)
			for _, want := range []string{"from the " + from, "every event read matches its hash", "the state served is what the log says", "the new state is in its place"} {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		}
		close(stop)
		clients.Wait()
		if len(l.refused)+len(l.silent) > 0 {
			t.Errorf("refused: %v, without an answer: %v", l.refused, l.silent)
		}
		l.check(t, p.wholeLog())
		var job client.Replay
		if err := json.Unmarshal([]byte(succeed(t, "replay", "--json", "--url", p.URL)), &job); err != nil || !*job.Match || job.SnapshotsVerified != 1 || job.Swapped {
			t.Errorf("%+v, %v", job, err)
		}
		p.Eventually("it tells of three replays", func() bool { return len(p.logged("replay done: the live state is what the log says")) == 3 })
	})
}

// gated is a service with one event, whose replays stand still until the gate is
// open.
func gated(t *testing.T) (url string, gate *eventstoretest.Gate) {
	t.Helper()
	log := memory.New()
	store := eventstoretest.NewFaulty(log.Open())
	service, err := journal.Start(t.Context(), store, journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	handler := api.New(api.Config{Service: service})
	server := httptest.NewServer(handler)
	gate = eventstoretest.NewGate()
	t.Cleanup(func() {
		gate.Open()
		server.Close()
		_ = service.Close(context.Background())
	})
	p := &process{servicetest.Elsewhere(t, server.URL)}
	p.waitReady()
	p.open(1, 1)
	store.OnRead(gate.Read)
	<-gate.Arrived() // the poller's next read: the one after it is a replay's
	return server.URL, gate
}

// running is a command under way in this process.
type running struct {
	interrupt context.CancelFunc
	ended     chan result
}

func begin(t *testing.T, args ...string) running {
	ctx, cancel := context.WithCancel(t.Context())
	r := running{cancel, make(chan result, 1)}
	go func() { // ends with the command, which the test waits for
		var stdout, stderr bytes.Buffer
		code := run(ctx, args, &stdout, &stderr)
		r.ended <- result{code, stdout.String(), stderr.String()}
	}()
	return r
}

// theReplay is the id of the replay that a service runs.
func theReplay(t *testing.T, url string) string {
	t.Helper()
	p := &process{servicetest.Elsewhere(t, url)}
	id, _ := p.must(http.StatusConflict, "POST", "/v1/admin/replays", `{}`).get(t, "replay").(string)
	return id
}

func TestASecondReplayIsToldOfTheFirstWhichCanBeFollowedAndCancelled(t *testing.T) {
	url, gate := gated(t)
	first := begin(t, "replay", "--url", url)
	<-gate.Arrived()
	id := theReplay(t, url)
	fail(t, exitFailed, "replay "+id+" is running: openpayment replay --follow "+id, "replay", "--url", url)
	follower := begin(t, "replay", "--url", url, "--follow", id)
	follower.interrupt()
	if r := <-follower.ended; r.code != exitFailed || !strings.Contains(r.stderr, id) || !strings.Contains(r.stderr, "goes on") {
		t.Errorf("%+v", r)
	}
	if out := succeed(t, "replay", "--cancel", id, "--url", url); !strings.Contains(out, "has ended") {
		t.Error(out)
	}
	if r := <-first.ended; r.code != exitFailed || !strings.Contains(r.stderr, "is cancelled") {
		t.Errorf("%+v", r)
	}
	for _, flag := range []string{"--follow", "--cancel"} {
		r := fail(t, exitFailed, "no replay with this id", "replay", flag, "01890a5d-ac96-774b-bcce-b302099a8057", "--url", url)
		if strings.Contains(r.stderr, "--follow") {
			t.Errorf("what is not there can't be followed: %s", r.stderr)
		}
	}
}

func TestAnInterruptCancelsTheReplay(t *testing.T) {
	url, gate := gated(t)
	command := begin(t, "replay", "--swap", "--url", url)
	<-gate.Arrived()
	id := theReplay(t, url)
	command.interrupt()
	if r := <-command.ended; r.code != exitFailed || !strings.Contains(r.stderr, "is cancelled, and the service's state is as it was") {
		t.Errorf("%+v", r)
	}
	p := &process{servicetest.Elsewhere(t, url)}
	if a := p.must(http.StatusOK, "GET", "/v1/admin/replays/"+id, ""); a.get(t, "state") != "cancelled" {
		t.Errorf("%s", a.body)
	}
	gate.Open()
	succeed(t, "replay", "--url", url)
}

func TestAnInterruptThatComesTooLateTellsWhatBecameOfTheReplay(t *testing.T) {
	asked := make(chan struct{}, 100)
	var ended atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		state, swapped := "running", false
		switch {
		case req.Method == http.MethodDelete: // it had ended by then
			ended.Store(true)
			w.WriteHeader(http.StatusNoContent)
			return
		case ended.Load():
			state, swapped = "done", true
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":"7","state":%q,"from":"start","swap":true,"swapped":%t}`, state, swapped)
		asked <- struct{}{}
	}))
	t.Cleanup(server.Close)
	command := begin(t, "replay", "--swap", "--url", server.URL)
	<-asked
	<-asked
	command.interrupt()
	if r := <-command.ended; r.code != exitOK || !strings.Contains(r.stdout, "the new state is in its place") {
		t.Errorf("%+v", r)
	}
}

// answering is a service that always answers so.
func answering(t *testing.T, status int, media, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAReplayPrintsWhatDiffersAndEndsAccordingly(t *testing.T) {
	const job = `{"id":"7","state":"%s","from":"start","swap":%t,"position":9,"head":9,"eventsPerSecond":3,"digest":"aa","liveDigest":"bb","match":false,"keysDiffer":true,"differing":1003,"differingSubjects":5,
		"subjectDifferences":[{"subject":"customers/1","live":2,"replayed":3},{"subject":"customers/2\u001b","live":null,"replayed":4},{"subject":"customers/3","live":5,"replayed":null}],
		"differences":[{"accountNumber":"12345678","fields":["sortCode","balance"],"live":{},"replayed":{}},{"accountNumber":"12345679","fields":[],"live":null,"replayed":{}},
		{"accountNumber":"12345680","fields":[],"live":{},"replayed":null}],"chainVerified":true,"snapshotsVerified":2,"snapshotFaults":["snapshot x at event 3: y"],"swapped":%t,
		"error":%s,"startedAt":"2026-01-02T03:04:05.006Z","endedAt":"2026-01-02T03:04:08.006Z"}`
	url := answering(t, 200, "application/json", fmt.Sprintf(job, "done", false, false, "null"))
	r := fail(t, exitFailed, "replay --swap puts the right one in its place", "replay", "--url", url)
	for _, want := range []string{
		"account 12345678: differs in sortCode, balance\n", "account 12345679: is in the log, but not in the state served\n",
		"account 12345680: is in the state served, but not in the log\n", "and 1000 accounts more\n", "the idempotency keys remembered differ\n", "snapshot x at event 3: y\n",
		"up to event 9 from the start, in 3s (3/s)", "2 snapshots", "log's state: aa\n", "state served: bb\n", "NOT what the log says: 1003 accounts differ, 5 subjects of other services' events\n",
		"subject customers/1: the last event about it is 3 in the log, and 2 in the state served\n", "subject customers/2�: the last event about it is 4 in the log, and there is none in",
		"subject customers/3: the last event about it is 5 in the state served, and there is none in the log\n", "and 2 subjects more\n",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	swapped := answering(t, 200, "application/json", fmt.Sprintf(job, "done", true, true, "null"))
	if out := succeed(t, "replay", "--swap", "--url", swapped); !strings.Contains(out, "the new state is in its place") {
		t.Error(out)
	}
	failed := answering(t, 200, "application/json", fmt.Sprintf(job, "failed", true, false, `"event 7: it is damaged"`))
	fail(t, exitFailed, "event 7: it is damaged", "replay", "--swap", "--url", failed)
}

func TestWhatKeepsTheServiceFromBeingAskedIsSaid(t *testing.T) {
	t.Setenv(envName("retry-for"), "0s")
	known, err := tokenSource{admin: "secret"}.load()
	if err != nil {
		t.Fatal(err)
	}
	locked := httptest.NewServer(api.New(api.Config{Guard: access.NewGuard(known...)}))
	defer locked.Close()
	starting := httptest.NewServer(api.New(api.Config{}))
	defer starting.Close()
	for _, c := range []struct{ url, says string }{
		{"http://127.0.0.1:1", "does it run? --url says where it is"},
		{answering(t, 404, "text/html", "<html>"), "no OpenPayment service: status 404"},
		{answering(t, 200, "text/html", "<html>"), "no OpenPayment service: its answer is no"},
		{answering(t, 200, "application/json", "{}"), "no OpenPayment service: its answer is no"},
		{locked.URL, clientTokenVariable},
		{starting.URL, "the store has not been reached yet"},
	} {
		fail(t, exitFailed, c.says, "replay", "--url", c.url)
		fail(t, exitFailed, c.says, "snapshot", "create", "--url", c.url)
	}
	t.Setenv(tokenVariable, "secret")
	fail(t, exitFailed, "the store has not been reached yet", "replay", "--url", locked.URL)
	for _, args := range []string{"replay --url 127.0.0.1:8080", "replay --url http://x/y", "replay --url http://x?y", "replay --url http://x#y", "replay --url http://me:pw@x",
		"replay --from begin", "replay --follow a --cancel b", "replay --follow x", "replay --cancel 01890A5D-AC96-774B-BCCE-B302099A8057", "replay now",
		"replay --swap --follow 01890a5d-ac96-774b-bcce-b302099a8057", "replay --from snapshot --cancel 01890a5d-ac96-774b-bcce-b302099a8057",
		"snapshot create --url x", "snapshot", "snapshot tkae", "snapshot delete", "snapshot delete --all x", "snapshot list x"} {
		if args == "snapshot" {
			succeed(t, args)
			continue
		}
		fail(t, exitUsage, "", strings.Fields(args)...)
	}
	if r := command(t, "replay", "--url", "http://me:pw@x"); strings.Contains(r.stderr, "pw") {
		t.Errorf("the password is shown: %s", r.stderr)
	}
	for _, args := range [][]string{{"replay"}, {"snapshot", "create"}, {"snapshot", "list"}, {"snapshot", "verify"}, {"snapshot", "delete"}} {
		if help := succeed(t, append(args, "--help")...); !strings.Contains(help, "Examples:") {
			t.Errorf("the help of %v has no examples", args)
		}
	}
}
