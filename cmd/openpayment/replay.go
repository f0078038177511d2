package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"openpayment/api/client"
	"openpayment/internal/pause"
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
otherwise.

` + tokenHelp,
		Example: `  openpayment replay
  openpayment replay --from snapshot --swap
  openpayment replay --url http://10.0.0.1:8080 --json
  openpayment replay --follow 01890a5d-ac96-774b-bcce-b302099a8057`,
		Args: exactArgs(),
	}
	c.RunE = onService(&o.remote, func(c *cobra.Command, _ []string, service *client.Client) error {
		if err := o.check(); err != nil {
			return err
		}
		return (&replaying{c, service, *o}).run()
	})
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
	return nil
}

// replaying is the command under way.
type replaying struct {
	*cobra.Command
	service *client.Client
	replayOptions
}

func (r *replaying) run() error {
	switch {
	case r.cancel != "":
		if err := r.service.CancelReplay(r.Context(), r.cancel); err != nil {
			return err
		}
		fmt.Fprintf(r.OutOrStdout(), "replay %s has ended\n", r.cancel)
		return nil
	case r.follow != "":
		return r.watch(r.follow)
	}
	// Not even an interrupt leaves a replay behind of which nobody knows the id.
	job, err := r.service.StartReplay(context.WithoutCancel(r.Context()), client.ReplayOptions{From: client.ReplayFrom(r.from), Swap: r.swap})
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Code == client.CodeReplayRunning {
		return fmt.Errorf("replay %[1]s is running: openpayment replay --follow %[1]s shows it, --cancel %[1]s ends it", refused.Replay)
	}
	if err != nil {
		return err
	}
	return r.watch(job.ID)
}

// replayInterval is the time between two looks at a replay.
const replayInterval = 200 * time.Millisecond

// watch shows how a replay gets on, and then what came of it.
func (r *replaying) watch(id string) error {
	p := startProgress(r.ErrOrStderr())
	defer p.end()
	first := client.Position(-1)
	for {
		job, err := r.service.Replay(r.Context(), id)
		if err != nil && r.Context().Err() == nil {
			return r.lost(err, id, r.follow == "" || first >= 0)
		}
		if err == nil && job.State != client.ReplayRunning {
			p.end()
			return r.conclude(job)
		}
		if err == nil {
			if first < 0 {
				first = job.Position
			}
			p.done.Store(int64(job.Position - first))
			p.total.Store(int64(job.Head - first))
		}
		if !pause.For(r.Context(), replayInterval) {
			p.end()
			return r.interrupted(id)
		}
	}
}

// lost is err for a replay that can't be followed. Only one that was there, and may be
// still, is worth another look.
func (r *replaying) lost(err error, id string, there bool) error {
	if client.IsCode(err, client.CodeReplayNotFound) || !there {
		return err
	}
	return fmt.Errorf("%w; openpayment replay --follow %s shows what became of the replay", err, id)
}

// interrupted cancels a replay that this command has started.
func (r *replaying) interrupted(id string) error {
	if r.follow != "" {
		return fmt.Errorf("%w: replay %[2]s goes on; openpayment replay --cancel %[2]s ends it", errInterrupted, id)
	}
	ctx := context.WithoutCancel(r.Context())
	if err := r.service.CancelReplay(ctx, id); err != nil {
		return fmt.Errorf("%w, but replay %s may go on, since it could not be cancelled: %w", errInterrupted, id, err)
	}
	job, err := r.service.Replay(ctx, id)
	switch {
	case err != nil:
		return fmt.Errorf("%w: replay %s has ended, but how is not known: %w", errInterrupted, id, err)
	case job.State != client.ReplayCancelled: // it had come to its end before, and may have swapped
		return r.conclude(job)
	}
	return fmt.Errorf("%w: replay %s is cancelled, and the service's state is as it was", errInterrupted, id)
}
