package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
)

type replayOptions struct {
	remote
	from           string
	swap, json     bool
	follow, cancel string
}

func replayCommand() *cobra.Command {
	o := &replayOptions{}
	c := &cobra.Command{
		Use:   "replay",
		Short: "Build a running service's state anew from the log, and compare",
		Long: `Have a running service build its state a second time, from the log, while it goes
on serving; check the hash chain and every snapshot on the way; and compare the
result with the state it serves, account by account.

With --swap the new state takes the place of the one that was served, between two
events and without a refused request. Nothing else ever changes it.

It is followed until it has ended; an interrupt cancels it. The exit code is 0 if
it is done and no account differs (with --swap: if the new state is in place), 1
otherwise. OPENPAYMENT_ADMIN_TOKEN holds the service's token, if it has one.`,
		Example: `  openpayment replay
  openpayment replay --from snapshot --swap
  openpayment replay --url http://10.0.0.1:8080 --json
  openpayment replay --follow 01890a5d-ac96-774b-bcce-b302099a8057`,
		Args: exactArgs(),
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := complete(c); err != nil {
			return err
		}
		if err := o.check(); err != nil {
			return err
		}
		return replay(c, *o)
	}
	o.addTo(c)
	f := c.Flags()
	f.StringVar(&o.from, "from", "start", "where to begin: start, or snapshot for the newest that is good")
	f.BoolVar(&o.swap, "swap", false, "put the new state in the place of the one that is served")
	f.BoolVar(&o.json, "json", false, "the JSON document of the API instead of text")
	f.StringVar(&o.follow, "follow", "", "follow the replay with this `ID` instead of starting one")
	f.StringVar(&o.cancel, "cancel", "", "cancel the replay with this `ID` instead of starting one")
	return c
}

func (o *replayOptions) check() error {
	if o.from != "start" && o.from != "snapshot" {
		return usageError{fmt.Errorf("--from %q: start or snapshot is expected", o.from)}
	}
	if o.follow != "" && o.cancel != "" {
		return usageError{errors.New("--follow and --cancel: one of them is expected")}
	}
	if named := o.follow + o.cancel; named != "" {
		if id, err := uuid.Parse(named); err != nil || id.String() != named {
			return usageError{fmt.Errorf("replay %q: an id is expected, such as 01890a5d-ac96-774b-bcce-b302099a8057", named)}
		}
		if o.swap || o.from != "start" {
			return usageError{errors.New("--from and --swap are for a replay that is started: leave them out with --follow and --cancel")}
		}
	}
	return o.remote.check()
}

func replay(c *cobra.Command, o replayOptions) error {
	switch {
	case o.cancel != "":
		if _, err := o.call(c.Context(), quick, http.MethodDelete, replayPath(o.cancel), nil); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "replay %s has ended\n", o.cancel)
		return nil
	case o.follow != "":
		return followReplay(c, o, o.follow)
	}
	// Not even an interrupt leaves a replay behind of which nobody knows the id.
	text, err := o.call(context.WithoutCancel(c.Context()), quick, http.MethodPost, "/v1/admin/replays", map[string]any{"from": o.from, "swap": o.swap})
	if p, ok := refusedAs(err, "replay-running"); ok {
		return fmt.Errorf("replay %[1]s is running: openpayment replay --follow %[1]s shows it, --cancel %[1]s ends it", p.Replay)
	}
	if err != nil {
		return err
	}
	job, err := readReplay(text)
	if err != nil {
		return err
	}
	return followReplay(c, o, job.ID)
}

func replayPath(id string) string { return "/v1/admin/replays/" + url.PathEscape(id) }

// replayJob is a replay's JSON form, as far as it is shown.
type replayJob struct {
	ID                 string
	State, From        string
	Swap               bool
	Position, Head     int64
	Match              *bool
	KeysDiffer         bool
	Digest, LiveDigest *string
	Differing          int
	Differences        []replayDifference
	DifferingSubjects  int
	SubjectDifferences []subjectDifference
	SnapshotsVerified  int
	SnapshotFaults     []string
	Swapped            bool
	Error              *string
	EventsPerSecond    int64
	StartedAt, EndedAt *time.Time
	ChainVerified      bool
}

type replayDifference struct {
	AccountNumber  string
	Fields         []string
	Live, Replayed *struct{}
}

type subjectDifference struct {
	Subject        string
	Live, Replayed *int64 // the position of the last event about it; nil: there is none
}

func readReplay(text []byte) (job replayJob, err error) {
	if err := json.Unmarshal(text, &job); err != nil || job.ID == "" {
		return job, notOurs("its answer is no replay")
	}
	return job, nil
}

// replayInterval is the time between two looks at a replay.
const replayInterval = 200 * time.Millisecond

// followReplay shows how a replay gets on, and then what came of it.
func followReplay(c *cobra.Command, o replayOptions, id string) error {
	p := startProgress(c.ErrOrStderr())
	defer p.end()
	first := int64(-1)
	for {
		text, err := o.call(c.Context(), quick, http.MethodGet, replayPath(id), nil)
		if err != nil && c.Context().Err() == nil {
			return lostReplay(err, id, o.follow == "" || first >= 0)
		}
		if err == nil {
			job, err := readReplay(text)
			if err != nil {
				return err
			}
			if job.State != "running" {
				p.end()
				return concludeReplay(c, o, text, job)
			}
			if first < 0 {
				first = job.Position
			}
			p.done.Store(job.Position - first)
			p.total.Store(job.Head - first)
		}
		select {
		case <-time.After(replayInterval):
		case <-c.Context().Done():
			p.end()
			return interruptedReplay(c, o, id)
		}
	}
}

// lostReplay is err for a replay that can't be followed. Only one that was there,
// and may be still, is worth another look.
func lostReplay(err error, id string, there bool) error {
	if _, gone := refusedAs(err, "replay-not-found"); gone || !there {
		return err
	}
	return fmt.Errorf("%w; openpayment replay --follow %s shows what became of the replay", err, id)
}

// interruptedReplay cancels a replay that this command has started.
func interruptedReplay(c *cobra.Command, o replayOptions, id string) error {
	if o.follow != "" {
		return fmt.Errorf("%w: replay %[2]s goes on; openpayment replay --cancel %[2]s ends it", errInterrupted, id)
	}
	if _, err := o.call(context.WithoutCancel(c.Context()), quick, http.MethodDelete, replayPath(id), nil); err != nil {
		return fmt.Errorf("%w, but replay %s may go on, since it could not be cancelled: %w", errInterrupted, id, err)
	}
	var job replayJob
	text, err := o.call(context.WithoutCancel(c.Context()), quick, http.MethodGet, replayPath(id), nil)
	if err == nil {
		job, err = readReplay(text)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: replay %s has ended, but how is not known: %w", errInterrupted, id, err)
	case job.State != "cancelled": // it had come to its end before, and may have swapped
		return concludeReplay(c, o, text, job)
	}
	return fmt.Errorf("%w: replay %s is cancelled, and the service's state is as it was", errInterrupted, id)
}
