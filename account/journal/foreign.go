package journal

import (
	"context"
	"errors"
	"fmt"

	"openpayment/account"
	"openpayment/eventstore"
)

// Foreign is events of other services that are to be appended together.
type Foreign struct {
	// Events are one to as many as one append takes, of types that are not [Reserved].
	// Their own Meta goes before that of the options. They are not to be changed
	// afterwards.
	Events []eventstore.Proposal
	// Precondition, if not nil, must hold at the head of the log.
	Precondition *account.Precondition
}

// Append puts events of other services into the log, side by side, or none of them. It
// returns when they are durable and part of the state, with an outcome for each, without
// an account. A key is that of all together.
//
// Of two appends with one precondition, on whatever nodes, one comes first, and that
// one's events keep the other's precondition from holding.
//
// Errors: an *[account.Refusal] when the precondition does not hold, true at the head of
// the log; of KindInvalid for what can't be stored, or only by a command, and with
// [ErrBulkTooLarge]; others as of [Service.Execute].
func (s *Service) Append(ctx context.Context, f Foreign, o Options) ([]Outcome, error) {
	if o.DryRun {
		o.Key = account.Key{}
	}
	if o.Key.Given() {
		if outs, found, err := s.ReplayedAll(ctx, o.Key); found || err != nil {
			return outs, err
		}
	}
	a := appending{service: s, foreign: f, options: o}
	var err error
	if a.proposals, err = f.proposals(o); err != nil {
		return nil, err
	}
	if err := s.fits("append", a.proposals); err != nil {
		return nil, err
	}
	placed, err := s.writer.Submit(ctx, a.decide)
	switch {
	case err != nil:
		return nil, err
	case a.earlier != nil:
		return s.repeatAll(ctx, o.Key, *a.earlier)
	}
	settle(a.outs, placed)
	return a.outs, nil
}

// ownMeta is what no event of another service may bring along: it means something to
// the reducer.
var ownMeta = []string{metaKey, metaFingerprint, metaAtomic, metaDataVersion}

// proposals are the events as they will be stored.
func (f Foreign) proposals(o Options) ([]eventstore.Proposal, error) {
	invalid := func(i int, format string, args ...any) error {
		return eventstore.NewError("append", eventstore.KindInvalid, fmt.Errorf("event %d: "+format, append([]any{i}, args...)...))
	}
	all := make([]eventstore.Proposal, len(f.Events))
	for i, ev := range f.Events {
		if Reserved(ev.Type) {
			return nil, invalid(i, "the type %q is reserved", ev.Type)
		}
		for _, name := range ownMeta {
			if _, taken := ev.Meta.Lookup(name); taken {
				return nil, invalid(i, "meta %q is not the caller's to set", name)
			}
		}
		all[i] = ev.WithMeta(withKey(o.Meta.With(ev.Meta...), o.Key))
	}
	if len(all) == 0 {
		return nil, eventstore.NewError("append", eventstore.KindInvalid, errors.New("there are no events"))
	}
	for i, p := range Atomic(all) {
		var err error
		if all[i], err = p.Checked(); err != nil {
			return nil, invalid(i, "%w", err)
		}
	}
	return all, nil
}

// appending is events of other services on their way through the Writer.
type appending struct {
	service   *Service
	foreign   Foreign
	proposals []eventstore.Proposal
	options   Options

	// What the last decision came to; read only when Submit has succeeded.
	outs    []Outcome
	earlier *account.KeyUse
}

// decide is the append's [eventstore.Decide].
func (a *appending) decide(draft *account.Draft, slot eventstore.Slot) (_ []eventstore.Proposal, err error) {
	if a.earlier, err = a.service.keyed(draft, a.options.Key, slot.Time); err != nil || a.earlier != nil {
		return nil, err
	}
	if p := a.foreign.Precondition; p != nil {
		if err := p.Check(draft); err != nil {
			return nil, err
		}
	}
	a.outs = make([]Outcome, len(a.proposals))
	for i, p := range a.proposals {
		at := behind(slot, i)
		a.outs[i] = Outcome{Position: at.Seq, Event: eventAt(at, p)}
	}
	if a.options.DryRun {
		return nil, nil
	}
	for i, p := range a.proposals {
		draft.Pass(p.Subject, account.Stamp{Seq: int64(slot.Seq) + int64(i), Time: slot.Time, Key: a.options.Key})
	}
	return a.proposals, nil
}
