// Package bench measures the service on a store, side by side with the store's driver
// doing the same rows without any guarantee.
//
// # Method
//
// Machines are noisy, and what else runs on them comes and goes. So nothing is compared
// that was not measured within the same seconds: the two sides of a comparison work in
// turns, in short slices (A B A B …), after some that are not counted. Each pair of slices
// gives a ratio; what is told is the median of the ratios, and the quartiles as their
// spread. Before each slice garbage is collected, so that no side pays for the other's.
//
// Callers are closed loops: each asks for the next thing when it was given the one
// before. A rate is what was done divided by the time until the last caller had come to
// its end.
//
// # Where it works
//
// A [Place] is made beside the store that is named, never in it: a keyspace, or a folder,
// of the run's own, with a marker. It is removed at the end. [Clean] removes what a killed
// run has left, if it has the marker and its run does not live any more. Nothing without a
// marker is ever dropped.
package bench
