package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"openpayment/eventstore"
	"openpayment/eventstore/transfer"
)

type importOptions struct {
	storeOptions
	migrate, resume bool
}

func importCommand() *cobra.Command {
	o := &importOptions{}
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Load an exported log into an empty store",
		Long: `Load a file that "log export" has written into an empty store, which is created
if need be. Positions, ids, times and hashes stay what they are, and every event
is verified before it is written. - is standard input, uncompressed.

What was interrupted is taken up again with --resume: the store may then hold the
first part of the same log.

No service may write to the store meanwhile.`,
		Example: `  openpayment log import backup.jsonl.zst --store sqlite:restored.db
  openpayment log import backup.jsonl.zst --store sqlite:restored.db --resume
  openpayment log import backup.jsonl.gz --store 'cassandra://127.0.0.1:9042/openpayment?replication=3'`,
		Args: exactArgs("FILE"),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := complete(c); err != nil {
			return err
		}
		return importFile(c, *o, args[0])
	}
	o.addTo(c)
	c.Flags().BoolVar(&o.migrate, "migrate", true, "create missing tables; otherwise say what is missing")
	c.Flags().BoolVar(&o.resume, "resume", false, "go on where an import of this file was interrupted")
	return c
}

func importFile(c *cobra.Command, o importOptions, name string) (err error) {
	// The file comes first: no store is created for one that is not there.
	file, err := openArchive(name, c.InOrStdin())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	store, target, err := o.openStore(c, o.store, mayCreate(o.migrate))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	begin, err := store.Head(c.Context())
	if err != nil {
		return explainLog(c.Context(), err)
	}
	if begin.Position > 0 && !o.resume {
		return fmt.Errorf("store %s is not empty: it holds %d events; name another one, or give --resume if they are of this file", target.display, begin.Position)
	}
	p := startProgress(c.ErrOrStderr())
	defer p.end()
	events := transfer.After(transfer.Verified(counted(transfer.Read(file), p), eventstore.Head{}), begin)
	head, err := transfer.Load(c.Context(), store, begin, interruptible(c.Context(), events), nil)
	p.end()
	if err != nil {
		return explainLoad(c, err, target, head, "run the same command with --resume")
	}
	fmt.Fprintf(c.OutOrStdout(), "imported %d events into the log %s in %s\nhead: event %d, hash %s\n",
		head.Position-begin.Position, target.log, target.display, head.Position, head.Hash)
	return nil
}

// mayCreate is the opening of commands that write.
func mayCreate(migrate bool) opening {
	if migrate {
		return mayMigrate
	}
	return mustBeMigrated
}

// explainLoad says how far a load got and what to do next; how says how to go on.
func explainLoad(c *cobra.Command, err error, target storeSource, head eventstore.Head, how string) error {
	at := fmt.Sprintf("store %s holds the events up to %d", target.display, head.Position)
	switch {
	case errors.Is(err, transfer.ErrAnotherHistory), errors.Is(err, transfer.ErrTargetAhead):
		return fmt.Errorf("store %s: %w; nothing was written: name another, empty store", target.display, err)
	case errors.Is(err, transfer.ErrTargetBusy):
		return fmt.Errorf("%w; stop it, and begin anew with an empty store", err)
	case c.Context().Err() != nil:
		return fmt.Errorf("%w: %s; to go on, %s", errInterrupted, at, how)
	case eventstore.KindOf(err) == eventstore.KindUnavailable, eventstore.KindOf(err) == eventstore.KindUnknown:
		return fmt.Errorf("%w; %s; to go on, %s", err, at, how)
	default:
		return fmt.Errorf("%w; %s, which are good; what comes behind them is not", err, at)
	}
}
