package eventstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"openpayment/internal/mutant"
	"openpayment/internal/pause"
)

// catchUpLimit is how long the Writer waits for the model to reach a position
// that the log is known to have. Longer means that rows are missing, or that the
// poller can't read: callers get an answer instead of waiting with it.
const catchUpLimit = 5 * time.Second

// plan is a batch as decided, not yet stored.
type plan[D any] struct {
	at       Tail // what it was decided on
	events   []Event
	accepted []*submission[D] // in the order decided
	refused  []*submission[D] // or without events
	pure     int              // of refused: those decided on the state alone, before anything was accepted
	skew     error            // why nothing was decided
	course   Course           // the same for all
}

func (p *plan[D]) all() []*submission[D] { return append(p.accepted, p.refused...) }

// commit brings every command to an answer, or back to the queue.
func (w *Writer[D]) commit(pending []*submission[D]) {
	proven := Position(-1) // the log's head, read after every pending command arrived
	conflicts := 0
	for {
		if err := w.Err(); err != nil {
			w.refuse(pending, err)
			return
		}
		plan := w.decide(pending)
		plan.course.Conflicts = conflicts
		w.pace.decidedOn(plan.at.Head)
		if plan.skew != nil {
			w.refuse(pending, plan.skew)
			return
		}
		if proven >= 0 && plan.at.Head.Position >= proven {
			// The others rest on what was accepted before them, and that is not stored yet.
			plan.course.Decided = time.Now()
			concludeAll(plan.refused[:plan.pure], plan.course)
			plan.refused = plan.refused[plan.pure:]
		}
		pending = plan.all()
		if len(pending) == 0 {
			return
		}
		if len(plan.events) == 0 {
			if mutant.On(mutant.RefusesOnStaleState) {
				concludeAll(pending, Course{})
				return
			}
			head, err := w.prove(plan.at.Head)
			if err != nil {
				w.refuse(pending, err)
				return
			}
			proven = head.Position
			releaseAll(pending)
			continue
		}
		if mutant.On(mutant.AnswersBeforeDurable) {
			concludeAll(plan.accepted, Course{})
		}
		err := w.store(plan)
		switch {
		case err == nil:
			concludeAll(pending, plan.course)
			return
		case KindOf(err) != KindConflict:
			w.abandon(plan, err)
			return
		}
		releaseAll(pending)
		conflicts++
		w.cfg.Observer.conflict(plan.at.Head, len(plan.events), conflicts)
		if err := w.catchUp(plan.at.Head); err != nil {
			w.refuse(pending, err)
			return
		}
		if rest := w.pace.conflict(); !w.awaitTurn() {
			pause.For(w.ctx, rest)
		}
	}
}

// abandon answers the commands of a plan that could not be stored, or not for
// certain. What was refused was part of no append, but may rest on what was.
func (w *Writer[D]) abandon(p *plan[D], err error) {
	w.refuse(p.accepted, err)
	if KindOf(err) == KindUnknown {
		err = newError("submit", KindUnavailable, fmt.Errorf("not decided, since an earlier command is in doubt: %w", err))
	}
	w.refuse(p.refused, err)
}

func concludeAll[D any](batch []*submission[D], c Course) {
	for _, s := range batch {
		s.conclude(c)
	}
}

func releaseAll[D any](batch []*submission[D]) {
	for _, s := range batch {
		s.release()
	}
}

// decide decides what is pending on one draft, as much as one append can take;
// the rest goes back to the queue.
func (w *Writer[D]) decide(pending []*submission[D]) *plan[D] {
	for {
		p := &plan[D]{}
		misfit := -1 // a decision that broke a limit; it may have marked the draft
		var newest Head
		if mutant.On(mutant.DecidesOnStaleState) {
			newest, _ = w.log.Head(w.ctx)
		}
		w.model.Draft(func(draft D, at Tail) {
			if newest.Position > at.Head.Position {
				at.Head = newest
			}
			misfit = w.decideOn(draft, at, pending, p)
		})
		if misfit < 0 {
			p.number()
			return p
		}
		releaseAll(p.all())
		pending = append(pending[:misfit:misfit], pending[misfit+1:]...)
	}
}

