package eventstoretest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"openpayment/eventstore"
)

var atomicityCases = []testCase{
	{"reads during appends see every acknowledged event and no gap", 0, readsDuringAppends},
	{"heads during appends are those of whole batches and never go backwards", 5, headsDuringAppends},
	{"an append cut off at any moment is stored whole or not at all, and its error is true", 5, appendsCutOff},
}

const duringBatches, duringSize = 30, 5

// readsDuringAppends reads again and again while another handle writes.
func readsDuringAppends(r *rig) {
	var (
		w, b     = r.open(), r.open()
		done     atomic.Int64 // the last position acknowledged
		finished = make(chan struct{})
		group    errgroup.Group
	)
	group.Go(func() error {
		defer close(finished)
		return r.appendMany(w, duringBatches, duringSize, func(h eventstore.Head) { done.Store(int64(h.Position)) })
	})
	group.Go(func() error {
		for last := false; !last; {
			select {
			case <-finished:
				last = true // one more, which must see everything
			default:
			}
			least := eventstore.Position(done.Load())
			var at eventstore.Head
			for ev, err := range b.Read(r.Context(), 0, 0) {
				if err != nil {
					return err
				}
				if err := ev.Follows(at); err != nil {
					return err
				}
				at = ev.Head()
			}
			if at.Position < least {
				return fmt.Errorf("read up to %d when %d was acknowledged", at.Position, least)
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
}

// headsDuringAppends asks for the head again and again while another handle
// writes batches of equal size.
func headsDuringAppends(r *rig) {
	var (
		w, b     = r.open(), r.open()
		done     atomic.Int64
		finished = make(chan struct{})
		group    errgroup.Group
	)
	group.Go(func() error {
		defer close(finished)
		return r.appendMany(w, duringBatches, duringSize, func(h eventstore.Head) { done.Store(int64(h.Position)) })
	})
	group.Go(func() error {
		var last eventstore.Position
		for over := false; !over; {
			select {
			case <-finished:
				over = true
			default:
			}
			least := max(last, eventstore.Position(done.Load()))
			at, err := b.Head(r.Context())
			if err != nil {
				return err
			}
			if at.Position < least {
				return fmt.Errorf("head %d after %d", at.Position, least)
			}
			if at.Position%duringSize != 0 {
				return fmt.Errorf("head %d is inside a batch", at.Position)
			}
			last = at.Position
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
}

// appendMany appends batches, alone, and tells after each.
func (r *rig) appendMany(b eventstore.Backend, batches, size int, acknowledged func(eventstore.Head)) error {
	var head eventstore.Head
	for range batches {
		batch := batchAfter(head, size)
		if stored, err := r.settle(b, head, batch); err != nil || !stored {
			return fmt.Errorf("a writer that is alone lost (%t): %w", stored, err)
		}
		head = batch[size-1].Head()
		acknowledged(head)
	}
	return nil
}

// appendsCutOff gives appends deadlines from nothing to longer than one takes.
func appendsCutOff(r *rig) {
	b := r.open()
	began := time.Now()
	all := r.write(b, 2, 2, 2, 2)
	usual := time.Since(began) / 4
	for i := range 32 {
		before := headAt(all, eventstore.Position(len(all)))
		batch := batchAfter(before, 1+i%5)
		ctx, cancel := context.WithTimeout(r.Context(), usual*time.Duration(i)/16)
		err := r.append(ctx, b, before, batch)
		cancel()
		stored := err == nil
		switch {
		case stored:
		case eventstore.KindOf(err) == eventstore.KindUnknown:
			var failed error
			if stored, failed = r.settle(b, before, batch); failed != nil {
				r.Fatalf("after %v: %v", err, failed)
			}
		default:
			r.wantKind(err, eventstore.KindUnavailable)
		}
		if stored {
			all = append(all, batch...)
		}
		r.wantLog(b, all)
	}
}
