package journal

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/eventstore"
)

// What tests outside the package look at, and break.

// Break changes an account behind the reducer's back, as a defect might.
func (s *Service) Break(n account.Number, change func(*account.Account)) {
	s.reducer.hold(func(state *account.State, _ eventstore.Tail) { change(state.Account(n)) })
}

// ForgetKeys takes all idempotency keys from the state, as a defect might.
func (s *Service) ForgetKeys() {
	s.BreakSubjects(func(all []account.SubjectVersion) []account.SubjectVersion { return all })
}

// BreakSubjects changes the subjects of other services' events behind the reducer's
// back, and forgets the keys.
func (s *Service) BreakSubjects(change func([]account.SubjectVersion) []account.SubjectVersion) {
	f, _, _, _ := (&snapshotter{reducer: s.reducer}).freeze(context.Background()) // nothing ends it
	defer f.Thaw()
	r := account.NewRestorer(f.Position(), 0)
	_ = r.Add(0, slices.Collect(f.All())) // records of a state are what a state can have
	_ = r.AddSubjects(change(slices.Collect(f.Subjects())))
	r.Pass(f.Passed())
	state, _ := r.Finish()
	s.reducer.hold(func(*account.State, eventstore.Tail) { s.reducer.state.Store(state) })
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
