package soak

import (
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
	"testing"
	"time"

	"openpayment/api/client"
	"openpayment/internal/servicetest"
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
	*servicetest.Process
	http *http.Client
	api  *client.Client
}

// startNode returns when the node is ready. It is killed with the test.
func startNode(t testing.TB, program, store string, connections *http.Client, args ...string) *node {
	t.Helper()
	cmd := exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--store", store, "--drain-delay", "0s"}, args...)...)
	cmd.Env = append(os.Environ(), "GOGC=100", "GOMEMLIMIT=off") // see heap
	n := &node{Process: servicetest.Start(t, cmd), http: connections}
	var err error
	if n.api, err = client.New(n.URL, client.HTTPClient(connections)); err != nil {
		t.Fatal(err)
	}
	n.Eventually("the node is ready", func() bool {
		s, err := n.api.Status(t.Context())
		return err == nil && s.Ready
	})
	return n
}

// stop demands that the node ends properly after SIGTERM.
func (n *node) stop() {
	n.T.Helper()
	if code := n.Terminate(); code != 0 {
		n.T.Errorf("exit code %d after SIGTERM\n%s", code, n.Log())
	}
}

// request has an answer, read whole.
func (n *node) request(ctx context.Context, method, path, body string, headers ...string) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, n.URL+path, strings.NewReader(body))
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
