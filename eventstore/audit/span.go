package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"openpayment/eventstore"
)

const (
	// readEvents is how many events one read asks for.
	readEvents = 5000
	// maxKept is how many suspects are kept whole, for a closer look.
	maxKept = 1000
	// stride is how far it is looked ahead where the store says that the log ends
	// and the head says that it does not. It is not more than the smallest bucket
	// of a store that has them: none that is there is stepped over.
	stride = 1000
	// maxGarbled is how many unreadable rows in a row mean that the store as a
	// whole cannot be read, where nobody knows how many there should be.
	maxGarbled = 10_000
)

// span is one range of the log, looked through by one goroutine.
type span struct {
	*auditor
	first, last eventstore.Position
	open        bool // last is not known: it ends where rows end

	at       eventstore.Position // to be read next
	before   *eventstore.Event   // the row before at, nil if it could not be read
	holes    []Fault             // missing and garbled rows, in order
	suspects []*suspect          // in order
	// beforeHoles are the hashes of the rows directly before holes.
	beforeHoles []eventstore.Hash
	end         eventstore.Head // the last row, if it is the one at last
	garbage     int             // unreadable rows up to here, without one in between
}

// suspect is a row that does not match on the row before it, or is earlier.
type suspect struct {
	seq    eventstore.Position
	ev     eventstore.Event // as it was read, if whole
	whole  bool
	link   bool // it does not match; else it is only earlier
	before bool // there is a row before it, with
	prev   eventstore.Hash

	verdict verdict
	kind    Kind
	detail  string
	// computed is what its hash would be if nothing but hashes had been changed,
	// here and in the suspects directly before it.
	computed    eventstore.Hash
	hasComputed bool
}

// run reads the range. The row before it is read along, for its hash.
func (s *span) run(ctx context.Context) error {
	s.at = max(s.first-1, 1)
	for s.at <= s.last {
		asked := int(min(int64(s.last-s.at)+1, readEvents))
		n, err := patiently(ctx, func() (int, error) { return s.read(ctx, asked) })
		switch {
		case err == nil && n == asked:
		case err == nil && s.open:
			return nil
		case err == nil:
			err = s.vanished(ctx)
		case eventstore.KindOf(err) == eventstore.KindMissing:
			err = s.missing(ctx, err)
		case eventstore.KindOf(err) == eventstore.KindDamaged:
			err = s.garbled(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read goes on from s.at and gives the number of rows.
func (s *span) read(ctx context.Context, limit int) (n int, err error) {
	told := 0
	defer func() { s.tell(n - told) }()
	for ev, err := range s.backend.Read(ctx, s.at-1, limit) {
		if err != nil {
			return n, err
		}
		if ev.Seq != s.at {
			return n, fmt.Errorf("the store gave event %d where event %d was asked for", ev.Seq, s.at)
		}
		s.row(&ev)
		n++
		if n-told == 500 {
			s.tell(500)
			told = n
		}
	}
	return n, nil
}

func (s *span) tell(n int) {
	rows := s.rows.Add(int64(n))
	if s.cfg.Progress != nil && n > 0 {
		s.cfg.Progress(rows, s.total)
	}
}

// row checks one row on the one before it.
func (s *span) row(ev *eventstore.Event) {
	s.garbage = 0
	if ev.Seq >= s.first {
		var hash eventstore.Hash // that of the empty log
		known := ev.Seq == 1 || s.before != nil
		if s.before != nil {
			hash = s.before.Hash
		}
		link := !known || ev.ChainHash(hash) != ev.Hash
		early := s.before != nil && ev.Time.Before(s.before.Time)
		if link || early {
			s.suspect(ev, suspect{seq: ev.Seq, link: link, before: known, prev: hash})
		}
	} else {
		s.rows.Add(-1) // another range's
	}
	s.before = ev
	s.at = ev.Seq + 1
	if ev.Seq == s.last {
		s.end = ev.Head()
	}
}

func (s *span) suspect(ev *eventstore.Event, new suspect) {
	if s.kept.Add(1) <= maxKept {
		new.ev, new.whole = *ev, true
	}
	s.suspects = append(s.suspects, &new)
}

// missing notes a hole. It is looked at twice: on Cassandra a row may show up a
// moment after the one behind it.
func (s *span) missing(ctx context.Context, err error) error {
	for _, again := range s.backend.Read(ctx, s.at-1, 1) {
		if eventstore.KindOf(again) != eventstore.KindMissing || again == nil {
			return nil // the next read tells
		}
	}
	s.hole(min(eventstore.AfterGap(err, s.at)-1, s.last), Missing, "not there, though the log goes on behind it")
	return nil
}

// vanished goes on where the store says that the log ends, though its head says
// that it does not.
func (s *span) vanished(ctx context.Context) error {
	const detail = "not there, though the log's head is behind it"
	ahead := min(s.at+stride, s.last)
	silent := true
	for range s.backend.Read(ctx, ahead-1, 1) {
		silent = false // whatever it is
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case silent:
		s.hole(ahead, Missing, detail)
	default:
		s.hole(s.at, Missing, detail)
	}
	return nil
}

func (s *span) garbled(err error) error {
	if s.garbage++; s.open && s.garbage > maxGarbled {
		return fmt.Errorf("nothing can be read from event %d on: %w", s.at-maxGarbled, err)
	}
	s.hole(s.at, Garbled, plain(err))
	return nil
}

// hole notes that there is no event from s.at to last, and goes on behind them.
func (s *span) hole(last eventstore.Position, kind Kind, detail string) {
	if last >= s.first {
		s.holes = appendFault(s.holes, Fault{max(s.at, s.first), last, kind, detail})
	}
	if s.before != nil && s.kept.Add(1) <= maxKept {
		s.beforeHoles = append(s.beforeHoles, s.before.Hash)
	}
	s.before = nil
	s.at = last + 1
}

// appendFault adds f, to the one before it if that is of the same kind and ends
// where f begins.
func appendFault(to []Fault, f Fault) []Fault {
	if n := len(to); n > 0 && to[n-1].Last+1 == f.First && to[n-1].Kind == f.Kind && (f.Kind != Garbled || to[n-1].Detail == f.Detail) {
		to[n-1].Last = f.Last
		return to
	}
	return append(to, f)
}

// plain is the innermost part of an error that says something in one line.
func plain(err error) string {
	text := err.Error()
	if own, ok := errors.AsType[*eventstore.Error](err); ok && own.Err != nil {
		text = own.Err.Error()
	}
	return strings.ReplaceAll(text, "\n", "; ")
}

func position(p eventstore.Position) string { return fmt.Sprintf("event %d", p) }

// The waits while a store cannot be asked.
const (
	attempts   = 6
	firstPause = 200 * time.Millisecond
)

// patiently repeats do while it says that the store can't be asked: a long check
// should not end at a timeout.
func patiently[T any](ctx context.Context, do func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		v, err := do()
		if eventstore.KindOf(err) != eventstore.KindUnavailable || err == nil || attempt == attempts || ctx.Err() != nil {
			return v, err
		}
		timer := time.NewTimer(firstPause << (attempt - 1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return v, err
		}
	}
}
