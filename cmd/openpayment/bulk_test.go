package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestTheExampleOfTheBulkDocumentWorksWhenPasted(t *testing.T) {
	pasted(t, "docs/bulk.md", "An example", 4)
}

// bulks are what clients sent, each until it had an answer: atomic ones, with a key for
// all, in which a penny goes round; and others, of deposits with a key each.
type bulks struct {
	mu       sync.Mutex        // guards all below
	sent     []string          // names
	answered map[string]answer // by name: the first answer
}

// eachDeposits is how many commands a bulk has that is not atomic.
const eachDeposits = 5

func atomicBulk(name string) bool { return strings.HasPrefix(name, "atomic") }

func (b *bulks) post(p *process, name string) (answer, error) {
	if atomicBulk(name) {
		return p.do("POST", "/v1/commands", `{"atomic":true,"commands":[`+
			`{"kind":"transfer","from":"000000","to":"000001","amount":1,"currency":"GBP"},`+
			`{"kind":"transfer","from":"000001","to":"000002","amount":1,"currency":"GBP"},`+
			`{"kind":"transfer","from":"000002","to":"000000","amount":1,"currency":"GBP"}]}`, "Idempotency-Key: "+name)
	}
	commands := make([]string, eachDeposits)
	for i := range commands {
		commands[i] = fmt.Sprintf(`{"kind":"deposit","account":"000003","amount":1,"currency":"GBP","idempotencyKey":"%s-%d"}`, name, i)
	}
	return p.do("POST", "/v1/commands", `{"commands":[`+strings.Join(commands, ",")+`]}`)
}

// send sends bulks of both forms until the connection fails.
func (b *bulks) send(t testing.TB, p *process, round, client int) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s-%d-%d-%d", []string{"atomic", "each"}[i%2], round, client, i)
		b.mu.Lock()
		b.sent = append(b.sent, name)
		b.mu.Unlock()
		a, err := b.post(p, name)
		if err != nil {
			return
		}
		b.note(t, name, a)
	}
}

func (b *bulks) again(t testing.TB, p *process) {
	for _, name := range b.sent { // nobody sends anything new meanwhile
		a, err := b.post(p, name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b.note(t, name, a)
	}
}

// note keeps the first answer, and compares every other one with it.
func (b *bulks) note(t testing.TB, name string, a answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.status != map[bool]int{true: http.StatusCreated, false: http.StatusOK}[atomicBulk(name)] {
		t.Errorf("%s: %d %s", name, a.status, a.body)
		return
	}
	first, repeated := b.answered[name]
	if !repeated {
		b.answered[name] = a
		return
	}
	was, is := string(first.body), strings.ReplaceAll(string(a.body), `"replayed":true,`, "")
	was = strings.ReplaceAll(was, `"replayed":true,`, "") // what it answers may have been a repetition too
	if was != is || a.header.Get("Event-Position") != first.header.Get("Event-Position") {
		t.Errorf("%s: first %s, repeated %s", name, was, is)
	}
}

func (b *bulks) acknowledged() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.answered)
}

// TestBulksAreCarriedOutOnceAndWholeThroughKill9 kills the service in the middle of bulks
// of both forms, three times; each time everything is sent again.
func TestBulksAreCarriedOutOnceAndWholeThroughKill9(t *testing.T) {
	store := stores["sqlite"](t)
	b := &bulks{answered: make(map[string]answer)}
	const opening = `{"atomic":true,"commands":[{"kind":"open","accountNumber":"000000","sortCode":"10-20-30"},` +
		`{"kind":"open","accountNumber":"000001","sortCode":"10-20-30"},{"kind":"open","accountNumber":"000002","sortCode":"10-20-30"},` +
		`{"kind":"open","accountNumber":"000003","sortCode":"10-20-30"},{"kind":"deposit","account":"000000","amount":1,"currency":"GBP"}]}`
	for round := range 3 {
		p := start(t, "--store", store)
		p.must(http.StatusCreated, "POST", "/v1/commands", opening, "Idempotency-Key: opening")
		b.again(t, p)
		already := b.acknowledged()
		var clients sync.WaitGroup
		for client := range 6 {
			clients.Go(func() { b.send(t, p, round, client) })
		}
		p.Eventually("100 more bulks are acknowledged", func() bool { return b.acknowledged() > already+100 })
		p.Kill()
		clients.Wait()
	}
	p := start(t, "--store", store)
	lost := len(b.sent) - b.acknowledged()
	b.again(t, p)
	checkBulks(t, p, b)
	t.Logf("%d bulks, %d of the last round without an answer at first", len(b.sent), lost)
}

