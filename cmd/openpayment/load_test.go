package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// load is what a number of clients did and were told.
type load struct {
	mu      sync.Mutex
	stored  map[string]int64 // X-Request-Id → Event-Position, of those answered 2xx
	refused map[string]int   // X-Request-Id → status, of those answered otherwise
	// Some of refused: those that were told their outcome is unknown.
	doubtful map[string]bool
	silent   map[string]bool // X-Request-Id of those without an answer

	last    time.Time     // when one was stored; zero before the first
	longest time.Duration // between two that were
}

func newLoad() *load {
	return &load{stored: map[string]int64{}, refused: map[string]int{}, doubtful: map[string]bool{}, silent: map[string]bool{}}
}

// send opens or updates accounts, one request after another, until it has sent
// n or the connection fails. Every command has a request id of its own, which is
// found again in the event's meta.
func (l *load) send(p *process, client string, n int, stop <-chan struct{}) {
	for i := range n {
		select {
		case <-stop:
			return
		default:
		}
		id := fmt.Sprintf("%s-%d", client, i)
		a, err := p.do("POST", "/v1/accounts", `{"sortCode":"10-20-30","customerURLs":["https://customers.example/`+id+`"]}`, "X-Request-Id: "+id)
		l.note(id, a, err)
		if err != nil {
			return
		}
	}
}

func (l *load) note(id string, a answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	again := l.silent[id]
	delete(l.silent, id)
	switch {
	case err != nil, again && a.status >= 500: // which says nothing of the first time
		l.silent[id] = true
	case a.status == http.StatusCreated:
		l.stored[id], _ = strconv.ParseInt(a.header.Get("Event-Position"), 10, 64)
		now := time.Now()
		if !l.last.IsZero() {
			l.longest = max(l.longest, now.Sub(l.last))
		}
		l.last = now
	default:
		l.refused[id] = a.status
		if strings.Contains(string(a.body), `"outcome-unknown"`) {
			l.doubtful[id] = true
		}
	}
}

func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.stored)
}

// compare holds what the clients were told against the positions of what is in the
// log, by request id.
func (l *load) compare(t testing.TB, at map[string]int64) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, position := range l.stored {
		if at[id] != position {
			t.Errorf("command %s was acknowledged at %d, but stands at %d", id, position, at[id])
		}
	}
	for id, status := range l.refused {
		if at[id] != 0 && !l.doubtful[id] {
			t.Errorf("command %s was refused with %d, but stands at %d", id, status, at[id])
		}
	}
}

// check holds what the clients were told against the log: each success is there,
// at its position and exactly once, no refusal is, and nothing is there twice.
func (l *load) check(t testing.TB, events []event) {
	t.Helper()
	at := map[string]int64{}
	for _, ev := range events {
		id := ev.Meta["requestId"]
		if before, twice := at[id]; twice {
			t.Errorf("command %s stands at %d and at %d", id, before, ev.Seq)
		}
		at[id] = ev.Seq
	}
	l.compare(t, at)
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d acknowledged, %d refused, %d without an answer; %d events in the log",
		len(l.stored), len(l.refused), len(l.silent), len(events))
}
