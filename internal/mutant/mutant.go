// Package mutant names the ways in which the product can be made wrong on purpose, so
// that the tests that ought to notice can be seen to. It is here for tests of tests.
//
// The product asks [On] at the few places in question. Built as ever, On is the
// constant false, and the compiler leaves nothing of it. Built with -tags mutants, one
// program holds all mutants, and one of them at a time can be switched on: by Set, or,
// for a program of its own, by the environment variable MUTANT.
package mutant

// Name is a mutant.
type Name string

// All there are, each by what is wrong with it.
const (
	AnswersBeforeDurable  Name = "answers-before-durable"    // accepted commands are answered before their append is
	AppendsAnywhere       Name = "appends-anywhere"          // the store appends without looking at the head
	RenumbersOnRetry      Name = "renumbers-on-retry"        // a batch in doubt is decided anew, with other numbers
	LeavesDoubt           Name = "leaves-doubt"              // a batch in doubt is given up as not stored
	BelievesCallers       Name = "believes-callers"          // what a caller found on the state of its moment is not decided again
	DecidesOnStaleState   Name = "decides-on-stale-state"    // after a conflict: on the new head, but the old state
	RefusesOnStaleState   Name = "refuses-on-stale-state"    // refusals are not proven at the head
	DecidesForTheGone     Name = "decides-for-the-gone"      // commands whose callers have gone are decided again
	ForgetsKeysAtSnapshot Name = "forgets-keys-at-snapshot"  // a snapshot is restored without its keys
	ForgetsKeysByOwnClock Name = "forgets-keys-by-own-clock" // keys leave by this machine's clock, not by the log's
	SkipsUnknownMoney     Name = "skips-unknown-money"       // an event of an unknown type is passed over
	ManifestFirst         Name = "manifest-first"            // a snapshot's manifest is stored before its chunks
	MixesChunks           Name = "mixes-chunks"              // all snapshots write their chunks to one place
	IgnoresRegress        Name = "ignores-regress"           // a log that went backwards is taken for a healthy one
	SavesCursorEarly      Name = "saves-cursor-early"        // a cursor is saved before the event is acknowledged

	OpensBucketBlindly    Name = "opens-bucket-blindly"     // on Cassandra: without reading where the one before ends
	ReadsPastHoles        Name = "reads-past-holes"         // on Cassandra: what is behind a hole is read
	LeavesOvershootEarly  Name = "leaves-overshoot-early"   // on Cassandra: reading goes on in the next bucket at its number
	ReadsHeadWithoutPaxos Name = "reads-head-without-paxos" // on Cassandra: the head is read at QUORUM
)
