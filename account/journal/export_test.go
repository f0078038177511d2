package journal

import (
	"context"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/eventstore"
)

// What tests outside the package look at, and break.

// Break changes an account behind the reducer's back, as a defect might.
func (s *Service) Break(n account.Number, change func(*account.Account)) {
	s.reducer.hold(func(state *account.State, _ eventstore.Tail) { change(state.Account(n)) })
}

// InDraft shows what a command would be decided on now.
func (s *Service) InDraft(use func(*account.Draft, eventstore.Tail)) { s.reducer.draft(use) }

// RetakeSnapshot takes one as the policy does.
func (s *Service) RetakeSnapshot(ctx context.Context) error { return s.snapshots.byPolicy(ctx) }

// AwaitReplay returns when a replay has ended.
func (s *Service) AwaitReplay(id uuid.UUID) {
	if j, err := s.replays.find(id); err == nil {
		<-j.done
	}
}
