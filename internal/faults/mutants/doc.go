// Package mutants proves that the tests notice: every mutant of the product (see
// [openpayment/internal/mutant]) must be caught by one of them, by name.
//
//	go test -tags mutants -v ./internal/faults/mutants
//
// prints a line for each, as a table for docs/reliability.md: what caught it, with which
// words, and in what time.
package mutants
