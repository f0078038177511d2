// Package soak runs two nodes of the service for a long time, under moderate load and on
// one log on Cassandra, while snapshots are taken and the state is replayed and replaced,
// and demands that they are at the end as they were at the beginning: no more memory than
// what they remember takes, no more goroutines and files, no further behind the log; and
// that nothing was lost, doubled or out of order on the way. It holds nothing but tests:
//
//	go test ./internal/faults/soak -v -timeout=2h -soak.duration=1h
package soak
