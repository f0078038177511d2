package eventstoretest

import (
	"fmt"

	"golang.org/x/sync/errgroup"

	"openpayment/eventstore"
)

var raceCases = []testCase{
	{"two handles that race lose nothing and double nothing", 0, func(r *rig) { race(r, 2, 20, 3) }},
	{"two handles that race across bucket boundaries lose nothing and double nothing", 5, func(r *rig) { race(r, 2, 20, 4) }},
	{"four handles that race lose nothing and double nothing", 5, func(r *rig) { race(r, 4, 10, 3) }},
	{"four goroutines that race through one handle lose nothing and double nothing", 5, raceOnOneHandle},
}

// race lets each of several handles get a number of batches in. The log must
// hold exactly those afterwards, each whole.
func race(r *rig, writers, batches, size int) {
	handles := make([]eventstore.Store, writers)
	for i := range handles {
		handles[i] = r.open()
	}
	raceOn(r, handles, batches, size)
}

func raceOnOneHandle(r *rig) {
	b := r.open()
	raceOn(r, []eventstore.Store{b, b, b, b}, 10, 3)
}

func raceOn(r *rig, handles []eventstore.Store, batches, size int) {
	var group errgroup.Group
	for i, b := range handles {
		group.Go(func() error { return r.compete(b, fmt.Sprintf("writers/%d", i), batches, size) })
	}
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
	next := make(map[string]int) // the number of events so far, by subject
	all := r.read(handles[0], 0, 0)
	for i, ev := range all {
		n := next[ev.Subject]
		if want := fmt.Sprintf(`{"n":%d}`, n); ev.Data != want {
			r.Fatalf("event %d of %s has data %s, want %s", ev.Seq, ev.Subject, ev.Data, want)
		}
		if n%size != 0 && all[i-1].Subject != ev.Subject {
			r.Fatalf("event %d tears a batch of %s apart", ev.Seq, all[i-1].Subject)
		}
		next[ev.Subject]++
	}
	for i := range handles {
		if n := next[fmt.Sprintf("writers/%d", i)]; n != batches*size {
			r.Fatalf("writer %d has %d events in the log, want %d", i, n, batches*size)
		}
	}
}

// compete appends batches whose events count up, at whatever head there is, and
// makes each anew when it lost.
func (r *rig) compete(b eventstore.Backend, subject string, batches, size int) error {
	for done := 0; done < batches; {
		head, err := b.Head(r.Context())
		if err != nil {
			return err
		}
		batch := batchAfter(head, size, func(i int, ev *eventstore.Event) {
			ev.Subject = subject
			ev.Data = fmt.Sprintf(`{"n":%d}`, done*size+i)
		})
		stored, err := r.settle(b, head, batch)
		if err != nil {
			return err
		}
		if stored {
			done++
		}
	}
	return nil
}
