package journal

import (
	"context"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/internal/mutant"
)

// Options go with a command.
type Options struct {
	Meta   eventstore.Meta // into the event's meta
	DryRun bool            // decide and answer, but store nothing
	// Key, if given, has the command carried out once, however often it is asked for
	// with that key. A dry run ignores it.
	Key account.Key
}

// Outcome is what an accepted command led to.
type Outcome struct {
	// Account is what the event is about, as it is just after it. It is nil in the
	// replayed outcome of a command that moves money: it would take reading the
	// account's whole history.
	Account  *account.Account
	Event    eventstore.Event    // as it stands in the log; in a dry run as it would, without ID and Hash
	Position eventstore.Position // the event's
	// Replayed: the command was carried out before, under the same key. Nothing was
	// done this time.
	Replayed bool
	// Course is how the command went through the Writer, also if it was refused at the
	// end; zero if it did not get there.
	Course eventstore.Course
}

// Execute decides a command at the head of the log. It returns when the event
// is durable and part of the state.
//
// Of commands with one key, on whatever nodes, the first to be accepted is carried
// out, and the others get its outcome, as long as the key is remembered: at least
// [account.KeyLife]. That of a refused command is as good as new.
//
// Errors: an *[account.Refusal], true at the head of the log, except for one of a
// command that is invalid in itself; or an *[eventstore.Error] as of
// [eventstore.Writer.Submit], of KindOverloaded with [ErrKeysFull], or, of an outcome
// that is to be replayed, those of [Service.Replayed]. With an error only the Course of
// the outcome means anything.
func (s *Service) Execute(ctx context.Context, c account.Command, o Options) (Outcome, error) {
	if o.DryRun {
		o.Key = account.Key{}
	}
	if o.Key.Given() { // most repetitions need neither the queue nor the store's head
		if out, found, err := s.Replayed(ctx, o.Key); found || err != nil {
			return out, err
		}
	}
	// Shape first, for the same reason.
	valid, err := account.Check(c)
	if err != nil {
		return Outcome{}, err
	}
	e := execution{service: s, command: valid, options: o, meta: withKey(o.Meta, o.Key)}
	e.foresee()
	placed, err := s.writer.Submit(ctx, e.decide)
	switch {
	case err != nil:
		return Outcome{Course: placed.Course}, err
	case e.earlier != nil:
		out, err := s.repeat(ctx, o.Key, *e.earlier)
		out.Course = placed.Course
		return out, err
	case !o.DryRun:
		e.out.Event = placed.Events[0]
	}
	e.out.Course = placed.Course
	return e.out, nil
}

// execution is a command on its way through the Writer.
type execution struct {
	service *Service
	command account.Valid
	options Options
	meta    eventstore.Meta // of the event
	likely  decided         // what it will be decided to be, most likely

	// What the last decision came to; read only when Submit has succeeded.
	out     Outcome
	earlier *account.KeyUse // the key was used before, maybe in the same batch
}

// foresee makes the event that the command leads to on the state as it is now. That
// takes the caller's time, of which there is plenty; what comes later is the Writer's,
// of which there is one for all. The event hardly ever is another one by then.
func (e *execution) foresee() {
	d, err := decide(e.service.reducer.state.Load(), e.command, e.meta)
	if err == nil {
		d.proposal, err = d.proposal.Checked()
	}
	if err == nil { // otherwise the Writer finds out, on what is true by then
		e.likely = d
	}
}

// decide is the command's [eventstore.Decide].
func (e *execution) decide(draft *account.Draft, slot eventstore.Slot) (_ []eventstore.Proposal, err error) {
	if e.earlier, err = e.service.keyed(draft, e.options.Key, slot.Time); err != nil || e.earlier != nil {
		return nil, err // without events: the answer follows from those that are there
	}
	d, err := e.decideOn(draft)
	if err != nil {
		return nil, err
	}
	if e.options.DryRun {
		draft = account.NewDraft(draft)
	}
	if e.out, err = d.apply(draft, e.options.Key, slot); err != nil || e.options.DryRun {
		return nil, err
	}
	return []eventstore.Proposal{d.proposal}, nil
}

// decideOn is decide on a draft.
func (e *execution) decideOn(draft *account.Draft) (decided, error) {
	if mutant.On(mutant.BelievesCallers) && e.likely.event != nil {
		return e.likely, nil
	}
	event, err := e.command.Decide(draft)
	switch {
	case err != nil:
		return decided{}, err
	case account.Same(event, e.likely.event):
		return e.likely, nil
	}
	return encoded(event, e.meta)
}

// decided is a command that is accepted, but not part of the draft yet.
type decided struct {
	event    account.Event
	proposal eventstore.Proposal
}

// decide decides a command, and changes nothing; meta is that of the event.
func decide(v account.View, c account.Valid, meta eventstore.Meta) (decided, error) {
	event, err := c.Decide(v)
	if err != nil {
		return decided{}, err
	}
	return encoded(event, meta)
}

func encoded(event account.Event, meta eventstore.Meta) (decided, error) {
	proposal, err := Encode(event, meta)
	return decided{event, proposal}, err
}

// apply makes the event part of a draft, at slot, and gives the outcome as of a dry
// run. On an error the draft is as it was.
func (d decided) apply(draft *account.Draft, k account.Key, slot eventstore.Slot) (Outcome, error) {
	if err := draft.Apply(d.event, account.Stamp{Seq: int64(slot.Seq), Time: slot.Time, Key: k}); err != nil {
		return Outcome{}, err
	}
	return Outcome{
		Account: draft.Account(d.event.Accounts()[0]), Position: slot.Seq, Event: eventAt(slot, d.proposal),
	}, nil
}

// eventAt is what a proposal would become in a slot: without ID and Hash.
func eventAt(slot eventstore.Slot, p eventstore.Proposal) eventstore.Event {
	return eventstore.Event{Seq: slot.Seq, Type: p.Type, Subject: p.Subject, Time: slot.Time, Meta: p.Meta, Data: p.Data}
}

// behind is the slot of the event that comes n events later in the same batch.
func behind(slot eventstore.Slot, n int) eventstore.Slot {
	slot.Seq += eventstore.Position(n)
	return slot
}
