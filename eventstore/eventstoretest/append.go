package eventstoretest

import (
	"errors"

	"golang.org/x/sync/errgroup"

	"openpayment/eventstore"
)

var appendCases = []testCase{
	{"an empty log has the zero head and yields nothing", 0, func(r *rig) {
		b := r.open()
		r.wantLog(b, nil)
		r.wantRead(b, 7, 0, nil)
	}},
	{"an event comes back equal in every field", 0, func(r *rig) {
		b := r.open()
		r.wantLog(b, r.write(b, 1))
	}},
	{"a batch comes back in order, through any handle", 0, func(r *rig) {
		a, b := r.open(), r.open()
		all := r.write(a, 5)
		all = append(all, r.write(b, 1, 4)...)
		r.wantLog(a, all)
		r.wantLog(b, all)
	}},
	{"the head is that of the last event after every append", 0, func(r *rig) {
		b := r.open()
		for n := 1; n <= 5; n++ {
			batch := r.write(b, n)
			r.wantHead(b, batch[n-1].Head())
		}
	}},
	{"an append through one handle moves the head of another at once", 5, func(r *rig) {
		a, b := r.open(), r.open()
		for range 10 {
			for _, n := range []int{1, 3} {
				batch := r.write(a, n)
				r.wantHead(b, batch[n-1].Head())
				a, b = b, a
			}
		}
	}},
	{"an append at a stale head conflicts and leaves nothing", 0, func(r *rig) {
		b := r.open()
		all := r.write(b, 2, 1, 3)
		for p := range eventstore.Position(len(all)) {
			stale := headAt(all, p)
			r.mustConflict(b, stale, batchAfter(stale, 2))
			r.wantLog(b, all)
		}
	}},
	{"an append at a head still to come conflicts and leaves nothing", 0, func(r *rig) {
		b := r.open()
		all := r.write(b, 3)
		next := batchAfter(all[2].Head(), 6)
		for _, ev := range next {
			r.mustConflict(b, ev.Head(), batchAfter(ev.Head(), 2))
		}
		r.wantLog(b, all)
		r.mustAppend(b, all[2].Head(), next)
		r.wantLog(b, append(all, next...))
	}},
	{"an append at the right position but another hash conflicts", 0, func(r *rig) {
		b := r.open()
		all := r.write(b, 3)
		for _, wrong := range []eventstore.Hash{{}, {1}, all[1].Hash} {
			head := eventstore.Head{Position: 3, Hash: wrong}
			r.mustConflict(b, head, batchAfter(head, 1))
		}
		r.wantLog(b, all)
	}},
	{"an append to an empty log after an event that never was conflicts", 0, func(r *rig) {
		b := r.open()
		for _, head := range []eventstore.Head{{Position: 0, Hash: eventstore.Hash{1}}, {Position: 1}, {Position: 3, Hash: eventstore.Hash{1}}} {
			r.mustConflict(b, head, batchAfter(head, 2))
		}
		r.wantLog(b, nil)
	}},
	{"the identical batch appended again conflicts, and its first event stands there", 0, func(r *rig) {
		b := r.open()
		all := r.write(b, 2, 3)
		r.mustConflict(b, all[1].Head(), all[2:])
		r.wantLog(b, all)
		r.wantRead(b, 2, 1, all[2:3])
	}},
	{"a batch that lost leaves none of its events when the winner was shorter", 0, func(r *rig) {
		a, b := r.open(), r.open()
		all := r.write(a, 1)
		loser := batchAfter(all[0].Head(), 5)
		all = append(all, r.write(b, 1)...)
		r.mustConflict(a, all[0].Head(), loser)
		r.wantLog(a, all)
		all = append(all, r.write(a, 2)...)
		r.wantLog(b, all)
	}},
	{"of several first appends exactly one wins", 5, firstAppendRace},
}

// firstAppendRace lets handles that know only an empty log append at once.
func firstAppendRace(r *rig) {
	const writers = 4
	var (
		group   errgroup.Group
		batches [writers][]eventstore.Event
		stored  [writers]bool
	)
	start := make(chan struct{})
	for i := range writers {
		b := r.open()
		batches[i] = batchAfter(eventstore.Head{}, i+1)
		group.Go(func() (err error) {
			<-start
			stored[i], err = r.settle(b, eventstore.Head{}, batches[i])
			return err
		})
	}
	close(start)
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
	var log []eventstore.Event
	for i, won := range stored {
		if won && log != nil {
			r.Fatal("two first appends won")
		}
		if won {
			log = batches[i]
		}
	}
	if log == nil {
		r.Fatal("no first append won")
	}
	r.wantLog(r.open(), log)
}

// settle appends batch as a Writer does: the identical one again while the
// outcome is unknown. It says whether the batch is in the log. Safe on any
// goroutine.
func (r *rig) settle(b eventstore.Backend, head eventstore.Head, batch []eventstore.Event) (stored bool, err error) {
	for range 100 {
		err = r.append(r.Context(), b, head, batch)
		switch {
		case err == nil:
			return true, nil
		case eventstore.KindOf(err) == eventstore.KindConflict:
			stored, err = r.contains(b, batch[0])
			if stored {
				r.acknowledge(batch)
			}
			return stored, err
		case eventstore.KindOf(err) != eventstore.KindUnknown:
			return false, err
		}
	}
	return false, errors.Join(errors.New("the outcome stays unknown"), err)
}

// contains says whether first stands at its position.
func (r *rig) contains(b eventstore.Backend, first eventstore.Event) (bool, error) {
	var err error
	for range 100 {
		var got []eventstore.Event
		got, err = collect(b.Read(r.Context(), first.Seq-1, 1))
		if err == nil {
			return len(got) == 1 && got[0].ID == first.ID, nil
		}
		if eventstore.KindOf(err) != eventstore.KindMissing {
			break // a missing one may show up a moment later
		}
	}
	return false, err
}
