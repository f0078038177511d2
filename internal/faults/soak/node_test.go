package soak

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"openpayment/api/client"
)

// build makes the program.
func build(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "openpayment")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "openpayment/cmd/openpayment").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// node is a process that serves.
type node struct {
	t      testing.TB
	cmd    *exec.Cmd
	url    string
	http   *http.Client
	api    *client.Client
	exited chan struct{}

	mu   sync.Mutex // guards what follows
	tail []string   // of what it has logged
}

const tailLines = 40

// startNode returns when the node is ready. It is killed with the test.
func startNode(t testing.TB, program, store string, connections *http.Client, args ...string) *node {
	t.Helper()
	n := &node{t: t, http: connections, exited: make(chan struct{})}
	n.cmd = exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--store", store, "--drain-delay", "0s"}, args...)...)
	n.cmd.Dir = t.TempDir()
	n.cmd.Env = append(os.Environ(), "GOGC=100", "GOMEMLIMIT=off") // see heap
	stderr, err := n.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := make(chan string, 1)
	go n.follow(stderr, addresses)
	t.Cleanup(n.kill)
	select {
	case n.url = <-addresses:
	case <-n.exited:
		t.Fatalf("the node ended at once\n%s", n.log())
	case <-time.After(2 * time.Minute):
		t.Fatalf("the node does not listen\n%s", n.log())
	}
	if n.api, err = client.New(n.url, client.HTTPClient(connections)); err != nil {
		t.Fatal(err)
	}
	n.eventually("the node is ready", func() bool {
		s, err := n.api.Status(t.Context())
		return err == nil && s.Ready
	})
	return n
}

// follow reads the log until the process ends.
func (n *node) follow(stderr io.Reader, addresses chan<- string) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		n.mu.Lock()
		n.tail = append(n.tail[max(0, len(n.tail)+1-tailLines):], lines.Text())
		n.mu.Unlock()
		var line struct{ Message, URL string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "listening" {
			addresses <- line.URL
		}
	}
	_ = n.cmd.Wait() // how it ended shows in its exit code
	close(n.exited)
}

func (n *node) log() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.tail, "\n")
}

func (n *node) kill() {
	_ = n.cmd.Process.Kill() // it may have ended already
	<-n.exited
}

// stop demands that the node ends properly after SIGTERM.
func (n *node) stop() {
	n.t.Helper()
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.exited:
	case <-time.After(2 * time.Minute):
		n.t.Fatalf("the node does not end\n%s", n.log())
	}
	if code := n.cmd.ProcessState.ExitCode(); code != 0 {
		n.t.Errorf("exit code %d after SIGTERM\n%s", code, n.log())
	}
}

// eventually polls a condition of the process.
func (n *node) eventually(what string, condition func() bool) {
	n.t.Helper()
	deadline := time.After(5 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-n.exited:
			n.t.Fatalf("waiting until %s, the node ended\n%s", what, n.log())
		case <-deadline:
			n.t.Fatalf("not within five minutes: %s\n%s", what, n.log())
		}
	}
}

// request has an answer, read whole.
func (n *node) request(ctx context.Context, method, path, body string, headers ...string) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, n.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	answer, err := n.http.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, text, err
}

// replay has the node build its state anew from the start of the log, and demands that it
// is what it was; with swap the new one is served from then on.
func (n *node) replay(ctx context.Context, swap bool) error {
	r, err := n.api.StartReplay(ctx, client.ReplayOptions{Swap: swap})
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for err == nil && r.State == client.ReplayRunning {
		<-tick.C
		r, err = n.api.Replay(ctx, r.ID)
	}
	switch {
	case err != nil:
		return fmt.Errorf("a replay: %w", err)
	case r.State != client.ReplayDone || r.Match == nil || !*r.Match || r.KeysDiffer == nil || *r.KeysDiffer || !r.ChainVerified || r.Swapped != swap:
		text, err := json.Marshal(r)
		return fmt.Errorf("a replay does not find the state that is served: %s %w", text, err)
	}
	return nil
}
