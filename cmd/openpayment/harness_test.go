package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"openpayment/internal/openapitest"
	"openpayment/internal/servicetest"
)

// binary is the program under test, built once. Tests that kill it, or run two
// of it, need processes; the others call run.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "openpayment-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "openpayment")
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if stage := os.Getenv(dieAt); stage != "" {
		os.Exit(serveUntil(stage))
	}
	code := m.Run()
	if path, err := binary(); err == nil { // not worth building just to remove it
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// process is a running service.
type process struct{ *servicetest.Process }

// start runs the service on a free port and waits until it is ready. It is killed
// with the test.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	p := launch(t, args...)
	p.waitReady()
	// What it has said up to then takes a moment to get here.
	p.Eventually("it says that it is ready", func() bool { return strings.Contains(p.Log(), "state rebuilt from the log: ready") })
	return p
}

// launch is start without waiting for readiness; the port is open.
func launch(t testing.TB, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return launchProgram(t, path, nil, args...)
}

// launchProgram is launch of another program that serves, with more environment.
func launchProgram(t testing.TB, path string, env []string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(path, append([]string{"--listen", "127.0.0.1:0", "--drain-delay", "0s"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	return &process{servicetest.Start(t, cmd)}
}

func (p *process) waitReady() {
	p.T.Helper()
	p.Eventually("the service is ready", func() bool {
		status, _ := p.try("GET", "/readyz", "")
		return status == http.StatusOK
	})
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// get reads one member of the body; it may be empty.
func (a answer) get(t testing.TB, name string) any {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(a.body, &members); err != nil {
		t.Errorf("not a JSON object: %v\n%s", err, a.body)
	}
	return members[name]
}

var plainHTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}

// do sends a request; headers are "Name: value". Whatever is answered must be as of
// openapi.json.
func (p *process) do(method, path, body string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, p.URL+path, bytes.NewBufferString(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Set(name, value)
	}
	response, err := plainHTTP.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		openapitest.Check(p.T, request, response.StatusCode, response.Header, text)
	}
	return answer{response.StatusCode, response.Header, text}, err
}

// try gives only the status, 0 when there was no answer.
func (p *process) try(method, path, body string) (int, error) {
	a, err := p.do(method, path, body)
	return a.status, err
}

// must sends a request that has to be answered with the given status.
func (p *process) must(status int, method, path, body string, headers ...string) answer {
	p.T.Helper()
	a, err := p.do(method, path, body, headers...)
	if err != nil || a.status != status {
		p.T.Fatalf("%s %s: %d %v, want %d\n%s\n%s", method, path, a.status, err, status, a.body, p.Log())
	}
	return a
}

// event is one of GET /v1/events, as far as tests look.
type event struct {
	Seq     int64
	Type    string
	Subject string
	Hash    string
	Meta    map[string]string
	Data    json.RawMessage
}

// wholeLog reads the log by pages; the service checks the chain as it reads.
func (p *process) wholeLog() []event {
	p.T.Helper()
	var all []event
	for {
		var page struct {
			Items     []event
			NextAfter int64
			Head      int64
		}
		a := p.must(http.StatusOK, "GET", fmt.Sprintf("/v1/events?limit=1000&after=%d", len(all)), "", "Consistency: strong")
		if err := json.Unmarshal(a.body, &page); err != nil {
			p.T.Fatal(err)
		}
		for _, ev := range page.Items {
			if ev.Seq != int64(len(all))+1 {
				p.T.Fatalf("event %d follows event %d", ev.Seq, len(all))
			}
			all = append(all, ev)
		}
		if len(page.Items) == 0 {
			return all
		}
	}
}
