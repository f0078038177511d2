// Package audit looks through a log for everything that is wrong with it: rows
// that are missing, changed, moved or unreadable, times that go backwards, and a
// head that does not fit the rows. Unlike a reader, which stops at the first, it
// goes on after each and names them all.
//
// # What it can tell
//
// Every event is hashed over the one before it, so that each row is one of
//
//   - good: it matches its hash, on the hash of the row before;
//   - faulty: it is missing, unreadable, or does not match;
//   - unproven: the hash it builds on is lost with the row before, which is
//     faulty. Later events build on the row's own hash, so most likely it is good.
//
// # What it cannot tell
//
// Someone who changes a row and all hashes from there on leaves a log without a
// fault, and so does someone who cuts off its end together with the head. Snapshots
// of the state show both, as far as they reach ([Config].Snapshots); otherwise compare
// the head with one noted elsewhere. A row changed together with its own hash only
// shows in the row after it, which is reported.
package audit

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"openpayment/eventstore"
)

// Kind says what is wrong with a row.
type Kind string

// The kinds of faults.
const (
	Missing       Kind = "missing"        // there is no such row, though later ones are there or the head says so
	Garbled       Kind = "garbled"        // the row cannot be an event
	Changed       Kind = "changed"        // the row does not match its hash
	HashChanged   Kind = "hash-changed"   // the row's hash was changed, and nothing else
	Misplaced     Kind = "misplaced"      // the row is another position's
	TimeBackwards Kind = "time-backwards" // the row is good, but earlier than the one before
	BeyondHead    Kind = "beyond-head"    // the row stands behind the head
	CutOff        Kind = "cut-off"        // the row is not there, and the log ends before it, but a snapshot was taken there
	Rewritten     Kind = "rewritten"      // the row is good, but is not the one that a snapshot was taken at
	Unproven      Kind = "unproven"       // not a fault: see the package comment
)

// Fault is what is wrong with the rows First to Last, mostly one.
type Fault struct {
	First  eventstore.Position `json:"first"`
	Last   eventstore.Position `json:"last"`
	Kind   Kind                `json:"kind"`
	Detail string              `json:"detail"`
}

// String is the fault in short: "5 changed", "7-9 missing".
func (f Fault) String() string {
	if f.First == f.Last {
		return fmt.Sprintf("%d %s", f.First, f.Kind)
	}
	return fmt.Sprintf("%d-%d %s", f.First, f.Last, f.Kind)
}

// Report is what an audit has found.
type Report struct {
	First, Last eventstore.Position // what was looked through; Last is First-1 if there was nothing
	Head        eventstore.Head     // as the store had it at the beginning
	HeadFault   string              // what is wrong with the head, if anything
	Events      int64               // rows that could be read
	Faults      []Fault             // in order, none twice
	Unproven    []Fault             // likewise
}

// Intact says whether nothing is wrong.
func (r Report) Intact() bool { return len(r.Faults) == 0 && r.HeadFault == "" }

// Config says what to look at.
type Config struct {
	First, Last eventstore.Position            // 0: from the first event, to the head
	Snapshots   []eventstore.Manifest          // of the log's state, listed before; may be none
	Workers     int                            // ranges read at a time; 0: 4
	SpanEvents  int                            // positions in a range; 0: 10,000
	Progress    func(rows, total int64)        // told now and then, by several goroutines; may be nil
	Started     func(last eventstore.Position) // told where it will end, before the first row; may be nil
}

const (
	defaultWorkers = 4
	defaultSpan    = 10_000
)

