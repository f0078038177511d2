package eventstoretest

import (
	"fmt"

	"openpayment/eventstore"
)

// bucket is the bucket size of these cases. A batch goes whole into the bucket
// of its first event, so that a bucket may overshoot by up to bucket-1 events:
//
//	events      1 2 3 4 | 5 6 7 8 9 | …
//	batches    └── 4 ──┘ └─── 5 ───┘
//	bucket 0    1 2 3 4   5 6 7 8 9      overshoot: 6 7 8 9
//	bucket 1                          …
//
// Backends without buckets pass with no effort; the others fork the log or lose
// sight of it here, if they do.
const bucket = 5

// bucketCases is one case for each start and each length of the batch that
// comes to stand at, or across, the first boundary.
func bucketCases() []testCase {
	var cases []testCase
	for before := range bucket + 1 {
		for n := 1; n <= bucket; n++ {
			cases = append(cases, testCase{
				fmt.Sprintf("in buckets of %d, after %d events and a batch of %d", bucket, before, n),
				bucket,
				func(r *rig) { boundary(r, before, n) },
			})
		}
	}
	return append(cases, testCase{
		"in buckets of 5, a handle that stands still while others pass several boundaries conflicts everywhere", bucket, leftBehind,
	})
}

// boundary builds a log that ends around the first boundary, and then reads and
// writes on with handles in every state of knowledge.
func boundary(r *rig, before, n int) {
	idle, w := r.open(), r.open()
	var all []eventstore.Event
	if before > 0 {
		all = r.write(w, before)
	}
	r.wantHead(idle, headAt(all, eventstore.Position(before))) // idle knows this much
	all = append(all, r.write(w, n)...)
	readFromEverywhere(r, w, all)
	readFromEverywhere(r, idle, all)

	// Behind by part of a batch: the hash is right, the position was never a head
	// anyone could append at, and in an overshoot the bucket of that position
	// may not have been opened.
	for _, b := range []eventstore.Backend{idle, r.open()} {
		for p := range eventstore.Position(len(all)) {
			for _, size := range []int{1, bucket} {
				r.mustConflict(b, headAt(all, p), batchAfter(headAt(all, p), size))
			}
		}
		r.wantLog(b, all)
	}

	// Writing on: through a handle that knows nothing yet, the one that wrote the
	// overshoot, and the one that stood still.
	for _, b := range []eventstore.Backend{r.open(), w, idle} {
		batch := batchAfter(all[len(all)-1].Head(), 1+n%bucket)
		r.mustAppend(b, all[len(all)-1].Head(), batch)
		all = append(all, batch...)
		readFromEverywhere(r, idle, all)
	}
	readFromEverywhere(r, r.open(), all)
	r.wantLog(w, all)
}

// readFromEverywhere reads on from a cursor at every position, all and one.
func readFromEverywhere(r *rig, b eventstore.Backend, all []eventstore.Event) {
	r.Helper()
	for after := range len(all) + 2 {
		rest := all[min(after, len(all)):]
		r.wantRead(b, eventstore.Position(after), 0, rest)
		r.wantRead(b, eventstore.Position(after), 1, rest[:min(1, len(rest))])
	}
}

// leftBehind passes boundaries with batches of every length while one handle
// knows the log only as it was at the start, then at every later head.
func leftBehind(r *rig) {
	behind, w := r.open(), r.open()
	all := r.write(behind, 3)
	all = append(all, r.write(w, 5, 4, 5, 5, 1, 2, 5, 3)...)
	for p := range eventstore.Position(len(all)) {
		head := headAt(all, p)
		r.mustConflict(behind, head, batchAfter(head, 2))
		r.mustConflict(r.storeAt(p, all), head, batchAfter(head, bucket))
	}
	r.wantLog(behind, all)
	all = append(all, r.write(behind, 4)...)
	r.wantLog(w, all)
}

// storeAt is a fresh handle whose only knowledge is a read up to p.
func (r *rig) storeAt(p eventstore.Position, all []eventstore.Event) eventstore.Store {
	b := r.open()
	if p > 0 {
		r.wantRead(b, p-1, 1, all[p-1:p])
	}
	return b
}
