//go:build race

package simulation_test

// thorough: no. The race detector makes it some fifteen times as slow.
const thorough = false
