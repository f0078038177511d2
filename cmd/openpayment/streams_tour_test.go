package main

import "testing"

func TestTheTourOfFollowingTheLogWorksWhenPasted(t *testing.T) {
	all := stepsOf(t, "docs/streams.md", "A tour")
	if len(all) < 10 {
		t.Fatalf("the tour has %d commands", len(all))
	}
	folder := t.TempDir()
	r := &tour{T: t, store: "sqlite:" + folder + "/openpayment.db", folder: folder}
	r.service = start(t, "--store", r.store)
	for _, s := range all {
		r.run(s)
	}
}
