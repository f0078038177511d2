package eventstoretest

import (
	"slices"
	"sync/atomic"
	"testing"
)

// testCase is one sentence of the contract, and its proof.
type testCase struct {
	name       string
	bucketSize int // 0: the backend's default
	run        func(*rig)
}

// Run runs every case, each on its own Storage, and logs how many there were.
// None is skipped.
func Run(t *testing.T, new Factory) {
	cases := slices.Concat(
		appendCases, atomicityCases, readCases, longLogCases, bucketCases(),
		raceCases, contentCases, limitCases, contextCases, closeCases,
		cursorCases, subscriptionCases, snapshotCases, damageCases, snapshotDamageCases, modelCases,
	)
	var ran atomic.Int64
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ran.Add(1)
			c.run(newRig(t, new, c.bucketSize))
		})
	}
	t.Logf("%d of %d cases run", ran.Load(), len(cases))
}
