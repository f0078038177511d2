// Package simulation lets several nodes of the real service work on a store that is
// made up, in a world in which everything that may go wrong does, and in which chance
// follows from a seed: the same seed gives the same story again.
//
// What is real: [openpayment/account/journal.Service] with all that is in it, so
// Writer, Poller, Subscription, reducer, snapshots and replays, and beside it a
// durable subscriber. What is made up: the store, the clients, the clocks and time
// (testing/synctest).
//
// Nothing happens by itself. Every call on the store waits until the scheduler
// ([world.step]) has it done, answered, refused, or cut off; between two steps all
// goroutines stand still. A step may also let time pass, begin a command, kill a node,
// let it stand still, cut it off, put its clock wrong, or have an append land that
// nobody waits for any more.
//
// After every step the log, the answers and the nodes' states are held against what
// must be true: see [oracle].
package simulation
