package journal

import (
	"context"

	"openpayment/account"
	"openpayment/eventstore"
)

// Options go with a command.
type Options struct {
	Meta   map[string]string // into the event's meta; not to be changed afterwards
	DryRun bool              // decide and answer, but store nothing
}

// Outcome is what an accepted command led to.
type Outcome struct {
	Account  *account.Account    // what the event is about, as it is just after it
	Event    eventstore.Event    // as it stands in the log; in a dry run as it would, without ID and Hash
	Position eventstore.Position // the event's
}

// Execute decides a command at the head of the log. It returns when the event
// is durable and part of the state.
//
// Errors: an *[account.Refusal], true at the head of the log; or an
// *[eventstore.Error] as of [eventstore.Writer.Submit].
func (s *Service) Execute(ctx context.Context, c account.Command, o Options) (Outcome, error) {
	// Shape first: it needs neither the queue nor the store.
	valid, err := account.Check(c)
	if err != nil {
		return Outcome{}, err
	}
	var out Outcome // of the last decision; read only when Submit has succeeded
	placed, err := s.writer.Submit(ctx, func(draft *account.Draft, slot eventstore.Slot) ([]eventstore.Proposal, error) {
		ev, err := valid.Decide(draft)
		if err != nil {
			return nil, err
		}
		proposal, err := Encode(ev, o.Meta)
		if err != nil {
			return nil, err
		}
		if o.DryRun {
			draft = account.NewDraft(draft)
		}
		if err := draft.Apply(ev, account.Stamp{Seq: int64(slot.Seq), Time: slot.Time}); err != nil {
			return nil, err
		}
		out = Outcome{Account: draft.Account(ev.Accounts()[0]), Position: slot.Seq}
		if o.DryRun {
			out.Event = eventstore.Event{Seq: slot.Seq, Type: proposal.Type, Subject: proposal.Subject,
				Time: slot.Time, Meta: proposal.Meta, Data: proposal.Data}
			return nil, nil
		}
		return []eventstore.Proposal{proposal}, nil
	})
	if err != nil {
		return Outcome{}, err
	}
	if !o.DryRun {
		out.Event = placed.Events[0]
	}
	return out, nil
}
