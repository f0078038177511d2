package eventstoretest

import (
	"errors"
	"fmt"
	"sync"

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
	begun, closed := make(chan struct{}), make(chan struct{})
	var (
		group errgroup.Group
		all   []eventstore.Event
	)
	group.Go(func() error {
		begin := sync.OnceFunc(func() { close(begun) })
		defer begin()
		for {
			over := isClosed(closed)
			head := headAt(all, eventstore.Position(len(all)))
			batch := batchAfter(head, 3)
			stored, err := r.appendUntilClosed(b, other, head, batch)
			if stored {
				all = append(all, batch...)
			}
			switch {
			case err != nil || !stored:
				return err
			case over:
				return errors.New("an append after Close got in")
			case len(all) >= 15:
				begin()
			}
		}
	})
	<-begun
	r.close(b)
	close(closed)
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
	r.wantLog(other, all)
}

// appendUntilClosed appends through b, and asks other where b does not know.
// Neither stored nor an error is what a closed handle gives.
func (r *rig) appendUntilClosed(b, other eventstore.Backend, head eventstore.Head, batch []eventstore.Event) (stored bool, err error) {
	err = r.append(r.Context(), b, head, batch)
	if err == nil {
		return true, nil
	}
	switch eventstore.KindOf(err) {
	case eventstore.KindUnavailable:
		return false, nil
	case eventstore.KindUnknown:
		return r.settle(other, head, batch)
	default:
		return false, fmt.Errorf("closing gave an append: %w", err)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