// decideOn fills p. It returns the index of a command whose events can never be
// stored, which it has answered: the draft is of no more use then.
func (w *Writer[D]) decideOn(draft D, at Tail, pending []*submission[D], p *plan[D]) (misfit int) {
	p.at = at
	clock := w.cfg.Now()
	if p.skew = w.cfg.Clocks.Check(clock, at.Time); p.skew != nil {
		return -1
	}
	size := 0
	now := time.Now()
	p.events = make([]Event, 0, len(pending)) // mostly one for each
	p.accepted = make([]*submission[D], 0, len(pending))
	slot := Slot{Seq: at.Head.Position + 1, Time: later(clock.UTC().Truncate(time.Millisecond), at.Time)}
	for i, s := range pending {
		if !s.take() {
			continue
		}
		if s.taken.IsZero() {
			s.taken = now
		}
		proposals, err := s.decide(draft, slot)
		s.outcome, s.refusal = Placed{Position: slot.Seq + Position(len(proposals)) - 1}, err
		if err != nil || len(proposals) == 0 {
			p.refused = append(p.refused, s)
			if len(p.accepted) == 0 {
				p.pure++
			}
			s.release() // it is part of no append
			continue
		}
		events, bytes, err := place(p.events, proposals, slot)
		if err == nil && (len(proposals) > w.cfg.BatchEvents || bytes > w.cfg.BatchBytes) {
			err = newError("submit", KindInvalid, fmt.Errorf("a command with %d events of %d bytes is too large", len(proposals), bytes))
		}
		if err != nil {
			s.reject(err)
			return i
		}
		if len(events) > w.cfg.BatchEvents || size+bytes > w.cfg.BatchBytes {
			s.release()
			w.putBack(pending[i:])
			break // the draft holds what is not in the plan: it ends here
		}
		s.outcome.Events = events[len(p.events):] // number gives those with their hashes
		p.events = events
		p.accepted = append(p.accepted, s)
		slot.Seq += Position(len(proposals))
		size += bytes
	}
	return -1
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// place adds events made of proposals, all but their hashes. bytes is what those take.
func place(events []Event, proposals []Proposal, slot Slot) (_ []Event, bytes int, err error) {
	for i, p := range proposals {
		p, err := p.Checked()
		if err != nil {
			return nil, 0, err
		}
		id, err := uuid.NewV7()
		if err != nil {
			return nil, 0, newError("submit", KindUnavailable, err)
		}
		events = append(events, Event{
			Seq: slot.Seq + Position(i), ID: id, Type: p.Type, Subject: p.Subject,
			Time: slot.Time, Meta: p.Meta, Data: p.Data,
		})
		bytes += p.checked
	}
	return events, bytes, nil
}

// number links the plan's events to the chain, and gives each command its own.
func (p *plan[D]) number() {
	prev := p.at.Head.Hash
	for i := range p.events {
		p.events[i].Hash = p.events[i].ChainHash(prev)
		prev = p.events[i].Hash
	}
	rest := p.events
	for _, s := range p.accepted {
		n := len(s.outcome.Events)
		s.outcome.Events, rest = rest[:n:n], rest[n:]
	}
	p.course.First, p.course.Events = p.at.Head.Position+1, len(p.events)
}

// store appends the plan's events and waits until the model includes them.
func (w *Writer[D]) store(p *plan[D]) error {
	took, doubts, err := w.appendUntilDefinite(p)
	if doubts > 0 {
		w.cfg.Observer.cleared(p.at.Head, len(p.events), doubts, fateOf(err))
	}
	if err != nil {
		return err
	}
	last := p.events[len(p.events)-1]
	w.rest = w.pace.stored(last.Head(), took, w.othersUntil(p.at.Head.Position))
	w.cfg.Observer.published(p.events, took)
	w.poller.HandOver(p.at.Head, p.events)
	if err := w.model.Wait(w.ctx, last.Seq); err != nil {
		return newError("submit", KindUnknown, fmt.Errorf("stored, but not applied on this node: %w", err))
	}
	p.course.Applied = time.Now()
	return nil
}

// appendUntilDefinite repeats the identical batch while its outcome is unknown.
// Reading alone would not decide it: an attempt still on its way may land after
// the read. A repetition does, because the head only grows. It gives the time of
// the attempt that was answered, and how many were not.
func (w *Writer[D]) appendUntilDefinite(p *plan[D]) (took time.Duration, doubts int, _ error) {
	head, batch := p.at.Head, p.events
	retry := backoff{min: w.cfg.RetryMin, max: w.cfg.RetryMax}
	for attempt := 1; ; attempt++ {
		start := time.Now()
		if attempt == 1 {
			p.course.Decided = start
		}
		err := w.log.Append(w.ctx, head, batch)
		w.health.note(err)
		took = time.Since(start)
		p.course.Appended = start.Add(took) // means something only if it was
		if err == nil {
			return took, doubts, nil
		}
		switch KindOf(err) {
		case KindConflict:
			if doubts == 0 {
				return 0, 0, err
			}
			var mine bool
			if mine, err = w.isStored(batch[0]); err == nil {
				if mine {
					return took, doubts, nil
				}
				return 0, doubts, newError("append", KindConflict, nil)
			}
			if now, headErr := w.log.Head(w.ctx); headErr == nil {
				if back := w.checkRegressed(now, head); back != nil {
					return 0, doubts, newError("append", KindUnknown, back)
				}
			}
		case KindUnavailable, KindInvalid, KindDamaged:
			if doubts == 0 {
				return 0, 0, err
			}
		default: // an error nobody classified may mean anything
			if mutant.On(mutant.RenumbersOnRetry) {
				return 0, doubts, newError("append", KindConflict, err)
			}
			if mutant.On(mutant.LeavesDoubt) {
				return 0, doubts, newError("append", KindUnavailable, err)
			}
		}
		doubts = attempt
		w.cfg.Observer.inDoubt(head, len(batch), attempt, err)
		if !pause.For(w.ctx, retry.next()) {
			return 0, doubts, newError("append", KindUnknown, errors.Join(errors.New("gave up while shutting down"), err))
		}
	}
}

// isStored tells whether first, of a batch that lost a conflict, is the event
// at its position: then an earlier attempt had won.
func (w *Writer[D]) isStored(first Event) (bool, error) {
	for ev, err := range w.log.backend.Read(w.ctx, first.Seq-1, 1) {
		return ev.ID == first.ID, err
	}
	return false, newError("append", KindMissing, fmt.Errorf("event %d cannot be read yet", first.Seq))
}

// prove reads the log's head and waits until the model includes it: what is
// decided from then on is true at a head newer than every pending command.
func (w *Writer[D]) prove(known Head) (Head, error) {
	head, err := w.log.Head(w.ctx)
	if err != nil {
		return Head{}, err
	}
	if err := w.checkRegressed(head, known); err != nil {
		return Head{}, err
	}
	return head, w.await(head.Position)
}

// catchUp waits until the model has passed known, at which an append conflicted.
func (w *Writer[D]) catchUp(known Head) error {
	w.poller.Wake()
	err := w.await(known.Position + 1)
	if KindOf(err) != KindUnavailable {
		return err
	}
	// Nothing new can be read: has the log lost what this process built on?
	head, headErr := w.log.Head(w.ctx)
	if headErr != nil {
		return headErr
	}
	return errors.Join(w.checkRegressed(head, known), err)
}

// await waits for the model, but not for ever.
func (w *Writer[D]) await(pos Position) error {
	w.poller.Wake()
	ctx, cancel := context.WithTimeout(w.ctx, catchUpLimit)
	defer cancel()
	err := w.model.Wait(ctx, pos)
	if err != nil && KindOf(err) == KindOther {
		return newError("catch up", KindUnavailable, fmt.Errorf("event %d is in the log, but could not be read in time: %w", pos, err))
	}
	return err
}

func (w *Writer[D]) checkRegressed(head, known Head) error {
	err := head.RegressedFrom(known)
	if err != nil && !mutant.On(mutant.IgnoresRegress) {
		w.Halt(err)
	}
	return err
}
