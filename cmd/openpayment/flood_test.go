package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// from opens a connection to the service from a loopback address: to the service, each is
// another client.
func (p *process) from(address string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: time.Minute}
	return d.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
}

// trickle sends one byte every 50 ms, until it is cut off, and tells how long that took and
// what it was answered.
func (p *process) trickle(start string) (took time.Duration, answer string, err error) {
	c, err := p.from("127.0.0.2")
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	began := time.Now()
	if _, err := io.WriteString(c, start); err != nil {
		return 0, "", err
	}
	sending := make(chan struct{})
	defer func() { <-sending }()
	cut := make(chan struct{})
	defer close(cut)
	go func() { // ends with this call
		defer close(sending)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
			case <-cut:
				return
			}
		}
	}()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	text, err := io.ReadAll(c)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return 0, "", fmt.Errorf("it is not cut off: %w", err)
	}
	return time.Since(began), string(text), nil // that the other side resets the connection cuts it too
}

func TestWhoeverSendsTooSlowlyIsCutOffAndNobodyElseIsHeldUp(t *testing.T) {
	p := start(t, "--store", "memory:", "--header-timeout", "1s", "--body-timeout", "1s")
	var slow sync.WaitGroup
	for range 100 {
		for name, start := range map[string]string{
			"header": "GET /v1/accounts HTTP/1.1\r\nHost: x\r\nX-Slow: ",
			"body":   "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
		} {
			slow.Go(func() {
				took, answer, err := p.trickle(start)
				switch {
				case err != nil:
					t.Errorf("%s: %v", name, err)
				case took > 20*time.Second: // the machine may be busy; the limit is one second
					t.Errorf("%s: cut off after %s", name, took)
				case name == "body" && answer != "" && !strings.Contains(answer, `"code":"bad-json"`):
					t.Errorf("%s: %s", name, answer)
				}
			})
		}
	}
	over := make(chan struct{})
	go func() { slow.Wait(); close(over) }()
	served := 0
	for done := false; !done; served++ {
		p.must(http.StatusCreated, "POST", "/v1/accounts", `{"sortCode":"10-20-30"}`)
		select {
		case <-over:
			done = true
		default:
		}
	}
	if served < 10 {
		t.Errorf("%d commands were carried out meanwhile", served)
	}
	if head := p.must(http.StatusOK, "GET", "/v1/events?limit=1", "").get(t, "head"); head != float64(served) {
		t.Errorf("%v events, of %d commands", head, served)
	}
}

// memory is what the service holds of the machine's, in bytes.
func (p *process) memory() int64 {
	p.T.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID()))
	if err != nil {
		p.T.Skipf("no /proc: %v", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		p.T.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// heard tells of how many connections nothing is heard while the rest of a request is
// awaited, and how many were refused.
func heard(flood []net.Conn) (open, refused int64) {
	var silent, ended atomic.Int64
	var all sync.WaitGroup
	for _, c := range flood {
		all.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
			_, err := c.Read(make([]byte, 1))
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				silent.Add(1)
			} else {
				ended.Add(1)
			}
		})
	}
	all.Wait()
	return silent.Load(), ended.Load()
}

// TestTenThousandConnectionsAtOnceHoldUpNobody has one client open as many connections as it
// can, and send half a request on each. It gets those that one client may have; another
// one is served as ever, and memory stays within bounds.
func TestTenThousandConnectionsAtOnceHoldUpNobody(t *testing.T) {
	const attempts, allowed, spare = 10_000, 6_000, 500
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < attempts+spare {
		t.Skipf("this process may have %d files open, which is too few: ulimit -n", limit.Cur)
	}
	p := start(t, "--store", "memory:", "--max-connections-per-address", strconv.Itoa(allowed), "--header-timeout", "1m")
	before := p.memory()
	var all sync.WaitGroup
	flood := make([]net.Conn, attempts)
	for part := range 20 {
		all.Go(func() {
			for i := part; i < attempts; i += 20 {
				c, err := p.from("127.0.0.2")
				if err != nil {
					t.Error(err)
					return
				}
				flood[i] = c
				t.Cleanup(func() { c.Close() })
				// A refused one may be reset before it is written to.
				_, _ = io.WriteString(c, "GET /v1/accounts HTTP/1.1\r\nHost: x\r\n")
			}
		})
	}
	over := make(chan struct{})
	go func() { all.Wait(); close(over) }()
	served, slowest := 0, time.Duration(0)
	serve := func() {
		began := time.Now()
		p.must(http.StatusCreated, "POST", "/v1/accounts", `{"sortCode":"10-20-30"}`)
		slowest = max(slowest, time.Since(began))
		served++
	}
	for done := false; !done; {
		serve()
		select {
		case <-over:
			done = true
		default:
		}
	}
	during := p.memory()
	for range 100 {
		serve()
	}
	fresh, err := p.from("127.0.0.1") // one that is not open yet
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	fmt.Fprint(fresh, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	if answer, err := http.ReadResponse(bufio.NewReader(fresh), nil); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("a new connection: %v", err)
	}
	open, refused := heard(flood)
	if open != allowed || refused != attempts-allowed {
		t.Errorf("%d connections are open, %d were refused", open, refused)
	}
	perConnection := int64(64 << 10)
	if raceEnabled {
		perConnection *= 4 // the race detector keeps books of its own
	}
	if grown := during - before; grown > allowed*perConnection {
		t.Errorf("memory has grown by %d bytes", grown)
	}
	t.Logf("%d connections open, %d refused; %d commands meanwhile, the slowest %s; memory %d MiB, before %d MiB",
		open, refused, served, slowest, during>>20, before>>20)
}
