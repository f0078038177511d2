package eventstoretest

import (
	"context"
	"sync"
	"testing"

	"openpayment/eventstore"
)

// rig is what a case works with. Its methods end the test when something other
// than what they are called for happens; they belong on the test's goroutine,
// except where they say otherwise.
type rig struct {
	*testing.T
	factory Factory
	storage Storage
	damaged bool // the case changed rows: the invariants hold no longer

	mu           sync.Mutex         // protects acknowledged
	acknowledged []eventstore.Event // every event known to be in the log
}

func newRig(t *testing.T, factory Factory, bucketSize int) *rig {
	r := &rig{T: t, factory: factory, storage: factory(t, bucketSize)}
	t.Cleanup(r.checkAfterwards)
	return r
}

// checkAfterwards is the cleanup of every case.
func (r *rig) checkAfterwards() {
	if r.damaged || r.Failed() {
		return
	}
	ctx := context.Background()
	b, err := r.storage.Open(ctx)
	if err != nil {
		r.Errorf("open after the test: %v", err)
		return
	}
	defer b.Close()
	CheckInvariants(r, b)
	all, _ := collect(b.Read(ctx, 0, 0)) // an error was reported just now
	for _, ev := range r.acknowledged {
		if int(ev.Seq) > len(all) {
			r.Errorf("event %d was acknowledged and is gone", ev.Seq)
		} else if err := diff(all[ev.Seq-1], ev); err != nil {
			r.Errorf("after the test: %v", err)
		}
	}
}

// open makes another handle, closed with the test.
func (r *rig) open() eventstore.Store {
	r.Helper()
	b, err := r.storage.Open(r.Context())
	if err != nil {
		r.Fatalf("open: %v", err)
	}
	r.Cleanup(func() {
		if err := b.Close(); err != nil {
			r.Errorf("close: %v", err)
		}
	})
	return b
}

// append is b.Append, remembering what was acknowledged. Safe on any goroutine.
func (r *rig) append(ctx context.Context, b eventstore.Backend, head eventstore.Head, batch []eventstore.Event) error {
	err := b.Append(ctx, head, batch)
	if err == nil {
		r.acknowledge(batch)
	}
	return err
}

func (r *rig) acknowledge(batch []eventstore.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acknowledged = append(r.acknowledged, batch...)
}

// write appends batches of the given sizes, each at the head there is, and
// returns their events.
func (r *rig) write(b eventstore.Backend, sizes ...int) []eventstore.Event {
	r.Helper()
	var all []eventstore.Event
	head := r.head(b)
	for _, n := range sizes {
		batch := batchAfter(head, n)
		r.mustAppend(b, head, batch)
		all = append(all, batch...)
		head = batch[n-1].Head()
	}
	return all
}

func (r *rig) mustAppend(b eventstore.Backend, head eventstore.Head, batch []eventstore.Event) {
	r.Helper()
	if err := r.append(r.Context(), b, head, batch); err != nil {
		r.Fatalf("append %d events after %d: %v", len(batch), head.Position, err)
	}
}

// mustConflict appends batch, which must not get in.
func (r *rig) mustConflict(b eventstore.Backend, head eventstore.Head, batch []eventstore.Event) {
	r.Helper()
	r.wantKind(b.Append(r.Context(), head, batch), eventstore.KindConflict)
}

func (r *rig) head(b eventstore.Backend) eventstore.Head {
	r.Helper()
	head, err := b.Head(r.Context())
	if err != nil {
		r.Fatalf("head: %v", err)
	}
	return head
}

func (r *rig) read(b eventstore.Backend, after eventstore.Position, limit int) []eventstore.Event {
	r.Helper()
	events, err := collect(b.Read(r.Context(), after, limit))
	if err != nil {
		r.Fatalf("read at most %d after %d: %v", limit, after, err)
	}
	return events
}

// wantRead reads and compares.
func (r *rig) wantRead(b eventstore.Backend, after eventstore.Position, limit int, want []eventstore.Event) {
	r.Helper()
	if err := diffAll(r.read(b, after, limit), want); err != nil {
		r.Fatalf("reading at most %d after %d: %v", limit, after, err)
	}
}

// wantLog requires the log to be exactly want: read from the start, and the head.
func (r *rig) wantLog(b eventstore.Backend, want []eventstore.Event) {
	r.Helper()
	r.wantRead(b, 0, 0, want)
	r.wantHead(b, headAt(want, eventstore.Position(len(want))))
}

func (r *rig) wantHead(b eventstore.Backend, want eventstore.Head) {
	r.Helper()
	if got := r.head(b); got != want {
		r.Fatalf("the head is %v, want %v", got, want)
	}
}

func (r *rig) wantKind(err error, want eventstore.Kind) {
	r.Helper()
	switch {
	case err == nil:
		r.Fatalf("no error, want %q", want)
	case eventstore.KindOf(err) != want:
		r.Fatalf("error %q is of kind %q, want %q", err, eventstore.KindOf(err), want)
	}
}

// headAt is the head of the log of these events when it ended at p.
func headAt(log []eventstore.Event, p eventstore.Position) eventstore.Head {
	if p == 0 {
		return eventstore.Head{}
	}
	return log[p-1].Head()
}
