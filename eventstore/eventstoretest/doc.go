// Package eventstoretest holds what every implementation of
// [eventstore.Backend] is measured by, and what tests of its users need.
//
//   - [Run] is the suite: each sentence of the contract is a case in it, and a
//     model is run against random operations. After every case the invariants of
//     a log are checked; cases that damage rows on purpose are the exception.
//   - [NewBatch] makes events that may be appended.
//   - [Faulty] stands before a backend and misbehaves as told: it fails, loses
//     answers, applies late, blocks, hides the newest events. [FaultySnapshots]
//     does so to snapshots.
//
// The suite believes no backend: it compares every field of every event with
// what was appended, and takes "not appended" for a claim to be checked.
package eventstoretest
