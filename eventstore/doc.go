// Package eventstore keeps one totally ordered, gap-free, hash-chained log of
// events, and carries it to whoever builds state from it.
//
// The parts, in the order an event meets them:
//
//   - [Writer] decides waiting commands on a draft of the state and appends
//     their events as one batch, conditional on the head it decided on.
//   - [Backend] stores the batch, all of it or nothing, on whatever technology
//     it is for. [Log] stands before it and verifies everything read back.
//   - [Poller] learns of new events, from this process's Writer or by reading,
//     and keeps the newest ones at hand.
//   - [Subscription] delivers every event, in order, to one handler.
//
// # Guarantees
//
// Positions are 1, 2, 3, … without a gap; an event once stored never changes;
// an append that returned nil is durable; two writers can never both append
// after the same head. A batch whose outcome is unknown is never abandoned for
// a different one: see [KindUnknown].
//
// # What it does not do
//
// It knows nothing of accounts, JSON or HTTP, never deletes an event, and needs
// no leader: any number of processes may share one log through backends that do.
package eventstore
