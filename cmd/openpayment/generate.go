package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"openpayment/account/generator"
	"openpayment/eventstore"
	"openpayment/eventstore/transfer"
)

type generateOptions struct {
	storeOptions
	generator.Config
	migrate bool
}

func generateCommand() *cobra.Command {
	o := &generateOptions{}
	c := &cobra.Command{
		Use:   "generate --accounts N --events N",
		Short: "Fill an empty store with a made-up log, for trials",
		Long: `Fill an empty store, which is created if need be, with a made-up log: accounts are
opened one after another, their details change, a few are closed. A service that
is started on it can't tell it from a real one.

The same numbers and the same --seed give the very same log, on every store and
every machine: ids, times and hashes included. Times begin with the year 2026 and
run at about a millisecond an event.`,
		Example: `  openpayment generate --accounts 1000 --events 20000 --store sqlite:trial.db
  openpayment generate --accounts 500000 --events 5000000 --seed 7 --store sqlite:large.db
  openpayment generate --accounts 500000 --events 5000000 --store cassandra://127.0.0.1:9042/trial`,
		Args: exactArgs(),
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := complete(c); err != nil {
			return err
		}
		if o.Accounts == 0 || o.Events == 0 {
			return usageError{errors.New("--accounts and --events are both needed, such as --accounts 1000 --events 20000")}
		}
		if err := o.Check(); err != nil {
			return usageError{fmt.Errorf("--accounts %d --events %d: %w", o.Accounts, o.Events, err)}
		}
		return generate(c, *o)
	}
	o.addTo(c)
	c.Flags().IntVar(&o.Accounts, "accounts", 0, "how many accounts are opened, in all")
	c.Flags().IntVar(&o.Events, "events", 0, "how many events there are, one for each opening among them")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "which of all such logs: any `number`")
	c.Flags().BoolVar(&o.migrate, "migrate", true, "create missing tables; otherwise say what is missing")
	return c
}

func generate(c *cobra.Command, o generateOptions) (err error) {
	store, target, err := o.openStore(c, o.store, mayCreate(o.migrate))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	found, err := store.Head(c.Context())
	if err != nil {
		return explainLog(c.Context(), err)
	}
	if found.Position > 0 {
		return fmt.Errorf("generate needs an empty log: the log %s in %s holds %d events; name another --store", target.log, target.display, found.Position)
	}
	p := startProgress(c.ErrOrStderr())
	defer p.end()
	p.total.Store(int64(o.Events))
	begun := time.Now()
	events, stop := ahead(c.Context(), generator.Events(o.Config))
	defer stop()
	head, err := transfer.Load(c.Context(), store, found, interruptible(c.Context(), events), func(at eventstore.Head) { p.done.Store(int64(at.Position)) })
	p.end()
	if err != nil {
		return explainLoad(c, err, target, head, "begin anew with an empty store")
	}
	took := time.Since(begun)
	fmt.Fprintf(c.OutOrStdout(), "generated %d events on %d accounts into the log %s in %s, in %s (%.0f/s)\nhead: event %d, hash %s\n",
		head.Position, o.Accounts, target.log, target.display, took.Round(time.Millisecond), float64(head.Position)/max(took.Seconds(), 0.001),
		head.Position, head.Hash)
	return nil
}

// ahead has events made by a goroutine of their own, some batches before they are
// asked for. stop must be called: it ends the goroutine and waits for it.
func ahead(ctx context.Context, events iter.Seq2[eventstore.Event, error]) (_ iter.Seq2[eventstore.Event, error], stop func()) {
	type portion struct {
		events []eventstore.Event
		err    error // behind them
	}
	ctx, cancel := context.WithCancel(ctx)
	made := make(chan portion, 4)
	go func() {
		defer close(made)
		hand := func(p portion) bool {
			select {
			case made <- p:
				return p.err == nil
			case <-ctx.Done():
				return false
			}
		}
		var p portion
		for ev, err := range events {
			if p.err = err; err == nil {
				p.events = append(p.events, ev)
			}
			if len(p.events) < eventstore.MaxBatchEvents && err == nil {
				continue
			}
			if !hand(p) {
				return
			}
			p.events = make([]eventstore.Event, 0, eventstore.MaxBatchEvents)
		}
		hand(p)
	}()
	taken := func(yield func(eventstore.Event, error) bool) {
		for p := range made {
			for _, ev := range p.events {
				if !yield(ev, nil) {
					return
				}
			}
			if p.err != nil {
				yield(eventstore.Event{}, p.err)
				return
			}
		}
		if ctx.Err() != nil {
			yield(eventstore.Event{}, errInterrupted)
		}
	}
	return taken, func() {
		cancel()
		for range made { // until it is closed
		}
	}
}
