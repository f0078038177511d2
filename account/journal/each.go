package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"openpayment/account"
	"openpayment/eventstore"
)

// Request is one of several commands, each for itself.
type Request struct {
	Command account.Command
	Key     account.Key // as in Options; no two of the requests may have the same
}

// Result is what became of one: an outcome, or an error.
type Result struct {
	Outcome Outcome
	Err     error
}

// ErrNotTried is why a command was not carried out, as KindUnavailable: it came behind
// one of which it is not known what became, or that the store did not take.
var ErrNotTried = errors.New("a command before it failed, so that this one was not tried")

// ExecuteEach carries out commands in their order, each of which is accepted or refused
// by itself: a refused one does not keep those behind it from being tried. Many share
// one append. The results come in the same order; errors are those of
// [Service.Execute]. Where an append fails, all commands that it may have held get its
// error, and those behind them [ErrNotTried], so that the order holds. The key of the
// options is not used.
func (s *Service) ExecuteEach(ctx context.Context, requests []Request, o Options) []Result {
	results := make([]Result, len(requests))
	entries := make([]*entry, len(requests))
	var pending []*entry
	for i, r := range requests {
		if o.DryRun {
			r.Key = account.Key{}
		}
		e := &entry{key: r.Key, meta: withKey(o.Meta, r.Key), result: &results[i]}
		entries[i] = e
		if use, known := s.reducer.state.Load().KeyUse(r.Key.Text); known {
			e.earlier, e.result.Err = &use, use.Judge(r.Key)
			continue
		}
		if e.command, e.result.Err = account.Check(r.Command); e.result.Err == nil {
			pending = append(pending, e)
		}
	}
	for len(pending) > 0 {
		taken, err := s.executeSome(ctx, pending, o.DryRun)
		pending = pending[taken:]
		if err == nil {
			continue
		}
		for _, e := range pending {
			e.result.Err = eventstore.NewError("execute", eventstore.KindUnavailable, fmt.Errorf("%w: %v", ErrNotTried, err))
		}
		break
	}
	s.recallEach(ctx, entries)
	return results
}

// entry is one request on its way.
type entry struct {
	command account.Valid
	key     account.Key
	meta    eventstore.Meta // of the event
	earlier *account.KeyUse // the key was used before
	result  *Result
}

// executeSome submits as many of the pending commands as one append can take, and tells
// how many those were. On an error they may be too many, but not too few.
func (s *Service) executeSome(ctx context.Context, pending []*entry, dryRun bool) (taken int, err error) {
	b := &batch{service: s, entries: pending, dryRun: dryRun}
	b.most.Store(int64(len(pending)))
	placed, err := s.writer.Submit(ctx, b.decide)
	if err != nil {
		taken = int(b.most.Load())
		for _, e := range pending[:taken] {
			e.result.Err = err
		}
		return taken, err
	}
	stored := placed.Events
	for i, v := range b.verdicts {
		e := pending[i]
		if v.accepted && !dryRun {
			v.out.Event, stored = stored[0], stored[1:]
		}
		v.out.Course = placed.Course
		e.earlier, e.result.Outcome, e.result.Err = v.earlier, v.out, v.err
	}
	return len(b.verdicts), nil
}

// batch is commands that go through the Writer together, each decided by itself.
type batch struct {
	service *Service
	entries []*entry
	dryRun  bool
	// most is how many of the entries an append may hold: as many as the last decision
	// took. A later one never takes more, so that whoever gives up knows what is in
	// doubt, though one more decision may be under way.
	most atomic.Int64

	verdicts []verdict // the last decision's; read only when Submit has succeeded
}

// verdict is what was decided about one command.
type verdict struct {
	accepted bool
	out      Outcome
	earlier  *account.KeyUse
	err      error
}

// decide is the batch's [eventstore.Decide]. What is refused stays in: it is as true as
// what is accepted is stored.
func (b *batch) decide(draft *account.Draft, slot eventstore.Slot) ([]eventstore.Proposal, error) {
	if b.dryRun {
		draft = account.NewDraft(draft)
	}
	var verdicts []verdict
	var proposals []eventstore.Proposal
	events, limit := b.service.writer.Limits()
	room := limit
	for _, e := range b.entries[:b.most.Load()] {
		d, v := b.decideOne(draft, e, slot, limit)
		if v.accepted {
			size := d.proposal.Size()
			if (len(proposals) == events || size > room) && !b.dryRun {
				break // the next append takes it
			}
			if v.out, v.err = d.apply(draft, e.key, behind(slot, len(proposals))); v.err == nil {
				proposals, room = append(proposals, d.proposal), room-size
			}
			v.accepted = v.err == nil
		}
		verdicts = append(verdicts, v)
	}
	b.verdicts = verdicts
	b.most.Store(int64(len(verdicts)))
	if b.dryRun {
		return nil, nil
	}
	return proposals, nil
}

// decideOne decides one command, and changes nothing. limit is how large its event may
// be.
func (b *batch) decideOne(draft *account.Draft, e *entry, slot eventstore.Slot, limit int) (d decided, v verdict) {
	if v.earlier, v.err = b.service.keyed(draft, e.key, slot.Time); v.err != nil || v.earlier != nil {
		return d, v
	}
	if d, v.err = decide(draft, e.command, e.meta); v.err == nil {
		d.proposal, v.err = d.proposal.Checked()
	}
	if size := d.proposal.Size(); v.err == nil && size > limit {
		v.err = eventstore.NewError("execute", eventstore.KindInvalid, fmt.Errorf("an event of %d bytes is too large", size))
	}
	v.accepted = v.err == nil
	return d, v
}

// recallEach answers the commands that were carried out before, under their keys.
func (s *Service) recallEach(ctx context.Context, entries []*entry) {
	known := slices.DeleteFunc(slices.Clone(entries), func(e *entry) bool {
		return e.earlier == nil || e.result.Err != nil
	})
	// In the order of the log: neighbours are read together.
	slices.SortFunc(known, func(a, b *entry) int { return cmp.Compare(a.earlier.Last, b.earlier.Last) })
	events := make([]done, len(known))
	for i, e := range known {
		events[i] = done{eventstore.Position(e.earlier.Last), e.earlier.Key}
	}
	outs, err := s.recall(ctx, events)
	for i, e := range known {
		if e.result.Err = err; err == nil {
			e.result.Outcome = outs[i]
		}
	}
}
