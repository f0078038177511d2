package main

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// retried is what clients did that give every command a key, and send it again
// until they have an answer.
type retried struct {
	mu       sync.Mutex        // guards all below
	sent     []string          // keys, each of a deposit of one penny
	answered map[string]answer // by key: the first answer
}

// retriedAccounts are the accounts that the deposits go to.
const retriedAccounts = 4

func (r *retried) deposit(p *process, key string, client int) (answer, error) {
	return p.do("POST", fmt.Sprintf("/v1/accounts/%06d/deposits", client%retriedAccounts),
		`{"amount":1,"currency":"GBP","reference":"`+key+`"}`, "Idempotency-Key: "+key)
}

// send makes deposits, one after another, until the connection fails.
func (r *retried) send(t testing.TB, p *process, round, client int) {
	for i := 0; ; i++ {
		key := fmt.Sprintf("round%d-client%d-%d", round, client, i)
		r.mu.Lock()
		r.sent = append(r.sent, key)
		r.mu.Unlock()
		a, err := r.deposit(p, key, client)
		if err != nil {
			return
		}
		r.note(t, key, a)
	}
}

// again sends everything that was ever sent once more, on several connections.
func (r *retried) again(t testing.TB, p *process) {
	keys := make(chan string)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for key := range keys {
				var round, client, i int
				if _, err := fmt.Sscanf(key, "round%d-client%d-%d", &round, &client, &i); err != nil {
					t.Error(err)
				}
				a, err := r.deposit(p, key, client)
				if err != nil {
					t.Errorf("%s: %v", key, err)
					continue
				}
				r.note(t, key, a)
			}
		})
	}
	for _, key := range r.sent { // nobody sends anything new meanwhile
		keys <- key
	}
	close(keys)
	clients.Wait()
}

// note keeps the first answer, and compares every other one with it.
func (r *retried) note(t testing.TB, key string, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.status != http.StatusCreated {
		t.Errorf("%s: %d %s", key, a.status, a.body)
		return
	}
	first, repeated := r.answered[key]
	if !repeated {
		r.answered[key] = a
		return
	}
	if string(a.body) != string(first.body) || a.header.Get("Event-Position") != first.header.Get("Event-Position") || a.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%s: first %s, repeated %s", key, first.body, a.body)
	}
}

func (r *retried) acknowledged() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.answered)
}

// TestEveryCommandWithAKeyIsCarriedOutOnceThroughKill9 kills the service in the
// middle of a load, three times; each time the clients send everything again.
func TestEveryCommandWithAKeyIsCarriedOutOnceThroughKill9(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		r := &retried{answered: make(map[string]answer)}
		lost := 0
		for round := range 3 {
			p := start(t, "--store", store)
			for i := range retriedAccounts {
				body := fmt.Sprintf(`{"accountNumber":"%06d","sortCode":"10-20-30"}`, i)
				p.must(http.StatusCreated, "POST", "/v1/accounts", body, fmt.Sprintf("Idempotency-Key: open %d", i))
			}
			r.again(t, p)
			already := r.acknowledged()
			var clients sync.WaitGroup
			for client := range 8 {
				clients.Go(func() { r.send(t, p, round, client) })
			}
			p.Eventually("300 more commands are acknowledged", func() bool { return r.acknowledged() > already+300 })
			p.Kill()
			clients.Wait()
			lost += len(r.sent) - r.acknowledged()
		}
		p := start(t, "--store", store)
		r.again(t, p)
		checkRetried(t, p, r)
		t.Logf("%d commands, %d without an answer at first", len(r.sent), lost)
	})
}

func checkRetried(t testing.TB, p *process, r *retried) {
	t.Helper()
	times := make(map[string]int)
	for _, ev := range p.wholeLog() {
		times[ev.Meta["idempotencyKey"]]++
	}
	for _, key := range r.sent {
		if times[key] != 1 {
			t.Errorf("%s was carried out %d times", key, times[key])
		}
	}
	if len(times) != len(r.sent)+retriedAccounts {
		t.Errorf("%d keys were sent, the log has %d", len(r.sent)+retriedAccounts, len(times))
	}
	total := 0.0
	for i := range retriedAccounts {
		balance, _ := p.must(http.StatusOK, "GET", fmt.Sprintf("/v1/accounts/%06d", i), "").get(t, "balance").(float64)
		total += balance
	}
	if int(total) != len(r.sent) {
		t.Errorf("%d pennies were paid in, the accounts hold %v", len(r.sent), total)
	}
}
