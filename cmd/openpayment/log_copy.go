package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"openpayment/eventstore"
	"openpayment/eventstore/audit"
	"openpayment/eventstore/transfer"
)

type copyOptions struct {
	storeOptions
	from, to string
	migrate  bool
}

func copyCommand() *cobra.Command {
	o := &copyOptions{}
	c := &cobra.Command{
		Use:   "copy --from URL --to URL",
		Short: "Copy a log into another store",
		Long: `Copy a log into another store, which is created if need be. Positions, ids, times
and hashes stay what they are; all events are verified before they are written,
and the whole copy is when it is done.

It can be run again: it goes on behind what the target holds, if that is the
first part of the same log, and refuses if it is not. So a large log can be
copied while a service runs on it, and once more, quickly, when it has stopped.

No service may write to the target meanwhile.`,
		Example: `  openpayment log copy --from sqlite:openpayment.db --to 'cassandra://10.0.0.1/openpayment?replication=3'
  openpayment log copy --from cassandra://10.0.0.1/openpayment --to sqlite:copy.db`,
		Args: exactArgs(),
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := complete(c); err != nil {
			return err
		}
		if o.from == "" || o.to == "" {
			return usageError{errors.New("--from and --to are both needed, such as --from sqlite:openpayment.db --to sqlite:copy.db")}
		}
		if o.from == o.to {
			return usageError{errors.New("--from and --to are the same store")}
		}
		return copyLog(c, *o)
	}
	o.addCommon(c)
	c.Flags().StringVar(&o.from, "from", "", "the store to read, a `URL` as for --store of serve")
	c.Flags().StringVar(&o.to, "to", "", "the store to write, a `URL` likewise")
	c.Flags().BoolVar(&o.migrate, "migrate", true, "create missing tables in the target; otherwise say what is missing")
	return c
}

func copyLog(c *cobra.Command, o copyOptions) (err error) {
	from, source, err := o.openStore(c, o.from, mustExist)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, target, err := o.openStore(c, o.to, mayCreate(o.migrate))
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	begin, end, err := common(c.Context(), from, to)
	if err != nil {
		return explainLoad(c, err, target, begin, "run the same command again")
	}
	p := startProgress(c.ErrOrStderr())
	defer p.end()
	p.total.Store(int64(end.Position - begin.Position))
	events := transfer.Verified(counted(eventstore.NewLog(from).ReadFrom(c.Context(), begin), p), begin)
	head, err := transfer.Load(c.Context(), to, begin, interruptible(c.Context(), events), nil)
	p.end()
	if err == nil && head.Position < end.Position {
		err = fmt.Errorf("the source ended at event %d, before its head, which is event %d: run openpayment log verify on it", head.Position, end.Position)
	}
	if err != nil {
		return explainLoad(c, err, target, head, "run the same command again")
	}
	if err := verifyCopy(c, to, target, head); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "copied %d events of the log %s in %s to the log %s in %s\nhead: event %d, hash %s\nthe copy is intact\n",
		head.Position-begin.Position, source.log, source.display, target.log, target.display, head.Position, head.Hash)
	return nil
}

// common is the head of the target, which it makes sure is in the source, and the
// head of the source.
func common(ctx context.Context, from, to eventstore.Backend) (begin, end eventstore.Head, err error) {
	if begin, err = to.Head(ctx); err != nil {
		return begin, end, err
	}
	log := eventstore.NewLog(from)
	if end, err = log.Head(ctx); err != nil {
		return begin, end, err
	}
	if begin.Position > end.Position {
		return begin, end, fmt.Errorf("%w: it ends at event %d, the source at event %d", transfer.ErrTargetAhead, begin.Position, end.Position)
	}
	at, err := log.HeadAt(ctx, begin.Position)
	if err == nil && at != begin {
		err = fmt.Errorf("%w: at event %d its hash is %s, the source's %s", transfer.ErrAnotherHistory, at.Position, begin.Hash, at.Hash)
	}
	return begin, end, err
}

// verifyCopy reads the whole target again. That it is intact and has the same
// head as what was read means that it is the same from the first event on.
func verifyCopy(c *cobra.Command, to eventstore.Backend, target storeSource, head eventstore.Head) error {
	report, err := audited(c, to, audit.Config{})
	switch {
	case err != nil && c.Context().Err() != nil:
		return fmt.Errorf("%w: the copy is there, but not verified; run the same command again, or openpayment log verify", errInterrupted)
	case err != nil:
		return fmt.Errorf("the copy is there, but could not be verified: %w; run the same command again", err)
	case report.Head != head:
		return fmt.Errorf("%w: store %s ends at event %d and not, as the copy, at event %d", transfer.ErrTargetBusy, target.display, report.Head.Position, head.Position)
	case !report.Intact():
		return fmt.Errorf("the copy is not intact: openpayment log verify --store '%s' names what is wrong; begin anew with an empty store", target.display)
	}
	return nil
}
