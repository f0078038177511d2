package cassandra

import (
	"fmt"
	"testing"
)

func TestTheLastBucketIsFoundWithFewQuestions(t *testing.T) {
	for _, last := range []int64{-1, 0, 1, 2, 3, 4, 6, 7, 8, 99, 100, 4999, 5000, 1 << 20} {
		asked := 0
		got, err := lastTrue(func(n int64) (bool, error) { asked++; return n <= last, nil })
		if err != nil || got != last {
			t.Errorf("found %d, %v, want %d", got, err, last)
		}
		if most := 2 + 2*len(fmt.Sprintf("%b", last+1)); asked > most {
			t.Errorf("%d questions for bucket %d, want at most %d", asked, last, most)
		}
	}
}
