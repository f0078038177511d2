// Package journal ties the accounts to an event log: it writes the domain's
// events as JSON and reads them back, keeps the state that the log has made, and
// carries commands to the log's head.
//
// [Service] is the whole of it, as the HTTP API uses it. State changes in one
// place only: when the reducer receives an event from the log.
//
// Where to look:
//
//   - the stored form of events, in every version there ever was: types.go,
//     forms.go, upcast.go, codec.go;
//   - commands, and commands sent again: commands.go, key.go; reads: reads.go;
//   - events that become part of the state: reducer.go, atomic.go; events that
//     can't: halt.go;
//   - snapshots: when they are taken (snapshots.go), their form and how it is
//     written, read and checked (snapshot_*.go), a start from one (restore.go);
//   - replays: replay.go, and the job around it (replays.go, job.go, pacer.go).
package journal
