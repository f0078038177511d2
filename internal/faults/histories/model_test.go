package histories

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// story is a small history, made by hand: each operation ends before the next begins, unless its
// times are changed.
type story struct{ ops []Operation }

func (h *story) add(in Input, out Output) *Operation {
	n := int64(len(h.ops) + 1)
	if in.Account == "" {
		in.Account = "a"
	}
	if out.Outcome == "" {
		out.Outcome = OK
	}
	h.ops = append(h.ops, Operation{Client: len(h.ops), Input: in, Output: out, Call: 10 * n, Return: 10*n + 5})
	return &h.ops[len(h.ops)-1]
}

func (h *story) opened(number string, at int64) {
	h.add(Input{Kind: Open, Account: number}, Output{Position: at})
}

func balance(amount, version int64) *View {
	return &View{Status: open, Balance: amount, Version: version}
}

func refused(code string) Output { return Output{Outcome: Refused, Code: code} }

// stories are histories that can be, each with what makes it one that can't.
var stories = []struct {
	name string
	tell func(h *story, wrong bool)
}{
	{"a stale strong read", func(h *story, wrong bool) {
		h.add(Input{Kind: Deposit, Amount: 5}, Output{Position: 2})
		read := h.add(Input{Kind: ReadStrong}, Output{View: balance(0, 1)})
		if !wrong { // it was asked before
			read.Call = h.ops[1].Call
		}
	}},
	{"a read of what was not yet there", func(h *story, wrong bool) {
		h.add(Input{Kind: ReadFrom, Bound: 1}, Output{View: balance(5, 2)})
		h.add(Input{Kind: Deposit, Amount: 5}, Output{Position: 2})
		if !wrong {
			h.ops[1].Return = h.ops[2].Return + 1
		}
	}},
	{"a bound that was not kept", func(h *story, wrong bool) {
		h.add(Input{Kind: Deposit, Amount: 5}, Output{Position: 2})
		h.add(Input{Kind: Deposit, Amount: 5}, Output{Position: 3})
		v := balance(5, 2) // old, but no older than 2
		if wrong {
			v = balance(0, 1)
		}
		h.add(Input{Kind: ReadFrom, Bound: 2}, Output{View: v})
	}},
	{"another state than was at a position", func(h *story, wrong bool) {
		h.add(Input{Kind: Deposit, Amount: 5}, Output{Position: 2})
		h.add(Input{Kind: Deposit, Amount: 5}, Output{Position: 3})
		v := balance(5, 2)
		if wrong {
			v = balance(10, 3)
		}
		h.add(Input{Kind: ReadAt, Bound: 2}, Output{View: v})
	}},
	{"an acknowledged deposit that is lost", func(h *story, wrong bool) {
		h.add(Input{Kind: Deposit, Amount: 5}, Output{Position: 2})
		v := balance(5, 2)
		if wrong {
			v = balance(0, 1)
		}
		h.add(Input{Kind: ReadStrong}, Output{View: v})
	}},
	{"a retry that is carried out again", func(h *story, wrong bool) {
		h.add(Input{Kind: Deposit, Amount: 5, Key: "k"}, Output{Position: 2})
		again := Output{Position: 2, Replayed: true}
		if wrong {
			again = Output{Position: 3}
		}
		h.add(Input{Kind: Deposit, Amount: 5, Key: "k"}, again)
	}},
	{"a retry that is answered with another event", func(h *story, wrong bool) {
		h.add(Input{Kind: Deposit, Amount: 5, Key: "k"}, Output{Position: 2})
		h.add(Input{Kind: Deposit, Amount: 5, Key: "l"}, Output{Position: 3})
		again := Output{Position: 2, Replayed: true}
		if wrong {
			again.Position = 3
		}
		h.add(Input{Kind: Deposit, Amount: 5, Key: "k"}, again)
	}},
	{"a retry that is refused, though it was done", func(h *story, wrong bool) {
		h.add(Input{Kind: Deposit, Amount: 5}, Output{Position: 2})
		h.add(Input{Kind: Withdraw, Amount: 5, Key: "k"}, Output{Outcome: Unknown, Position: 3})
		h.add(Input{Kind: Withdraw, Amount: 6, Key: "l"}, refused(lacksFunds))
		h.add(Input{Kind: ReadStrong}, Output{View: balance(0, 3)})
		if !wrong {
			h.add(Input{Kind: Withdraw, Amount: 5, Key: "k"}, Output{Position: 3, Replayed: true})
		} else {
			h.add(Input{Kind: Withdraw, Amount: 5, Key: "k"}, refused(lacksFunds))
		}
	}},
	{"a refusal that was applied", func(h *story, wrong bool) {
		h.add(Input{Kind: Withdraw, Amount: 5}, refused(lacksFunds))
		v := balance(0, 1)
		if wrong {
			v = balance(-5, 2)
		}
		h.add(Input{Kind: ReadStrong}, Output{View: v})
	}},
	{"a refusal that was never true", func(h *story, wrong bool) {
		amount := int64(5)
		if wrong {
			amount = 4
		}
		h.add(Input{Kind: Deposit, Amount: 4}, Output{Position: 2})
		h.add(Input{Kind: Withdraw, Amount: amount}, refused(lacksFunds))
	}},
	{"an overdraft", func(h *story, wrong bool) {
		h.add(Input{Kind: Deposit, Amount: 5}, Output{Position: 2})
		h.add(Input{Kind: Withdraw, Amount: 3}, Output{Position: 3})
		second := h.add(Input{Kind: Withdraw, Amount: 3}, Output{Position: 4})
		if !wrong {
			second.Output = refused(lacksFunds)
		}
	}},
	{"a transfer that is half done", func(h *story, wrong bool) {
		h.opened("b", 2)
		h.add(Input{Kind: Deposit, Amount: 5}, Output{Position: 3})
		h.add(Input{Kind: Transfer, Amount: 5, To: "b"}, Output{Position: 4})
		h.add(Input{Kind: ReadStrong}, Output{View: balance(0, 4)})
		v := balance(5, 4)
		if wrong {
			v = balance(0, 2)
		}
		h.add(Input{Kind: ReadStrong, Account: "b"}, Output{View: v})
	}},
	{"a condition that did not hold", func(h *story, wrong bool) {
		h.add(Input{Kind: Update, Details: Details{Card: "x"}, IfMatch: 1}, Output{Position: 2})
		second := h.add(Input{Kind: Update, Details: Details{Card: "y"}, IfMatch: 1}, Output{Position: 3})
		if !wrong {
			second.Output = Output{Outcome: Refused, Code: otherVersion, Actual: 2}
		}
	}},
	{"an update that is undone", func(h *story, wrong bool) {
		h.add(Input{Kind: Update, Details: Details{Card: "x"}}, Output{Position: 2})
		h.add(Input{Kind: Update, Details: Details{Card: "y"}}, Output{Position: 3})
		v := View{Status: open, Details: Details{Card: "y"}, Version: 3}
		if wrong {
			v.Details.Card = "x"
		}
		h.add(Input{Kind: ReadStrong}, Output{View: &v})
	}},
	{"two openings of one number", func(h *story, wrong bool) {
		second := h.add(Input{Kind: Open}, refused(exists))
		if wrong {
			second.Output = Output{Outcome: OK, Position: 2}
		}
	}},
	{"a closed account that takes money", func(h *story, wrong bool) {
		h.add(Input{Kind: Close}, Output{Position: 2})
		deposit := h.add(Input{Kind: Deposit, Amount: 1}, refused(isClosed))
		if wrong {
			deposit.Output = Output{Outcome: OK, Position: 3}
		}
	}},
	{"positions against time", func(h *story, wrong bool) {
		h.add(Input{Kind: Deposit, Amount: 1}, Output{Position: 3})
		late := h.add(Input{Kind: Deposit, Amount: 1}, Output{Position: 2})
		if !wrong {
			late.Call = h.ops[1].Call
		}
	}},
	{"an unknown outcome that came before it was asked for", func(h *story, wrong bool) {
		read := h.add(Input{Kind: ReadStrong}, Output{View: balance(7, 2)})
		lost := h.add(Input{Kind: Deposit, Amount: 7}, Output{Outcome: Unknown, Position: 2})
		if !wrong {
			lost.Call = read.Call
		}
	}},
}

