package soak

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"openpayment/api/client"
)

// steady is an hour of two nodes at which nothing grows but the log and the state, changed
// by each of the changes, which are given the part of the time that is over.
func steady(changes ...func(s *sample, part float64)) (samples []sample) {
	for i := range 720 {
		part := float64(i) / 720
		events := 700_000 * part
		keys := 60_000 * part
		state := events*bytesPerEvent*0.8 + keys*bytesPerKey + window(events)
		n := figuresOf{heap: 20<<20 + state, resident: 60<<20 + 2*state, goroutines: 60, files: 30, keys: keys, head: events, applied: events - 3, subscriptionLag: 40}
		if i%10 == 0 { // a replay
			n.heap *= 2
		}
		s := sample{at: time.Duration(i) * 5 * time.Second, nodes: []figuresOf{n, n}, head: events, accounts: 15_000 * part, done: int64(events)}
		for _, change := range changes {
			change(&s, part)
		}
		samples = append(samples, s)
	}
	return samples
}

func TestAStateThatGrowsWithTheLogIsNoLeak(t *testing.T) {
	if complaints := judge(steady()); len(complaints) > 0 {
		t.Error(complaints)
	}
}

func TestWhateverGrowsBeyondTheStateIsFound(t *testing.T) {
	for what, change := range map[string]func(n *figuresOf, part float64){
		"bytes of the heap": func(n *figuresOf, part float64) { n.heap += 200 * 700_000 * part }, // 200 for each event
		"bytes in memory":   func(n *figuresOf, part float64) { n.resident += 300 << 20 * part },
		"goroutines":        func(n *figuresOf, part float64) { n.goroutines += 100 * part },
		"open files":        func(n *figuresOf, part float64) { n.files += 80 * part },
		"behind the log":    func(n *figuresOf, part float64) { n.applied -= 1000 * part },
		"of the stream":     func(n *figuresOf, part float64) { n.streamLag += 1000 * part },
		"subscription":      func(n *figuresOf, part float64) { n.subscriptionLag += 2000 * part },
	} {
		complaints := judge(steady(func(s *sample, part float64) { change(&s.nodes[subscriber], part) }))
		if len(complaints) != 1 || !strings.Contains(complaints[0], what) || !strings.HasPrefix(complaints[0], "node 1: ") {
			t.Errorf("%s: %q", what, complaints)
		}
	}
}

func TestTenthsSumUpAllSamples(t *testing.T) {
	rows := tenths(steady(func(s *sample, part float64) {
		s.times = []time.Duration{time.Millisecond, time.Duration(1+100*part) * time.Millisecond}
	}))
	if len(rows) != 10 || rows[9].Minute != 59.92 || rows[9].Requests != 194 || !slices.Equal(rows[4].Goroutines, []float64{60, 60}) || rows[0].P99 != 10 || rows[9].P50 != 1 || rows[9].P99 != 100 {
		t.Errorf("%+v", rows)
	}
	if text := table(rows); strings.Count(text, "\n") != 11 {
		t.Error(text)
	}
}

// event makes one as the stream gives it.
func event(seq client.Position, request, kind, data string) client.Event {
	return client.Event{Seq: seq, Type: kind, Meta: map[string]string{"requestId": request}, Data: json.RawMessage(data)}
}

func TestTheBooksFindWhatIsLostDoubledOrMadeUp(t *testing.T) {
	const number = `{"accountNumber":"12345678"`
	for want, story := range map[string]func(b *books){
		"": func(b *books) {
			b.acknowledge(2, "two")
			b.enter(event(1, "one", "account.opened", number+`}`))
			b.acknowledge(1, "one")
			b.enter(event(2, "two", "funds.deposited", number+`,"amount":7}`))
			b.doubt("three")
			b.enter(event(3, "three", "funds.withdrawn", number+`,"amount":7}`))
			b.doubt("four")
		},
		"the stream gives 2 after 0":                        func(b *books) { b.enter(event(2, "", "account.opened", number+`}`)) },
		"one was acknowledged at 1, and is not in the log":  func(b *books) { b.acknowledge(1, "one") },
		"both one and two are at 1":                         func(b *books) { b.acknowledge(1, "one"); b.acknowledge(1, "two") },
		"at 1 are both one and two":                         func(b *books) { b.acknowledge(1, "one"); b.enter(event(1, "two", "account.opened", number+`}`)) },
		"one is at 1, and was not acknowledged":             func(b *books) { b.enter(event(1, "one", "account.opened", number+`}`)) },
		"event 1 leaves account 12345678, open false, with": func(b *books) { b.enter(event(1, "one", "funds.deposited", number+`,"amount":7}`)) },
		"one is at 2, and was not acknowledged": func(b *books) {
			b.doubt("one")
			b.enter(event(1, "one", "account.opened", number+`}`))
			b.enter(event(2, "one", "funds.deposited", number+`,"amount":7}`))
		},
	} {
		var said []string
		b := newBooks(func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) })
		story(b)
		b.close()
		if want == "" && len(said) > 0 || want != "" && !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("want %q: %q", want, said)
		}
	}
}

func TestTheBooksFindABalanceThatANodeMakesUp(t *testing.T) {
	b := newBooks(t.Errorf)
	b.enter(event(1, "one", "account.opened", `{"accountNumber":"12345678"}`))
	shown := func(accounts ...client.Account) error {
		return b.compare(func(yield func(client.Account, error) bool) {
			for _, a := range accounts {
				if !yield(a, nil) {
					return
				}
			}
		})
	}
	if err := shown(client.Account{AccountNumber: "12345678"}); err != nil {
		t.Error(err)
	}
	if shown() == nil || shown(client.Account{AccountNumber: "12345678", Balance: 1}) == nil || shown(client.Account{AccountNumber: "87654321"}) == nil {
		t.Error("a difference is not seen")
	}
}
