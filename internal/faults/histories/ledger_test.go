package histories

import (
	"fmt"
	"strings"
	"testing"

	"openpayment/eventstore"
)

// written is a log of account a: opened by request r1, 5 paid in by r2 under key k, 3 taken by r3.
func written() []eventstore.Event {
	event := func(seq eventstore.Position, kind, request, key, data string) eventstore.Event {
		meta := map[string]string{"requestId": request}
		if key != "" {
			meta["idempotencyKey"] = key
		}
		return eventstore.Event{Seq: seq, Type: kind, Subject: "accounts/a", Meta: eventstore.MetaOf(meta), Data: data}
	}
	return []eventstore.Event{
		event(1, "account.opened", "r1", "", "{}"),
		event(2, "funds.deposited", "r2", "k", `{"amount":5}`),
		event(3, "funds.withdrawn", "r3", "", `{"amount":3}`),
	}
}

// asked are the attempts behind written, and their answers.
func asked() []Operation {
	return []Operation{
		{Input: Input{Kind: Open, Account: "a", Request: "r1"}, Output: Output{Outcome: OK, Position: 1}},
		{Input: Input{Kind: Deposit, Account: "a", Amount: 5, Key: "k", Request: "r2"}, Output: Output{Outcome: Unknown}},
		{Input: Input{Kind: Deposit, Account: "a", Amount: 5, Key: "k", Request: "r2 again"}, Output: Output{Outcome: OK, Position: 2, Replayed: true}},
		{Input: Input{Kind: Withdraw, Account: "a", Amount: 3, Request: "r3"}, Output: Output{Outcome: OK, Position: 3}},
		{Input: Input{Kind: Withdraw, Account: "a", Amount: 9, Request: "r4"}, Output: refused(lacksFunds)},
		{Input: Input{Kind: ReadStrong, Account: "a", Request: "r5"}, Output: Output{Outcome: OK, Applied: 3, View: balance(2, 3)}},
		{Input: Input{Kind: ReadFrom, Account: "a", Bound: 2, Request: "r6"}, Output: Output{Outcome: OK, Applied: 2, View: balance(5, 2)}},
		{Input: Input{Kind: ReadAt, Account: "a", Bound: 2, Request: "r7"}, Output: Output{Outcome: OK, Applied: 3, View: balance(5, 2)}},
	}
}

func TestAnswersAreHeldAgainstTheLog(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(log []eventstore.Event, ops []Operation)
		want   string // in what is objected to; empty: nothing is
	}{
		{"all is well", func([]eventstore.Event, []Operation) {}, ""},
		{"an event that nobody asked for", func(_ []eventstore.Event, ops []Operation) { ops[3].Input.Request = "r9" }, "which nobody sent"},
		{"another amount", func(log []eventstore.Event, _ []Operation) { log[2].Data = `{"amount":2}` }, "is not what request"},
		{"one request twice", func(log []eventstore.Event, ops []Operation) {
			log[2], ops[3].Input.Request = log[1], "r9"
			log[2].Seq = 3
		}, "once more"},
		{"one key twice", func(log []eventstore.Event, ops []Operation) {
			ops[3].Input, ops[3].Output.Position = ops[2].Input, 3
			ops[3].Input.Request = "r3"
			log[2] = log[1]
			log[2].Seq, log[2].Meta = 3, eventstore.MetaOf(map[string]string{"requestId": "r3", "idempotencyKey": "k"})
		}, `under key "k" once more`},
		{"an overdraft", func(log []eventstore.Event, ops []Operation) {
			ops[3].Input.Amount, log[2].Data = 6, `{"amount":6}`
		}, "should have been refused"},
		{"acknowledged, and not there", func(_ []eventstore.Event, ops []Operation) { ops[4].Output = Output{Outcome: OK, Position: 4} }, "in the log it is 0"},
		{"refused, and there", func(_ []eventstore.Event, ops []Operation) { ops[3].Output = refused(lacksFunds) }, "and is event 3"},
		{"not done, and there", func(_ []eventstore.Event, ops []Operation) { ops[3].Output = Output{Outcome: NotDone} }, "and is event 3"},
		{"a repetition of another's", func(_ []eventstore.Event, ops []Operation) { ops[2].Output.Position = 3 }, "not that of its key"},
		{"a stale strong read", func(_ []eventstore.Event, ops []Operation) { ops[5].Output.View = balance(5, 2) }, "not the account's state there"},
		{"a bound that was not kept", func(_ []eventstore.Event, ops []Operation) { ops[6].Output.Applied = 1 }, "was answered at 1"},
		{"another past", func(_ []eventstore.Event, ops []Operation) { ops[7].Output.View = balance(2, 3) }, "the log's state there"},
		{"an answer that makes no sense", func(_ []eventstore.Event, ops []Operation) {
			ops[4].Output = Output{Outcome: Unknown, Code: wrong + "500"}
		}, wrong},
	} {
		log, ops := written(), asked()
		c.change(log, ops)
		l := newLedger(log, []string{"a", "b"}, ops)
		l.resolve(ops)
		l.compare(ops)
		got := strings.Join(l.wrong, "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if c.want == "" && ops[1].Output.Position != 2 {
			t.Errorf("the unknown outcome is %+v", ops[1].Output)
		}
	}
}

// A plan follows from its seed, has only one thing happen in a place at a time, and all kinds come.
func TestPlansAreDrawnFromTheSeed(t *testing.T) {
	seen := map[faultKind]int{}
	for seed := range uint64(300) {
		plan := draw(chance(seed, 3), length, false)
		if again := draw(chance(seed, 3), length, false); fmt.Sprint(plan) != fmt.Sprint(again) {
			t.Fatalf("%v and %v", plan, again)
		}
		for i, f := range plan {
			seen[f.kind]++
			for _, o := range plan[:i] {
				if o.place() == f.place() && f.at <= o.at+o.last {
					t.Errorf("%v and %v at the same time", o, f)
				}
			}
			if f.at+f.last > length+length/2 {
				t.Errorf("%v ends too late", f)
			}
		}
	}
	for _, o := range often {
		if seen[o.kind] == 0 {
			t.Errorf("never: %s", o.kind)
		}
	}
	t.Log(seen)
}
