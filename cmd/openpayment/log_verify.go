package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"openpayment/eventstore"
	"openpayment/eventstore/audit"
)

type verifyOptions struct {
	storeOptions
	from, to int64
	json     bool
}

func verifyCommand() *cobra.Command {
	o := &verifyOptions{}
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check the whole log, and name everything that is wrong with it",
		Long: `Check every event of the log: that none is missing, that each matches its hash,
which is taken over it and the hash before, that times don't go backwards, that the
head fits the last row, and that the log still reaches to where each snapshot was
taken, with the same event there. It goes on after each fault and names them all.
The exit code is 0 if the log is intact, 1 if not.

An event is "unproven" if the hash it builds on is lost with the event before it.

Keep the head that is printed: a log that was cut off at its end, head and all, looks
like one that has never been longer, if there is no snapshot of what was cut off.`,
		Example: `  openpayment log verify
  openpayment log verify --json --store sqlite:/var/lib/openpayment/openpayment.db
  openpayment log verify --from 100000 --to 200000 --store cassandra://127.0.0.1:9042/openpayment`,
		Args: exactArgs(),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := complete(c); err != nil {
			return err
		}
		if o.from < 1 || o.to < 0 || o.to > 0 && o.to < o.from {
			return usageError{fmt.Errorf("--from %d --to %d: positions from 1 on are expected, the larger one last", o.from, o.to)}
		}
		return onLog(&o.storeOptions, func(c *cobra.Command, _ []string, store eventstore.Store, source storeSource) error {
			return verify(c, store, source, *o)
		})(c, args)
	}
	o.addTo(c)
	c.Flags().Int64Var(&o.from, "from", 1, "the first `position` to check")
	c.Flags().Int64Var(&o.to, "to", 0, "the last `position` to check; 0: the head")
	c.Flags().BoolVar(&o.json, "json", false, "a JSON document instead of text")
	return c
}

// errNotIntact ends a verification that has said on stdout what is wrong.
var errNotIntact = errors.New("the log is not intact: keep it as it is, and restore a backup into another store (docs/operations.md)")

func verify(c *cobra.Command, store eventstore.Store, source storeSource, o verifyOptions) error {
	begin := time.Now()
	snapshots, err := store.Manifests(c.Context())
	if err != nil {
		return err
	}
	report, err := audited(c, store, audit.Config{
		First: eventstore.Position(o.from), Last: eventstore.Position(o.to), Snapshots: snapshots,
	})
	if err != nil {
		return fmt.Errorf("the log could not be checked to its end: %w", err)
	}
	if o.from > int64(report.Head.Position)+1 && report.HeadFault == "" {
		return fmt.Errorf("--from %d: the log in %s ends at event %d", o.from, source.display, report.Head.Position)
	}
	if o.to > int64(report.Last) && report.HeadFault == "" {
		return fmt.Errorf("--to %d: the log in %s ends at event %d", o.to, source.display, report.Head.Position)
	}
	if o.json {
		err = verifyJSON(c.OutOrStdout(), source, report)
	} else {
		err = verifyText(c.OutOrStdout(), source, report, time.Since(begin))
	}
	if err == nil && !report.Intact() {
		err = errNotIntact
	}
	return err
}

// audited is audit.Check with a progress line.
func audited(c *cobra.Command, store eventstore.Backend, cfg audit.Config) (audit.Report, error) {
	p := startProgress(c.ErrOrStderr())
	defer p.end()
	cfg.Progress = func(rows, total int64) { p.done.Store(rows); p.total.Store(total) }
	return audit.Check(c.Context(), store, cfg)
}

func verifyText(w io.Writer, source storeSource, r audit.Report, took time.Duration) error {
	p := &printer{out: w}
	for _, f := range append(r.Faults, r.Unproven...) {
		if f.First == f.Last {
			p.line("event %d: %s: %s", f.First, f.Kind, printable(f.Detail))
		} else {
			p.line("events %d to %d: %s: %s", f.First, f.Last, f.Kind, printable(f.Detail))
		}
	}
	if r.HeadFault != "" {
		p.line("head: %s", printable(r.HeadFault))
	}
	rate := float64(r.Events) / max(took.Seconds(), 0.001)
	p.line("checked %d events, %d to %d, in %s (%.0f/s)", r.Events, r.First, r.Last, took.Round(time.Millisecond), rate)
	p.line("head: event %d, hash %s", r.Head.Position, r.Head.Hash)
	if r.Intact() {
		p.line("the log %s in %s is intact", source.log, source.display)
	} else {
		p.line("the log %s in %s is NOT intact", source.log, source.display)
	}
	return p.failed
}

// verifyReport is the JSON form of a report.
type verifyReport struct {
	Store     string              `json:"store"`
	Log       string              `json:"log"`
	Intact    bool                `json:"intact"`
	From      eventstore.Position `json:"from"`
	To        eventstore.Position `json:"to"`
	Events    int64               `json:"events"`
	Head      headReport          `json:"head"`
	HeadFault string              `json:"headFault,omitempty"`
	Faults    []audit.Fault       `json:"faults"`
	Unproven  []audit.Fault       `json:"unproven"`
}

type headReport struct {
	Seq  eventstore.Position `json:"seq"`
	Hash string              `json:"hash"`
}

func verifyJSON(w io.Writer, source storeSource, r audit.Report) error {
	return printDocument(w, verifyReport{
		Store: source.display, Log: source.log, Intact: r.Intact(), From: r.First, To: r.Last, Events: r.Events,
		Head: headReport{r.Head.Position, r.Head.Hash.String()}, HeadFault: r.HeadFault,
		Faults: append([]audit.Fault{}, r.Faults...), Unproven: append([]audit.Fault{}, r.Unproven...),
	})
}
