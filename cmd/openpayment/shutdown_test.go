package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"openpayment/internal/cassandratest"
)

// TestSIGTERMFinishesWhatIsUnderWay ends the service under load: nobody is left
// without an answer that had asked before, and readiness goes first.
func TestSIGTERMFinishesWhatIsUnderWay(t *testing.T) {
	p := start(t, "--store", "memory:", "--drain-delay", "1s")
	l := newLoad()
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() { l.send(p, fmt.Sprintf("client%d", c), 1<<30, nil) })
	}
	p.Eventually("the load flows", func() bool { return l.acknowledged() > 100 })
	p.Signal(syscall.SIGTERM)
	drained := false
	for !drained {
		status, err := p.try("GET", "/readyz", "")
		drained = status == http.StatusServiceUnavailable
		if err != nil {
			t.Fatalf("the port was closed before readiness told: %v", err)
		}
	}
	ended := p.End()
	clients.Wait()
	if code := ended.ExitCode(); code != exitOK {
		t.Errorf("exit code %d, want 0\n%s", code, p.Log())
	}
	if len(l.refused) > 0 {
		t.Errorf("commands were refused: %v", l.refused)
	}
}

// TestWhatIsInDoubtAtTheEndIsSaidToBe stops Cassandra's process in the middle of
// a command, and then the service.
func TestWhatIsInDoubtAtTheEndIsSaidToBe(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server of its own")
	}
	cassandra := cassandratest.StartNode(t)
	p := start(t, "--store", "cassandra://"+cassandra.Host()+"/doubt?timeout=2s", "--request-timeout", "1m", "--shutdown-timeout", "4s")
	for range 2 { // every statement the third needs is prepared: it will be sent
		p.must(http.StatusCreated, "POST", "/v1/accounts", `{"sortCode":"10-20-30"}`)
	}
	cassandra.Pause()
	defer cassandra.Resume()
	answers := make(chan answer, 1)
	go func() {
		a, _ := p.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`)
		answers <- a
	}()
	p.Eventually("the command is in doubt", func() bool { return strings.Contains(p.Log(), "outcome of an append is unknown") })
	if code := p.Terminate(); code != exitFailed {
		t.Errorf("exit code %d, want 1", code)
	}
	a := <-answers
	if a.status != http.StatusServiceUnavailable || a.get(t, "code") != "outcome-unknown" {
		t.Errorf("answered %d %s, want 503 outcome-unknown", a.status, a.body)
	}
}

// program runs the command in this process until it ends by itself.
func program(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestAStartThatCannotWorkEndsWithOneClearLine(t *testing.T) {
	busy := start(t, "--store", "memory:")
	port := strings.TrimPrefix(busy.URL, "http://")
	folder := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a port in use":             {[]string{"--store", "memory:", "--listen", port}, exitFailed, "address already in use"},
		"no such scheme":            {[]string{"--store", "mysql://x"}, exitUsage, "sqlite:PATH"},
		"a path without a scheme":   {[]string{"--store", "openpayment.db"}, exitUsage, "sqlite:PATH"},
		"sqlite without a path":     {[]string{"--store", "sqlite:"}, exitUsage, "a path is expected"},
		"a folder that isn't there": {[]string{"--listen", "127.0.0.1:0", "--store", "sqlite:" + folder + "/no/such/log.db"}, exitFailed, "no/such"},
		"cassandra, bad parameter":  {[]string{"--store", "cassandra://h/k?replicatoin=3"}, exitUsage, "replication"},
		"cassandra, nobody there":   {[]string{"--listen", "127.0.0.1:0", "--startup-timeout", "1s", "--store", "cassandra://127.0.0.1:1/k?connect-timeout=200ms"}, exitFailed, "--startup-timeout"},
		"an unknown flag":           {[]string{"--stoer", "x"}, exitUsage, "--help"},
		"an unknown command":        {[]string{"sevre"}, exitUsage, "sevre"},
		"a bad level":               {[]string{"--log-level", "loud"}, exitUsage, "debug, info"},
		"a bad format":              {[]string{"--log-format", "xml"}, exitUsage, "json or text"},
		"beyond loopback, no token": {[]string{"--store", "memory:", "--listen", "0.0.0.0:0"}, exitUsage, "OPENPAYMENT_ADMIN_TOKEN"},
		"any interface, no token":   {[]string{"--store", "memory:", "--listen", ":0"}, exitUsage, "--insecure"},
		"an address without a port": {[]string{"--listen", "localhost"}, exitUsage, "HOST:PORT"},
		"bounds the wrong way":      {[]string{"--poll-min", "2s", "--poll-max", "1s"}, exitUsage, "--poll-max"},
		"a negative lag":            {[]string{"--max-lag", "-1"}, exitUsage, "--max-lag"},
		"a negative skew":           {[]string{"--max-clock-skew", "-1s"}, exitUsage, "--max-clock-skew"},
		"no batch at all":           {[]string{"--batch-events", "0"}, exitUsage, "--batch-events"},
		"more than one append":      {[]string{"--batch-events", "1001"}, exitUsage, "1000 and 1048576 at most"},
		"no time for a command":     {[]string{"--request-timeout", "0s"}, exitUsage, "--request-timeout"},
		"a timeout in the past":     {[]string{"--startup-timeout", "-1s"}, exitUsage, "--startup-timeout"},
		"a number that is none":     {[]string{"--max-lag", "few"}, exitUsage, `--max-lag "few": a whole number in its range is expected`},
		"neither true nor false":    {[]string{"--migrate=perhaps"}, exitUsage, "true or false is expected"},
		"a file of something else":  {[]string{"--listen", "127.0.0.1:0", "--store", "sqlite:" + folder}, exitFailed, "openpayment doctor"},
		"help on nothing":           {[]string{"help", "sevre"}, exitUsage, "openpayment --help"},
		"help on nothing in log":    {[]string{"help", "log", "verfy"}, exitUsage, "openpayment log --help"},
		"no snapshot kept":          {[]string{"--snapshot-keep", "0"}, exitUsage, "--snapshot-keep"},
		"less than no events":       {[]string{"--snapshot-events", "-1"}, exitUsage, "--snapshot-events"},
		"no time to speak of":       {[]string{"--snapshot-interval", "1ns"}, exitUsage, "--snapshot-interval"},
		"less than no time":         {[]string{"--snapshot-interval", "-1s"}, exitUsage, "--snapshot-interval"},
		"a collector that is none":  {[]string{"--store", "memory:", "--trace-endpoint", "127.0.0.1:4318"}, exitUsage, "--trace-endpoint: \"127.0.0.1:4318\": a URL of an OTLP collector is expected, such as http://127.0.0.1:4318"},
		"a config that isn't there": {[]string{"--config", folder + "/none.yaml"}, exitUsage, "none.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := program(c.args...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d, want %d; stderr does not say %q:\n%s", code, c.code, c.says, stderr)
			}
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "openpayment: ") {
				t.Errorf("the last line is %q", last)
			}
		})
	}
}

func TestHelpAndVersionSucceed(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"--version"}, {"help"}, {"help", "log", "verify"}} {
		if code, stdout, stderr := program(args...); code != exitOK || stdout == "" {
			t.Errorf("%v: exit code %d\n%s", args, code, stderr)
		}
	}
}
