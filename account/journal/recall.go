package journal

import (
	"context"
	"slices"

	"openpayment/account"
	"openpayment/eventstore"
)

// done is an event of a command that was carried out under a key.
type done struct {
	at  eventstore.Position
	key account.Key
}

// recall makes the outcomes of commands again, from their events, which are in the
// log: each was replayed. Errors are those of reading, KindDamaged where the log holds
// another event by now.
func (s *Service) recall(ctx context.Context, events []done) ([]Outcome, error) {
	if len(events) == 0 {
		return nil, nil
	}
	at := make([]eventstore.Position, len(events))
	for i, d := range events {
		at[i] = d.at
	}
	if err := s.Wait(ctx, slices.Max(at)); err != nil { // the state's position moves last
		return nil, err
	}
	found, err := s.log.Events(ctx, at)
	if err != nil {
		return nil, err
	}
	outs := make([]Outcome, len(found))
	// Of accounts that have changed since: which events their answers show them after.
	earlier := make(map[account.Number]map[eventstore.Position]*Outcome)
	for i, ev := range found {
		if keyOf(ev.Meta) != events[i].key { // #nosec G602 -- Events gives as many as it is asked for
			return nil, rewritten(ev)
		}
		outs[i] = Outcome{Event: ev, Position: ev.Seq, Replayed: true}
		decoded, err := Decode(ev)
		if err != nil {
			return nil, err
		}
		switch decoded.(type) {
		case account.Opened, account.Updated, account.Closed:
		default:
			continue // the answer is the event
		}
		number := decoded.Accounts()[0]
		if a := s.reducer.state.Load().Account(number); a != nil && a.Version == int64(ev.Seq) {
			outs[i].Account = a
			continue
		}
		if earlier[number] == nil {
			earlier[number] = make(map[eventstore.Position]*Outcome)
		}
		earlier[number][ev.Seq] = &outs[i]
	}
	for number, wanted := range earlier {
		if err := s.recallAccount(ctx, number, wanted); err != nil {
			return nil, err
		}
	}
	return outs, nil
}

// recallAccount fills in an account as each of some of its events left it, in one
// walk through its history: a bulk may have changed it a thousand times.
func (s *Service) recallAccount(ctx context.Context, n account.Number, wanted map[eventstore.Position]*Outcome) error {
	left := len(wanted)
	return s.walk(ctx, n, func(ev eventstore.Event, after *account.Account) (more bool) {
		if out := wanted[ev.Seq]; out != nil {
			out.Account = after
			left--
		}
		return left > 0
	})
}
