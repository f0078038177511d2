package eventstoretest

import (
	"iter"

	"openpayment/eventstore"
)

var readCases = []testCase{
	{"a read gives at most as many events as asked for", 0, func(r *rig) {
		b := r.open()
		all := r.write(b, 3, 4)
		n := len(all)
		for _, limit := range []int{1, 2, n - 1, n, n + 1, 10 * n} {
			r.wantRead(b, 0, limit, all[:min(limit, n)])
		}
	}},
	{"a read begins after any position, with any limit", 5, func(r *rig) {
		b := r.open()
		all := r.write(b, 3, 5, 1, 4)
		for after := range len(all) + 1 {
			for limit := 1; limit <= len(all)-after+1; limit++ {
				r.wantRead(b, eventstore.Position(after), limit, all[after:min(after+limit, len(all))])
			}
			r.wantRead(b, eventstore.Position(after), 0, all[after:])
		}
	}},
	{"reading after the head, or far beyond it, yields nothing", 5, func(r *rig) {
		b := r.open()
		r.write(b, 4, 3)
		for _, after := range []eventstore.Position{7, 8, 9, 10, 11, 1000, 1 << 40} {
			r.wantRead(b, after, 0, nil)
			r.wantRead(b, after, 1, nil)
		}
	}},
	{"every event can be read with the one before it", 5, func(r *rig) {
		b := r.open()
		all := r.write(b, 4, 4, 5, 1, 5)
		r.wantRead(b, 0, 1, all[:1])
		for seq := eventstore.Position(2); int(seq) <= len(all); seq++ {
			r.wantRead(b, seq-2, 2, all[seq-2:seq])
		}
	}},
	{"a read broken off leaves nothing behind", 5, func(r *rig) {
		b := r.open()
		all := r.write(b, 5, 5, 5)
		for i := range 40 {
			n := 0
			for range b.Read(r.Context(), 0, 0) {
				if n++; n > i%len(all) {
					break
				}
			}
		}
		all = append(all, r.write(b, 2)...)
		r.wantLog(b, all)
	}},
	{"a read that is never ranged over costs nothing", 0, func(r *rig) {
		b := r.open()
		for range 40 {
			b.Read(r.Context(), 0, 0)
		}
		r.wantLog(b, r.write(b, 2))
	}},
	{"reads through one handle do not disturb each other", 5, interleavedReads},
	{"a handle appends while its own read is paused", 5, appendInsideRead},
}

// interleavedReads pulls from as many reads as would exhaust a small pool.
func interleavedReads(r *rig) {
	b := r.open()
	all := r.write(b, 5, 4, 5)
	const reads = 8
	var pulls [reads]func() (eventstore.Event, error, bool)
	for i := range pulls {
		next, stop := iter.Pull2(b.Read(r.Context(), eventstore.Position(i), 0))
		defer stop()
		pulls[i] = next
	}
	for step := range len(all) + 1 {
		for i, next := range pulls {
			ev, err, ok := next()
			if err != nil {
				r.Fatal(err)
			}
			if ok != (i+step < len(all)) {
				r.Fatalf("read %d ended (%t) at step %d", i, !ok, step)
			}
			if !ok {
				continue
			}
			if err := diff(ev, all[i+step]); err != nil {
				r.Fatal(err)
			}
		}
	}
}

// appendInsideRead appends after every event read. Whether the read goes on to
// the new ones is the backend's choice; that it stays in order is not.
func appendInsideRead(r *rig) {
	b := r.open()
	all := r.write(b, 3, 5)
	n := 0
	for ev, err := range b.Read(r.Context(), 0, 0) {
		if err != nil {
			r.Fatal(err)
		}
		if err := diff(ev, all[n]); err != nil {
			r.Fatal(err)
		}
		if n++; n <= 8 {
			all = append(all, r.write(b, 1+n%3)...)
		}
	}
	if n < 8 {
		r.Fatalf("the read saw %d of the 8 events that were there before", n)
	}
	r.wantLog(b, all)
}
