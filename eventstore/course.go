package eventstore

import "time"

// Course is how a command went through a [Writer]: when it passed each stage, and
// what became of it there. What it did not come to is zero.
//
//	Queued ── waits ──► Taken ── decide ──► Decided ── append ──► Appended ── apply ──► Applied
//
// A command that leads to no events is part of no append itself: it is answered when
// the append that it was decided with proves the state, or by a read of the head,
// which is part of deciding.
type Course struct {
	Queued   time.Time // it was submitted
	Taken    time.Time // it was first decided, together with others
	Decided  time.Time // the decision that counts was made
	Appended time.Time // the batch is durable
	Applied  time.Time // the batch is part of the model

	Conflicts int      // how often another writer was first, so that it was decided again
	First     Position // of the batch's events
	Events    int      // how many events the batch has
}
