package main

import "testing"

func TestTheTourOfFollowingTheLogWorksWhenPasted(t *testing.T) {
	pasted(t, "docs/streams.md", "A tour", 10)
}
