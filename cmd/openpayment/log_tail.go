package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"openpayment/eventstore"
)

type tailOptions struct {
	storeOptions
	events int
	follow bool
	json   bool
}

// followInterval is the time between two looks at the end of the log.
const followInterval = 500 * time.Millisecond

func tailCommand() *cobra.Command {
	o := &tailOptions{}
	c := &cobra.Command{
		Use:   "tail",
		Short: "Show the newest events",
		Long: `Show the newest events of the log, verified, and with --follow those to come,
until it is interrupted.`,
		Example: `  openpayment log tail
  openpayment log tail -n 100 --json
  openpayment log tail -n 0 --follow --store cassandra://127.0.0.1:9042/openpayment`,
		Args: exactArgs(),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := complete(c); err != nil {
			return err
		}
		if o.events < 0 {
			return usageError{fmt.Errorf("--events %d: 0 or more is expected", o.events)}
		}
		return onLog(&o.storeOptions, func(c *cobra.Command, _ []string, store eventstore.Store, _ storeSource) error {
			return tail(c.Context(), store, *o, c.OutOrStdout())
		})(c, args)
	}
	o.addTo(c)
	c.Flags().IntVarP(&o.events, "events", "n", 10, "how many")
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with what is appended")
	c.Flags().BoolVar(&o.json, "json", false, "one line of JSON each, as the API gives it")
	return c
}

func tail(ctx context.Context, store eventstore.Store, o tailOptions, stdout io.Writer) error {
	log := eventstore.NewLog(store)
	head, err := log.Head(ctx)
	if err != nil {
		return err
	}
	at, err := log.HeadAt(ctx, max(head.Position-eventstore.Position(o.events), 0))
	if err != nil {
		return err
	}
	print := printLine
	if o.json {
		print = printJSON
	}
	at, err = printFrom(ctx, log, at, stdout, print)
	if err != nil || !o.follow {
		return err
	}
	return follow(ctx, func() error {
		at, err = printFrom(ctx, log, at, stdout, print)
		return err
	})
}

// printFrom prints what stands behind at, and gives how far it came.
func printFrom(ctx context.Context, log *eventstore.Log, at eventstore.Head, stdout io.Writer, print func(io.Writer, eventstore.Event) error) (eventstore.Head, error) {
	for ev, err := range log.ReadFrom(ctx, at) {
		if err != nil {
			return at, err
		}
		if err := print(stdout, ev); err != nil {
			return at, err
		}
		at = ev.Head()
	}
	return at, nil
}

// failedLooks is how many looks in a row may fail in a way that passes: the store
// is away, or a row shows up later than the one behind it.
const failedLooks = 20

// follow repeats look until ctx ends, which is how following is meant to end.
func follow(ctx context.Context, look func() error) error {
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := look()
		kind := eventstore.KindOf(err)
		switch {
		case err == nil:
			failed = 0
		case ctx.Err() != nil:
			return nil
		case kind != eventstore.KindUnavailable && kind != eventstore.KindMissing, failed == failedLooks:
			return err
		default:
			failed++
		}
	}
}
