package account

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTheIndexIsASortedList(t *testing.T) {
	const many = 10 * leafSize
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	orders := map[string]func(i int) int{
		"ascending":          func(i int) int { return i },
		"descending":         func(i int) int { return many - i },
		"random":             func(shuffled []int) func(int) int { return func(i int) int { return shuffled[i] } }(r.Perm(many)),
		"from the middle":    func(i int) int { return many + i*(1-i%2*2) },
		"towards the middle": func(i int) int { return i + i%2*(2*many-2*i) },
		"two runs":           func(i int) int { return i/2 + i%2*many },
	}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			var x index
			var want []Number
			for i := range many {
				n := Number(fmt.Sprintf("%08d", order(i)))
				x.insert(n)
				want = append(want, n)
			}
			slices.Sort(want)
			checkLeaves(t, &x, want)
			checkAfter(t, r, &x, want)
		})
	}
}

func checkLeaves(t *testing.T, x *index, want []Number) {
	t.Helper()
	if got := slices.Concat(x.leaves...); !slices.Equal(got, want) {
		t.Fatalf("the leaves hold %d numbers, not the %d sorted ones", len(got), len(want))
	}
	for i, leaf := range x.leaves {
		if len(leaf) == 0 || len(leaf) > leafSize {
			t.Errorf("leaf %d of %d has %d numbers", i, len(x.leaves), len(leaf))
		}
	}
	if most := 4 * len(want) / leafSize; len(x.leaves) > most {
		t.Errorf("%d leaves for %d numbers", len(x.leaves), len(want))
	}
}

// checkAfter asks for what follows numbers that are there, and ones that are not.
func checkAfter(t *testing.T, r *rand.Rand, x *index, want []Number) {
	t.Helper()
	for range 300 {
		n := want[r.IntN(len(want))]
		switch r.IntN(6) {
		case 0:
			n += "0" // just behind it
		case 1:
			n = n[:len(n)-1] // somewhere before it
		case 2:
			n = []Number{"", "9", want[0], want[len(want)-1]}[r.IntN(4)]
		}
		room := r.IntN(3 * leafSize)
		from, found := slices.BinarySearch(want, n)
		if found {
			from++
		}
		rest := want[from:]
		if got := x.after(n, make([]Number, 0, room)); !slices.Equal(got, rest[:min(room, len(rest))]) {
			t.Fatalf("%d numbers after %q: got %d, from %v", room, n, len(got), got[:min(3, len(got))])
		}
	}
}

func TestAnEmptyIndexHasNothing(t *testing.T) {
	var x index
	if got := x.after("", make([]Number, 0, 5)); len(got) != 0 {
		t.Errorf("it has %v", got)
	}
}

// Ascending numbers, the usual case, must leave full leaves behind.
func TestAscendingNumbersFillTheLeaves(t *testing.T) {
	var x index
	for i := range 20 * leafSize {
		x.insert(Number(fmt.Sprintf("%08d", i)))
	}
	if len(x.leaves) > 21 {
		t.Errorf("%d leaves for 20 leaves' numbers", len(x.leaves))
	}
}
