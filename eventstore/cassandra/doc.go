// Package cassandra keeps a log of events in Apache Cassandra, on any number of
// machines, and lets any number of processes append to it.
//
// # Guarantees
//
//   - An append is one conditional batch on one partition: all of it or nothing,
//     and only if the head it names, position and hash, still is the head of the
//     log. Cassandra's Paxos decides; there is no leader, no lock and no lease,
//     and a process that was paused for an hour can do no harm when it wakes.
//   - Positions have no gap, and the log has no fork, also where one partition
//     (a bucket) ends and the next begins.
//   - An append whose answer got lost is reported as such, never as done or as
//     not done: see errors.go for how each failure is judged. The driver is never
//     allowed to send a conditional statement a second time by itself.
//   - What Head reports is linearizable: it is read through Paxos too.
//   - Read delivers in order and without a gap, or says what is missing.
//   - After all of Cassandra was away, a Store recovers by itself.
//
// The guarantees rest on one condition: nobody else writes the table events, not
// even to repair it, while a service runs.
//
// # How the log is cut into partitions
//
// A batch that is appended after position H goes, whole, into bucket H divided by
// the bucket size. A bucket may therefore hold a few events more than its size,
// its overshoot, by less than one batch; the next bucket then starts that much
// later. With a bucket size of 10 and batches of 4:
//
//	bucket 0: 1 2 3 4 | 5 6 7 8 | 9 10 11 12
//	bucket 1:                                13 14 15 16 | 17 18 19 20
//
// Each partition carries the position and hash of its last event in two static
// columns; these are what appends compare. Once the last event has reached the
// next multiple of the bucket size the partition never changes again, and the
// next one may be opened: see append.go.
//
// # What it does not do
//
// It verifies no hash chain (eventstore.Log does), decides nothing again after a
// conflict or an unknown outcome (eventstore.Writer does), and deletes nothing but
// snapshots and subscriptions, when told to.
package cassandra