// Check looks through a log. An error means that it could not be done: the store
// can't be asked, or ctx has ended; what is wrong with the log is in the report.
// Events appended meanwhile are not looked at. Memory is bounded: by a few pages
// for each worker, and a thousand faulty rows.
func Check(ctx context.Context, b eventstore.Backend, cfg Config) (Report, error) {
	a := &auditor{backend: b, cfg: cfg}
	if a.cfg.Workers <= 0 {
		a.cfg.Workers = defaultWorkers
	}
	if a.cfg.SpanEvents <= 0 {
		a.cfg.SpanEvents = defaultSpan
	}
	r := Report{First: max(cfg.First, 1)}
	if err := a.bounds(ctx, &r); err != nil {
		return r, err
	}
	if cfg.Started != nil {
		cfg.Started(r.Last)
	}
	found, err := a.spans(ctx, &r)
	if err != nil {
		return r, err
	}
	j := newJudge(found, r)
	j.judge()
	r.Faults, r.Unproven = j.faults, j.unproven
	r.Events = a.rows.Load()
	if r.HeadFault == "" && j.headFault != "" {
		r.HeadFault = j.headFault
	}
	if cfg.Last == 0 && r.HeadFault == "" {
		err = a.beyondHead(ctx, &r)
	}
	if err == nil {
		err = a.againstSnapshots(ctx, &r)
	}
	return r, err
}

type auditor struct {
	backend eventstore.Backend
	cfg     Config
	total   int64
	rows    atomic.Int64 // read so far
	kept    atomic.Int64 // suspects kept whole
}

// bounds finds out where the log ends. A head that cannot be read is a finding;
// the end is then wherever rows end.
func (a *auditor) bounds(ctx context.Context, r *Report) (err error) {
	r.Head, err = patiently(ctx, func() (eventstore.Head, error) { return a.backend.Head(ctx) })
	switch {
	case err == nil:
		r.Last = r.Head.Position
	case eventstore.KindOf(err) == eventstore.KindDamaged:
		r.HeadFault, r.Last = "the head cannot be read: "+err.Error(), math.MaxInt64
	default:
		return err
	}
	if a.cfg.Last > 0 {
		r.Last = min(r.Last, a.cfg.Last)
	}
	if r.Last < math.MaxInt64 {
		r.Last = max(r.Last, r.First-1)
		a.total = int64(r.Last - r.First + 1)
	}
	return nil
}

// spans looks through all ranges, several at a time.
func (a *auditor) spans(ctx context.Context, r *Report) ([]*span, error) {
	if r.Last == math.MaxInt64 { // nobody knows where it ends: one after the other
		s := &span{auditor: a, first: r.First, last: r.Last, open: true}
		err := s.run(ctx)
		r.Last = s.at - 1
		return []*span{s}, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(a.cfg.Workers)
	var all []*span
	for first := r.First; first <= r.Last && ctx.Err() == nil; first += eventstore.Position(a.cfg.SpanEvents) {
		s := &span{auditor: a, first: first, last: min(r.Last, first+eventstore.Position(a.cfg.SpanEvents)-1)}
		all = append(all, s)
		group.Go(func() error { return s.run(ctx) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil && len(all) > 0 && all[len(all)-1].last < r.Last {
		return nil, err
	}
	return all, nil
}

// beyondHead looks for a row behind the head. One that was appended meanwhile is
// followed by a head that has it.
func (a *auditor) beyondHead(ctx context.Context, r *Report) error {
	head, err := a.backend.Head(ctx)
	if err != nil {
		return err
	}
	for ev, err := range a.backend.Read(ctx, head.Position, 1) {
		if err != nil && eventstore.KindOf(err) == eventstore.KindUnavailable {
			return err
		}
		now, headErr := a.backend.Head(ctx)
		if headErr != nil {
			return headErr
		}
		if now.Position == head.Position {
			detail := "a row stands behind the head, which is " + position(head.Position)
			if err != nil {
				ev.Seq = head.Position + 1
				detail = "there is something behind the head, which is " + position(head.Position) + ": " + err.Error()
			}
			r.Faults = append(r.Faults, Fault{ev.Seq, ev.Seq, BeyondHead, detail})
		}
	}
	return nil
}