func TestTheModelTellsHistoriesThatCanBeFromThoseThatCannot(t *testing.T) {
	for _, c := range stories {
		for _, wrong := range []bool{false, true} {
			h := &story{}
			h.opened("a", 1)
			c.tell(h, wrong)
			want := porcupine.Ok
			if wrong {
				want = porcupine.Illegal
			}
			if got := Check(h.ops, time.Minute).Result; got != want {
				t.Errorf("%s: wrong %t, and Porcupine says %s", c.name, wrong, got)
				for _, op := range h.ops {
					t.Logf("%d–%d %v: %v", op.Call, op.Return, op.Input, op.Output)
				}
			}
		}
	}
}

// A command without an answer may have been done long after, and all that came between is right.
func TestAnUnknownOutcomeIsOpenToTheEnd(t *testing.T) {
	h := &story{}
	h.opened("a", 1)
	h.add(Input{Kind: Deposit, Amount: 7}, Output{Outcome: Unknown, Position: 3})
	h.add(Input{Kind: Deposit, Amount: 1}, Output{Position: 2})
	h.add(Input{Kind: ReadStrong}, Output{View: balance(1, 2)})
	h.add(Input{Kind: ReadStrong}, Output{View: balance(8, 3)})
	h.add(Input{Kind: Deposit, Amount: 7}, Output{Outcome: Unknown}) // never
	if got := Check(h.ops, time.Minute); got.Result != porcupine.Ok || got.Ops != 5 {
		t.Errorf("%s of %d operations", got.Result, got.Ops)
	}
}
