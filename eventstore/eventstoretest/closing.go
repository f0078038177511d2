package eventstoretest

import (
	"fmt"

	"golang.org/x/sync/errgroup"

	"openpayment/eventstore"
)

var closeCases = []testCase{
	{"closing twice is as good as once", 0, func(r *rig) {
		b := r.open()
		r.write(b, 1)
		r.close(b)
		r.close(b)
	}},
	{"calls after Close find the store unavailable and do nothing", 0, func(r *rig) {
		b, other := r.open(), r.open()
		all := r.write(b, 3)
		r.close(b)
		r.wantKind(b.Append(r.Context(), all[2].Head(), batchAfter(all[2].Head(), 1)), eventstore.KindUnavailable)
		r.wantUnavailable(b, r.Context())
		r.wantLog(other, all)
	}},
	{"closing one handle leaves the others working", 0, func(r *rig) {
		a, b := r.open(), r.open()
		all := r.write(a, 3)
		r.close(a)
		all = append(all, r.write(b, 2)...)
		r.wantLog(b, all)
	}},
	{"what was written is there when it is opened again", 5, func(r *rig) {
		b := r.open()
		all := r.write(b, 4, 5)
		r.saveCursor(b, "c", all[3].Head())
		r.close(b)
		b = r.open()
		r.wantLog(b, all)
		if got := r.loadCursor(b, "c"); got != all[3].Head() {
			r.Fatalf("the cursor is %v, want %v", got, all[3].Head())
		}
		all = append(all, r.write(b, 2)...)
		r.close(b)
		r.wantLog(r.open(), all)
	}},
	{"closing inside a read ends it without inventing anything", 5, closeInsideRead},
	{"closing under appends leaves whole batches and true errors", 5, closeUnderAppends},
}

func (r *rig) close(b eventstore.Store) {
	r.Helper()
	if err := b.Close(); err != nil {
		r.Fatalf("close: %v", err)
	}
}

// closeInsideRead allows events already fetched, but no silent early end.
func closeInsideRead(r *rig) {
	b := r.open()
	all := r.write(b, 5, 4, 5)
	n := 0
	var failed error
	for ev, err := range b.Read(r.Context(), 0, 0) {
		if err != nil {
			failed = err
			continue
		}
		if err := diff(ev, all[n]); err != nil {
			r.Fatal(err)
		}
		if n++; n == 2 {
			r.close(b)
		}
	}
	if failed != nil {
		r.wantKind(failed, eventstore.KindUnavailable)
	} else if n != len(all) {
		r.Fatalf("the read ended after %d of %d events and called that the end", n, len(all))
	}
}

// closeUnderAppends closes a handle while a goroutine writes through it.
func closeUnderAppends(r *rig) {
	b, other := r.open(), r.open()
	under := make(chan struct{})
	var (
		group errgroup.Group
		all   []eventstore.Event
	)
	group.Go(func() error {
		for i := 0; ; i++ {
			if i == 5 {
				close(under)
			}
			head := headAt(all, eventstore.Position(len(all)))
			batch := batchAfter(head, 3)
			err := r.append(r.Context(), b, head, batch)
			if eventstore.KindOf(err) == eventstore.KindUnknown {
				stored, err := r.settle(other, head, batch)
				if stored {
					all = append(all, batch...)
				}
				return err
			}
			if err != nil && eventstore.KindOf(err) != eventstore.KindUnavailable {
				return fmt.Errorf("closing gave an append: %w", err)
			}
			if err != nil {
				return nil
			}
			all = append(all, batch...)
		}
	})
	<-under
	r.close(b)
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
	r.wantLog(other, all)
}
