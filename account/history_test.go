package account

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAHistoryGivesBackItsPositions(t *testing.T) {
	distances := rapid.OneOf(
		rapid.Int64Range(1, 3), rapid.Int64Range(1, 300), rapid.Int64Range(1, 1<<34), rapid.Int64Range(1<<40, 1<<50),
		rapid.SampledFrom([]int64{127, 128, 16383, 16384, 1<<32 - 1, 1 << 32, 1<<32 + 1}),
	)
	rapid.Check(t, func(t *rapid.T) {
		var h history
		var want []int64
		last := int64(0)
		values, lengths := []history{h}, []int{0}
		for _, d := range rapid.SliceOfN(distances, 0, 200).Draw(t, "distances") {
			last += d
			h, want = h.append(last-d, last), append(want, last)
			if rapid.Bool().Draw(t, "keep") {
				values, lengths = append(values, h), append(lengths, len(want))
			}
		}
		if got := h.positions(); !slices.Equal(got, want) || cap(got) != len(want) {
			t.Fatalf("%d positions up to %d: %v, want %v", len(got), last, got, want)
		}
		for i, old := range values {
			if got := old.positions(); !slices.Equal(got, want[:lengths[i]]) {
				t.Fatalf("a value from before is %v now, was %v", got, want[:lengths[i]])
			}
		}
	})
}

func TestAHistoryTakesFewBytes(t *testing.T) {
	var h history
	last := int64(0)
	for i := range int64(10_000) {
		h, last = h.append(last, 1<<33+i*100), 1<<33+i*100
	}
	if used, room := len(h), cap(h); used > 10_005 || room > 2*used {
		t.Errorf("10,000 positions 100 apart take %d bytes of %d", used, room)
	}
	if room := cap(history{}.append(0, 1<<33)); room > 16 {
		t.Errorf("one position takes %d bytes", room)
	}
}
