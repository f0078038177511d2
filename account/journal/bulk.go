package journal

import (
	"context"
	"errors"
	"fmt"

	"openpayment/account"
	"openpayment/eventstore"
)

// BulkError is why several commands were refused together: one of them was.
type BulkError struct {
	At  int // which, from 0
	Err error
}

// Error implements error.
func (e *BulkError) Error() string { return fmt.Sprintf("command %d: %v", e.At, e.Err) }

// Unwrap gives why that one was refused.
func (e *BulkError) Unwrap() error { return e.Err }

// ErrBulkTooLarge is why commands are refused, as KindInvalid, whose events together
// are more than one append takes; and events of other services that are.
var ErrBulkTooLarge = errors.New("the events of one request are more than one append takes")

// ExecuteAll decides commands one after another at the head of the log, and carries
// out all of them or, if one is refused, none. Each leads to one event, and gets its
// outcome, in order; nothing stands between them in the log, and nothing is decided
// in their midst. A key is that of all together.
//
// Errors: as of [Service.Execute], in a *[BulkError] where they are about one of the
// commands; of KindInvalid with [ErrBulkTooLarge].
func (s *Service) ExecuteAll(ctx context.Context, commands []account.Command, o Options) ([]Outcome, error) {
	if o.DryRun {
		o.Key = account.Key{}
	}
	if o.Key.Given() {
		if outs, found, err := s.ReplayedAll(ctx, o.Key); found || err != nil {
			return outs, err
		}
	}
	b := bundle{service: s, options: o, meta: withKey(o.Meta, o.Key)}
	for i, c := range commands {
		valid, err := account.Check(c)
		if err != nil {
			return nil, &BulkError{i, err}
		}
		b.commands = append(b.commands, valid)
	}
	placed, err := s.writer.Submit(ctx, b.decide)
	switch {
	case err != nil:
		return nil, err
	case b.earlier != nil:
		return s.repeatAll(ctx, o.Key, *b.earlier)
	}
	settle(b.outs, placed)
	return b.outs, nil
}

// settle gives the outcomes of commands that were decided together what is known once
// they are in the log.
func settle(outs []Outcome, placed eventstore.Placed) {
	for i := range outs {
		outs[i].Course = placed.Course
	}
	for i, ev := range placed.Events { // of a dry run there are none
		outs[i].Event = ev
	}
}

// bundle is commands on their way through the Writer as one.
type bundle struct {
	service  *Service
	commands []account.Valid
	options  Options
	meta     eventstore.Meta // of every event

	// What the last decision came to; read only when Submit has succeeded.
	outs    []Outcome
	earlier *account.KeyUse
}

// decide is the bundle's [eventstore.Decide]. It decides on a draft of its own, so
// that a refusal leaves nothing behind.
func (b *bundle) decide(draft *account.Draft, slot eventstore.Slot) (_ []eventstore.Proposal, err error) {
	if b.earlier, err = b.service.keyed(draft, b.options.Key, slot.Time); err != nil || b.earlier != nil {
		return nil, err
	}
	over := account.NewDraft(draft)
	b.outs = make([]Outcome, len(b.commands))
	proposals := make([]eventstore.Proposal, len(b.commands))
	for i, c := range b.commands {
		d, err := decide(over, c, b.meta)
		if err == nil {
			b.outs[i], err = d.apply(over, b.options.Key, behind(slot, i))
		}
		if err == nil {
			d.proposal, err = d.proposal.Checked()
		}
		if err != nil {
			return nil, &BulkError{i, err}
		}
		proposals[i] = d.proposal
	}
	for i, p := range Atomic(proposals) {
		b.outs[i].Event.Meta = p.Meta
	}
	if err := b.service.fits("execute", proposals); err != nil {
		return nil, err
	}
	if b.options.DryRun {
		return nil, nil
	}
	draft.Adopt(over)
	return proposals, nil
}

// fits is nil if one append takes all proposals, otherwise [ErrBulkTooLarge].
func (s *Service) fits(op string, proposals []eventstore.Proposal) error {
	size := 0
	for _, p := range proposals {
		size += p.Size()
	}
	if events, bytes := s.writer.Limits(); len(proposals) > events || size > bytes {
		return eventstore.NewError(op, eventstore.KindInvalid,
			fmt.Errorf("%w: %d of %d bytes; it takes %d of %d", ErrBulkTooLarge, len(proposals), size, events, bytes))
	}
	return nil
}

// ReplayedAll is [Service.Replayed] for a key of [Service.ExecuteAll] or
// [Service.Append].
func (s *Service) ReplayedAll(ctx context.Context, k account.Key) (outs []Outcome, found bool, err error) {
	use, found := s.reducer.state.Load().KeyUse(k.Text)
	if !found {
		return nil, false, nil
	}
	outs, err = s.repeatAll(ctx, k, use)
	return outs, err == nil, err
}

// repeatAll gives the outcomes of the commands that a key was used for once more.
func (s *Service) repeatAll(ctx context.Context, k account.Key, use account.KeyUse) ([]Outcome, error) {
	if err := use.Judge(k); err != nil {
		return nil, err
	}
	// The use may have been seen while it grew: the first event says how far.
	first, err := s.log.Event(ctx, eventstore.Position(use.First))
	if err != nil {
		return nil, err
	}
	place, err := placeOf(first)
	if err != nil {
		return nil, err
	}
	events := make([]done, place.of)
	for i := range events {
		events[i] = done{first.Seq + eventstore.Position(i), use.Key}
	}
	return s.recall(ctx, events)
}
