//go:build !race

package simulation_test

const thorough = true
