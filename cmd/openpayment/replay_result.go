package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"openpayment/api/client"
)

// errDiffers ends a replay that has said on stdout which accounts differ.
var errDiffers = errors.New("the state that is served is not what the log says: openpayment replay --swap puts the right one in its place (docs/operations.md)")

// conclude prints what came of a replay; an error is why it is no success.
func (r *replaying) conclude(job client.Replay) error {
	show := printReplay
	if r.json {
		show = func(w io.Writer, job client.Replay) error { return printDocumentLine(w, job) }
	}
	if err := show(r.OutOrStdout(), job); err != nil {
		return err
	}
	switch {
	case job.State == client.ReplayFailed && job.Error != nil:
		return fmt.Errorf("replay %s failed, and the state that is served is as it was: %s", job.ID, *job.Error)
	case job.State != client.ReplayDone:
		return fmt.Errorf("replay %s is %s: the state that is served is as it was", job.ID, job.State)
	case job.Swap && job.Swapped:
		return nil
	case job.Match == nil || !*job.Match:
		return errDiffers
	}
	return nil
}

func printReplay(w io.Writer, job client.Replay) error {
	out := &printer{out: w}
	for _, d := range job.Differences {
		out.line("account %s: %s", d.AccountNumber, ofAccount(d))
	}
	if more := job.Differing - len(job.Differences); more > 0 {
		out.line("and %d accounts more", more)
	}
	for _, d := range job.SubjectDifferences {
		out.line("subject %s: the last event about it %s", printable(d.Subject), ofSubject(d))
	}
	if more := job.DifferingSubjects - len(job.SubjectDifferences); more > 0 {
		out.line("and %d subjects more", more)
	}
	if job.KeysDiffer != nil && *job.KeysDiffer {
		out.line("the idempotency keys remembered differ")
	}
	for _, fault := range job.SnapshotFaults {
		out.line("%s", printable(fault))
	}
	took := time.Duration(0)
	if job.EndedAt != nil {
		took = job.EndedAt.Sub(job.StartedAt)
	}
	out.line("replayed up to event %d from the %s, in %s (%d/s)", job.Position, job.From, took, job.EventsPerSecond)
	if job.ChainVerified {
		out.line("every event read matches its hash; %d snapshots on the way are right", job.SnapshotsVerified)
	}
	if job.Match != nil {
		out.line("digest of the log's state: %s", *job.Digest)
		out.line("digest of the state served: %s", *job.LiveDigest)
		if *job.Match {
			out.line("the state served is what the log says")
		} else {
			out.line("the state served was NOT what the log says: %d accounts differ, %d subjects of other services' events", job.Differing, job.DifferingSubjects)
		}
	}
	if job.Swapped {
		out.line("the new state is in its place")
	}
	return out.failed
}

// ofAccount says in which way the two states differ.
func ofAccount(d client.Difference) string {
	switch {
	case d.Live == nil:
		return "is in the log, but not in the state served"
	case d.Replayed == nil:
		return "is in the state served, but not in the log"
	}
	return "differs in " + strings.Join(d.Fields, ", ")
}

// ofSubject says in which way the two states differ.
func ofSubject(d client.SubjectDifference) string {
	switch {
	case d.Live == nil && d.Replayed == nil: // which no service says
		return "differs"
	case d.Live == nil:
		return fmt.Sprintf("is %d in the log, and there is none in the state served", *d.Replayed)
	case d.Replayed == nil:
		return fmt.Sprintf("is %d in the state served, and there is none in the log", *d.Live)
	}
	return fmt.Sprintf("is %d in the log, and %d in the state served", *d.Replayed, *d.Live)
}
