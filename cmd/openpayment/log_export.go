package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/spf13/cobra"

	"openpayment/eventstore"
	"openpayment/eventstore/transfer"
)

func exportCommand() *cobra.Command {
	o := &storeOptions{}
	var overwrite bool
	c := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the whole log to a file",
		Long: `Write the whole log to a file: JSON Lines, one event a line, with its hash. The
chain of hashes is verified on the way. A name that ends in .gz or .zst has the
file compressed; - is standard output, uncompressed.

The file appears under its name when it is whole. A service may go on writing:
what it appends meanwhile may or may not be in the file.`,
		Example: `  openpayment log export backup.jsonl.zst
  openpayment log export - | grep account.closed
  openpayment log export backup.jsonl.gz --store cassandra://127.0.0.1:9042/openpayment`,
		Args: exactArgs("FILE"),
	}
	c.RunE = onLog(o, func(c *cobra.Command, args []string, store eventstore.Store, source storeSource) error {
		return export(c, store, source, args[0], overwrite)
	})
	o.addTo(c)
	c.Flags().BoolVar(&overwrite, "overwrite", false, "replace FILE if it is there")
	return c
}

func export(c *cobra.Command, store eventstore.Store, source storeSource, name string, overwrite bool) error {
	if _, err := os.Lstat(name); err == nil && name != stdio && !overwrite {
		return fmt.Errorf("%s is there already: choose another name, or give --overwrite", name)
	}
	log := eventstore.NewLog(store)
	end, err := log.Head(c.Context())
	if err != nil {
		return err
	}
	p := startProgress(c.ErrOrStderr())
	defer p.end()
	p.total.Store(int64(end.Position))
	var head eventstore.Head
	write := func(w io.Writer) error {
		var err error
		head, err = transfer.Write(w, interruptible(c.Context(), counted(log.ReadFrom(c.Context(), eventstore.Head{}), p)))
		if err == nil && head.Position < end.Position {
			err = eventstore.NewError("read", eventstore.KindDamaged, fmt.Errorf("the log ended at event %d, before its head, which is event %d", head.Position, end.Position))
		}
		return err
	}
	if name == stdio {
		err = write(c.OutOrStdout())
	} else {
		err = writeArchive(name, write)
	}
	if err != nil {
		return fmt.Errorf("the export is not complete: %w", err)
	}
	p.end()
	fmt.Fprintf(c.ErrOrStderr(), "exported %d events of the log %s in %s to %s\nhead: event %d, hash %s\n",
		head.Position, source.log, source.display, name, head.Position, head.Hash)
	return nil
}

// counted tells progress how many events have passed.
func counted(events iter.Seq2[eventstore.Event, error], p *progress) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for ev, err := range events {
			if err == nil {
				p.done.Add(1)
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

// interruptible ends events with an error when ctx ends, where their source does
// not look at it.
func interruptible(ctx context.Context, events iter.Seq2[eventstore.Event, error]) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for ev, err := range events {
			if err == nil && ctx.Err() != nil {
				ev, err = eventstore.Event{}, errInterrupted
			}
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}
