package eventstore

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
)

// Log stands before a [Backend] and lets nothing pass that is not what was
// written: every row read is checked against the hash chain. It is safe for
// concurrent use and owns nothing; closing is the backend's.
type Log struct {
	backend Backend
	heads   sharedHead
	newest  atomic.Int64 // position of the newest head that was told
}

// NewLog gives the log that b stores.
func NewLog(b Backend) *Log {
	l := &Log{backend: b}
	l.heads.read = func(ctx context.Context) (Head, error) {
		head, err := b.Head(ctx)
		if err == nil {
			l.newest.Store(max(l.newest.Load(), int64(head.Position))) // one read at a time
		}
		return head, err
	}
	return l
}

// Append is [Backend.Append].
func (l *Log) Append(ctx context.Context, head Head, batch []Event) error {
	return l.backend.Append(ctx, head, batch)
}

// Head is [Backend.Head]. Callers that ask at the same time share one read,
// which started after each of them had asked.
func (l *Log) Head(ctx context.Context) (Head, error) { return l.heads.get(ctx) }

// Newest is the position of the newest head that Head has given so far, 0 if none.
func (l *Log) Newest() Position { return Position(l.newest.Load()) }

// ReadFrom yields every event after head, in order, each verified against the
// one before it, and ends at the end of the log. A long read is read and verified
// ahead of its consumer. Errors, which end it too: KindMissing, KindDamaged,
// KindUnavailable.
func (l *Log) ReadFrom(ctx context.Context, head Head) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		n := 0
		for ev, err := range l.read(ctx, head, readPlain) {
			if !yield(ev, err) || err != nil {
				return
			}
			head = ev.Head()
			n++
		}
		if n < readPlain {
			return
		}
		ahead(ctx, func(ctx context.Context) iter.Seq2[Event, error] { return l.read(ctx, head, 0) })(yield)
	}
}

func (l *Log) read(ctx context.Context, head Head, limit int) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for ev, err := range l.backend.Read(ctx, head.Position, limit) {
			if err == nil {
				err = ev.Follows(head)
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
			head = ev.Head()
			if !yield(ev, nil) {
				return
			}
		}
	}
}

// Page gives the first limit events after the given position, none beyond last,
// which the caller knows to be in the log: a row that is not there is
// KindDamaged. Other errors: KindUnavailable.
func (l *Log) Page(ctx context.Context, after, last Position, limit int) ([]Event, error) {
	want := min(int(last-after), limit)
	if want <= 0 {
		return nil, nil
	}
	// The event before is read along: its hash is what the first one builds on.
	skip, head := 0, Head{}
	if after > 0 {
		skip, head.Position = 1, after-1
	}
	events := make([]Event, 0, want)
	for ev, err := range l.backend.Read(ctx, head.Position, want+skip) {
		if err != nil {
			return nil, readError(err)
		}
		if skip > 0 {
			skip = 0
			if ev.Seq != after {
				return nil, missing(after)
			}
		} else {
			if err := ev.Follows(head); err != nil {
				return nil, err
			}
			events = append(events, ev)
		}
		head = ev.Head()
	}
	if len(events) < want {
		return nil, missing(after + Position(len(events)) + 1)
	}
	return events, nil
}

// Event gives one event that the caller knows to be in the log, verified
// against its predecessor. Errors as for [Log.Page].
func (l *Log) Event(ctx context.Context, seq Position) (Event, error) {
	events, err := l.Page(ctx, seq-1, seq, 1)
	if err != nil {
		return Event{}, err
	}
	return events[0], nil
}

// pointReads is how many events [Log.Events] asks for at once: enough to hide a
// round trip, few enough to leave the store to others.
const pointReads = 16

// Events gives the events at the given positions, in that order, each as
// [Log.Event] would. Neighbours are read together.
func (l *Log) Events(ctx context.Context, seqs []Position) ([]Event, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	events := make([]Event, len(seqs))
	slots := make(chan struct{}, pointReads)
	var reads sync.WaitGroup
	for start := 0; start < len(seqs); {
		end := start + 1
		for end < len(seqs) && seqs[end] == seqs[end-1]+1 {
			end++
		}
		first, run := seqs[start], events[start:end]
		slots <- struct{}{}
		reads.Go(func() {
			defer func() { <-slots }()
			found, err := l.Page(ctx, first-1, first-1+Position(len(run)), len(run))
			if err != nil {
				cancel(err)
				return
			}
			copy(run, found)
		})
		start = end
	}
	reads.Wait()
	if err := context.Cause(ctx); err != nil {
		if KindOf(err) == KindOther { // the caller's own context, not a read
			err = newError("read", KindUnavailable, err)
		}
		return nil, err
	}
	return events, nil
}

// HeadAt gives the head the log had when it ended at the given position, which
// the caller knows to be in it. Errors as for [Log.Page].
func (l *Log) HeadAt(ctx context.Context, at Position) (Head, error) {
	if at == 0 {
		return Head{}, nil
	}
	ev, err := l.Event(ctx, at)
	return ev.Head(), err
}

// readError makes a hole below a known position what it is there: damage.
func readError(err error) error {
	if KindOf(err) == KindMissing {
		return newError("read", KindDamaged, err)
	}
	return err
}

func missing(seq Position) error {
	return newError("read", KindDamaged, fmt.Errorf("event %d is not in the log, though later ones are known", seq))
}
