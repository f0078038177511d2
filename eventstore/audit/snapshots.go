package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"openpayment/eventstore"
)

// againstSnapshots compares the log with what snapshots say it once was: how far it
// reached, and which event stood where they were taken.
func (a *auditor) againstSnapshots(ctx context.Context, r *Report) error {
	cutOff := false
	for _, m := range slices.SortedFunc(slices.Values(a.cfg.Snapshots), eventstore.NewestFirst) {
		at := m.At.Head.Position
		switch {
		case m.Verify() != nil:
		case at > r.Last && (a.cfg.Last > 0 || cutOff): // not looked at, or told already
		case at > r.Last:
			cutOff = true
			r.Faults = append(r.Faults, Fault{r.Last + 1, at, CutOff,
				fmt.Sprintf("the log ends at %s, but snapshot %s was taken at %s", position(r.Last), m.ID, position(at))})
		case at >= r.First && !faulty(r.Faults, at):
			same, err := a.stands(ctx, m.At.Head)
			if err != nil {
				return err
			}
			if !same {
				r.Faults = append(r.Faults, Fault{at, at, Rewritten,
					fmt.Sprintf("it is not the event that snapshot %s was taken at, though it matches its hash: the log was rewritten up to there", m.ID)})
			}
		}
	}
	slices.SortStableFunc(r.Faults, func(a, b Fault) int { return cmp.Compare(a.First, b.First) })
	return nil
}

// faulty tells whether something is wrong with the row at this position anyway.
func faulty(faults []Fault, at eventstore.Position) bool {
	return slices.ContainsFunc(faults, func(f Fault) bool { return f.First <= at && at <= f.Last })
}

// stands tells whether the row at this position has this hash.
func (a *auditor) stands(ctx context.Context, want eventstore.Head) (bool, error) {
	return patiently(ctx, func() (bool, error) {
		for ev, err := range a.backend.Read(ctx, want.Position-1, 1) {
			return err == nil && ev.Head() == want, err
		}
		return false, ctx.Err()
	})
}
