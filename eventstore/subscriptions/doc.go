// Package subscriptions lets somebody outside follow a log under a name, and remembers
// how far he has come: on every node, through restarts.
//
// # Guarantees
//
// A subscriber is given every event behind the start of its subscription that the
// filter lets pass, in the order of the log, and again after each interruption until
// it has acknowledged it. To acknowledge an event is to acknowledge all before it. What
// was answered is durable: a reader that comes afterwards, on whatever node, begins
// with the next event that is wanted and not acknowledged. No acknowledgement takes
// back another.
//
// A subscription has one reader at a time, the one that came last. Each that comes
// leaves an id of its own in the store, in place of the one before's, by
// compare-and-set. The one before is ended: at once on the same node, and on another
// when that looks at the store next, once a second.
//
// # What may be delivered twice
//
// What was delivered and not acknowledged, to the next reader. And while one reader
// takes over from another, everything that is delivered and acknowledged meanwhile: up
// to a second if they are on different nodes, longer if the first one's node can't reach
// the store, which then gives it no new events either. Never, to a reader that comes after
// the acknowledgement was answered, what it covers.
//
// # What it does not do
//
// It knows nothing of HTTP, nor of what the events say: a [Source] gives those that a
// filter lets pass. It does not look whether an acknowledgement comes from the reader.
package subscriptions