func checkBulks(t *testing.T, p *process, b *bulks) {
	t.Helper()
	at := make(map[string][]int64) // positions, by key
	for _, ev := range p.wholeLog() {
		at[ev.Meta["idempotencyKey"]] = append(at[ev.Meta["idempotencyKey"]], ev.Seq)
	}
	deposits := 0
	for _, name := range b.sent {
		if atomicBulk(name) {
			if seqs := at[name]; len(seqs) != 3 || seqs[2] != seqs[0]+2 {
				t.Errorf("%s stands at %v", name, seqs)
			}
			continue
		}
		var seqs []int64
		for i := range eachDeposits {
			seqs = append(seqs, at[fmt.Sprintf("%s-%d", name, i)]...)
		}
		if deposits += eachDeposits; len(seqs) != eachDeposits || !slices.IsSorted(seqs) {
			t.Errorf("%s stands at %v", name, seqs)
		}
	}
	for number, want := range map[string]int{"000000": 1, "000001": 0, "000002": 0, "000003": deposits} {
		if balance := p.must(http.StatusOK, "GET", "/v1/accounts/"+number, "").get(t, "balance"); balance != float64(want) {
			t.Errorf("account %s has %v, want %d", number, balance, want)
		}
	}
}

// BenchmarkBulk measures 1,000 deposits to 1,000 accounts on SQLite, over HTTP: in one
// request of either form, and in 1,000 requests on 64 connections.
func BenchmarkBulk(b *testing.B) {
	const commands = 1000
	p := start(b, "--store", stores["sqlite"](b))
	each := func(format string) string {
		all := make([]string, commands)
		for i := range all {
			all[i] = fmt.Sprintf(format, 10_000_000+i)
		}
		return strings.Join(all, ",")
	}
	p.must(http.StatusCreated, "POST", "/v1/commands", `{"atomic":true,"commands":[`+each(`{"kind":"open","accountNumber":"%d","sortCode":"10-20-30"}`)+`]}`)
	deposits := each(`{"kind":"deposit","account":"%d","amount":1,"currency":"GBP"}`)
	report := func(b *testing.B) {
		b.ReportMetric(float64(commands*b.N)/b.Elapsed().Seconds(), "commands/s")
	}
	for name, status := range map[string]int{"true": http.StatusCreated, "false": http.StatusOK} {
		b.Run("atomic="+name, func(b *testing.B) {
			for b.Loop() {
				a := p.must(status, "POST", "/v1/commands", `{"atomic":`+name+`,"commands":[`+deposits+`]}`)
				var body struct{ Items []struct{ Status int } }
				if err := json.Unmarshal(a.body, &body); err != nil || len(body.Items) != commands || body.Items[commands-1].Status != http.StatusCreated {
					b.Fatalf("%v: %.300s", err, a.body)
				}
			}
			report(b)
		})
	}
	b.Run("requests", func(b *testing.B) {
		for b.Loop() {
			var clients sync.WaitGroup
			for c := range 64 {
				clients.Go(func() {
					for i := c; i < commands; i += 64 {
						path := fmt.Sprintf("/v1/accounts/%d/deposits", 10_000_000+i)
						if status, err := p.try("POST", path, `{"amount":1,"currency":"GBP"}`); err != nil || status != http.StatusCreated {
							b.Error(status, err)
						}
					}
				})
			}
			clients.Wait()
		}
		report(b)
	})
}
