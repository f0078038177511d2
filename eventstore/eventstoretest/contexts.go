package eventstoretest

import (
	"context"
	"time"

	"openpayment/eventstore"
)

var contextCases = []testCase{
	{"with a context already cancelled nothing is done", 0, func(r *rig) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		nothingIsDone(r, ctx)
	}},
	{"with a deadline already passed nothing is done", 0, func(r *rig) {
		ctx, cancel := context.WithDeadline(r.Context(), time.Unix(0, 0))
		defer cancel()
		nothingIsDone(r, ctx)
	}},
	{"a read whose context ends in the middle goes no further", 5, cancelInsideRead},
	{"a handle whose reads were cut off works on", 5, func(r *rig) {
		b := r.open()
		all := r.write(b, 5, 5)
		for range 20 {
			ctx, cancel := context.WithCancel(r.Context())
			for range b.Read(ctx, 0, 0) {
				cancel()
			}
			cancel()
		}
		all = append(all, r.write(b, 3)...)
		r.wantLog(b, all)
	}},
}

func nothingIsDone(r *rig, ctx context.Context) {
	b := r.open()
	all := r.write(b, 3)
	at := all[2].Head()
	r.wantKind(b.Append(ctx, at, batchAfter(at, 2)), eventstore.KindUnavailable)
	r.wantUnavailable(b, ctx)
	r.wantLog(b, all)
	if got := r.loadCursor(b, "c"); got != (eventstore.Head{}) {
		r.Fatalf("the cursor was saved: %v", got)
	}
	all = append(all, r.write(b, 2)...)
	r.wantLog(r.open(), all)
}

// wantUnavailable tries everything but Append.
func (r *rig) wantUnavailable(b eventstore.Store, ctx context.Context) {
	r.Helper()
	_, err := b.Head(ctx)
	r.wantKind(err, eventstore.KindUnavailable)
	for _, after := range []eventstore.Position{0, 2, 3, 9} { // 3 and 9: even where there is nothing to read
		got, err := collect(b.Read(ctx, after, 0))
		r.wantKind(err, eventstore.KindUnavailable)
		if len(got) > 0 {
			r.Fatalf("read %d events nevertheless", len(got))
		}
	}
	_, err = b.LoadCursor(ctx, "c")
	r.wantKind(err, eventstore.KindUnavailable)
	r.wantKind(b.SaveCursor(ctx, "c", eventstore.Head{Position: 1}), eventstore.KindUnavailable)
}

// cancelInsideRead cancels after every number of events: the very next thing the
// read yields is the error, and it is the last.
func cancelInsideRead(r *rig) {
	b := r.open()
	all := r.write(b, 5, 4, 5, 1)
	for stop := 1; stop < len(all); stop++ {
		ctx, cancel := context.WithCancel(r.Context())
		n, failed := 0, 0
		for ev, err := range b.Read(ctx, 0, 0) {
			switch {
			case failed > 0:
				r.Fatal("the read went on after an error")
			case err != nil:
				r.wantKind(err, eventstore.KindUnavailable)
				failed++
				continue
			}
			if err := diff(ev, all[n]); err != nil {
				r.Fatal(err)
			}
			if n++; n == stop {
				cancel()
			}
		}
		cancel()
		if n != stop || failed == 0 {
			r.Fatalf("cancelled after %d events, the read gave %d and %d errors", stop, n, failed)
		}
	}
}
