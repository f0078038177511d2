package histories

import (
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// hard is a history in which a deposit is taken too early by whoever takes calls in their order: a
// strong read comes before it, though it was asked for later, and many others may follow.
func hard() *story {
	h := &story{}
	h.opened("a", 1)
	h.opened("b", 2)
	h.ops = append(h.ops, Operation{Input: Input{Kind: Deposit, Account: "a", Amount: 5}, Output: Output{Outcome: OK, Position: 3}, Call: 100, Return: 900},
		Operation{Input: Input{Kind: ReadStrong, Account: "a"}, Output: Output{Outcome: OK, View: balance(0, 1)}, Call: 200, Return: 800})
	for i := range 40 {
		h.ops = append(h.ops, Operation{Client: i, Input: Input{Kind: ReadFrom, Account: "b", Bound: 3}, Output: Output{Outcome: OK, View: balance(0, 2)}, Call: 900, Return: 1000})
	}
	return h
}

func TestAHistoryIsDecidedAtOnceThatCouldTakeForEver(t *testing.T) {
	h := hard()
	if v := Check(h.ops, time.Minute); v.Result != porcupine.Ok || len(v.Stuck) > 0 || v.Took > 10*time.Second {
		t.Errorf("%s after %s, stuck: %d", v.Result, v.Took, len(v.Stuck))
	}
}

// What narrowing gives up is named, and left to Porcupine as it is.
func TestNarrowingNamesWhatHasNoMoment(t *testing.T) {
	for i, change := range []func(*story){
		func(h *story) { h.ops[3].Call, h.ops[3].Return = 910, 920 }, // the read is stale
		func(h *story) { h.ops[3].Output.View = balance(4, 1) },      // there never was that
		func(h *story) { h.ops[4].Return = 90 },                      // the bound was not reached
	} {
		h := hard()
		change(h)
		_, stuck := narrow(chained(h.ops))
		if len(stuck) != 1 || !stuck[0].Input.Kind.Reads() {
			t.Errorf("change %d: %v", i, fmt.Sprint(stuck))
		}
	}
}
