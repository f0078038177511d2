package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"openpayment/eventstore/cassandra"
	"openpayment/internal/bench"
)

type benchOptions struct {
	bench.Settings
	store                 string
	cases                 []string
	json, html, compare   string
	list, clean           bool
	guest, failIfWorse    bool
	duration, slice, warm time.Duration
}

func benchCommand() *cobra.Command {
	o := &benchOptions{Settings: bench.Defaults()}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the service on a store, beside the store's driver alone",
		Long: `Measure the service on a store, side by side with the store's own driver that does the
same rows without any guarantee: no order, no condition, no hash, no state. It takes
some minutes, in which nothing else should run.

How it is measured: machines are noisy, so nothing is compared that was not measured in
the same seconds. The two sides of a comparison take turns, in short slices (A B A B …),
after some that do not count. Each pair of slices gives a ratio; what is shown is the
median of the ratios, and between what half of them are. --duration is how long a
comparison takes, --slice how long one side works at a time. Callers ask for the next thing
when they were given the one before.

The log that --store names is not touched, nor need there be one. On Cassandra everything
is done in a keyspace of its own, named openpayment_bench_…, with as many copies as the
one that is named; where the role may not make one, or with --guest, in that one, in logs
of its own, named bench-…. With SQLite it is done in a folder of its own, named
openpayment-bench-…, beside the file. All of it is removed at the end, and when the run is
interrupted. What a killed run has left, --clean removes; nothing that does not bear the
mark of a run that has ended.

--cases takes names and patterns: append, append/64, http/*; --list shows all.`,
		Example: `  openpayment bench --store sqlite:openpayment.db
  openpayment bench --store cassandra://127.0.0.1:9042/openpayment --html bench.html --json bench.json
  openpayment bench --store sqlite:openpayment.db --cases append,replay --compare bench.json
  openpayment bench --store cassandra://127.0.0.1:9042/openpayment --clean`,
		Args: exactArgs(),
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := complete(c); err != nil {
			return err
		}
		return o.run(c)
	}
	o.addTo(c)
	return c
}

func (o *benchOptions) addTo(c *cobra.Command) {
	addConfig(c)
	f := c.Flags()
	f.StringVar(&o.store, "store", defaultStore, "beside which log to measure: sqlite:PATH, memory:, or\ncassandra://HOST:PORT,HOST/KEYSPACE?dc=…&… (`URL`)")
	f.StringSliceVar(&o.cases, "cases", nil, "measure only these (`NAMES`, with commas between them)")
	f.BoolVar(&o.list, "list", false, "list the cases, and measure nothing")
	f.StringVar(&o.json, "json", "", "write the report as JSON to this `FILE`; - for stdout, in place of the tables")
	f.StringVar(&o.html, "html", "", "write the report with plots to this `FILE`: one page that needs nothing else;\n- as for --json")
	f.StringVar(&o.compare, "compare", "", "compare with the report in this `FILE`, written by --json")
	f.BoolVar(&o.failIfWorse, "fail-if-worse", false, "with --compare: exit with 1 if a case is worse, noise taken into account")
	f.DurationVar(&o.duration, "duration", time.Duration(o.Duration), "how long a comparison takes")
	f.DurationVar(&o.slice, "slice", time.Duration(o.Slice), "how long one side works at a time")
	f.DurationVar(&o.warm, "warm-up", time.Duration(o.WarmUp), "how long each side works before, uncounted")
	f.IntSliceVar(&o.Callers, "callers", o.Callers, "`NUMBERS` of callers of the append cases")
	f.IntVar(&o.WriterCallers, "writer-callers", o.WriterCallers, "callers of the competing writers, in all")
	f.IntVar(&o.Readers, "readers", o.Readers, "readers of histories")
	f.IntVar(&o.Connections, "connections", o.Connections, "connections of the HTTP cases")
	f.IntVar(&o.Events, "events", o.Events, "events in the log that is replayed")
	f.IntVar(&o.Accounts, "accounts", o.Accounts, "accounts in it")
	f.IntVar(&o.HeapAccounts, "heap-accounts", o.HeapAccounts, "accounts of the memory case")
	f.IntVar(&o.StallAccounts, "stall-accounts", o.StallAccounts, "accounts of the stall case")
	f.IntVar(&o.Short, "short", o.Short, "events in the short log of the growth case")
	f.IntVar(&o.Long, "long", o.Long, "events in the long one")
	f.BoolVar(&o.guest, "guest", false, "on Cassandra: make no keyspace, but work in the one that is named")
	f.BoolVar(&o.clean, "clean", false, "measure nothing, but remove what killed runs have left beside --store")
}

func (o *benchOptions) run(c *cobra.Command) error {
	o.Duration, o.Slice, o.WarmUp = bench.Duration(o.duration), bench.Duration(o.slice), bench.Duration(o.warm)
	if err := o.Check(); err != nil {
		return usageError{fmt.Errorf("--%w", err)}
	}
	if o.json == "-" && o.html == "-" {
		return usageError{errors.New("--json - --html -: stdout is for one of them")}
	}
	p := &printer{out: c.OutOrStdout()}
	if o.list {
		for _, name := range bench.Cases(o.Settings) {
			p.line("%s", name)
		}
		return p.failed
	}
	if o.clean {
		return cleanBench(c, o.store, func(text string) { p.line("%s", printable(text)) })
	}
	old, err := o.before()
	if err != nil {
		return err
	}
	report, err := o.measure(c)
	if err != nil {
		return err
	}
	return o.tell(c.OutOrStdout(), report, old)
}

// before is the report to compare with, nil if there is none.
func (o *benchOptions) before() (*bench.Report, error) {
	if o.compare == "" {
		if o.failIfWorse {
			return nil, usageError{errors.New("--fail-if-worse: than what? --compare is missing")}
		}
		return nil, nil
	}
	text, err := os.ReadFile(o.compare)
	if err != nil {
		return nil, usageError{fmt.Errorf("--compare: %w", err)}
	}
	old, err := bench.ParseReport(text)
	if err != nil {
		return nil, usageError{fmt.Errorf("--compare %s: %w", o.compare, err)}
	}
	scheme, _, _ := strings.Cut(o.store, ":")
	if old.Store != scheme {
		return nil, usageError{fmt.Errorf("--compare %s: it is a report on %s, not on %s", o.compare, old.Store, scheme)}
	}
	return old, nil
}

// place makes a place to measure in.
func (o *benchOptions) place(ctx context.Context) (bench.Place, error) {
	scheme, rest, _ := strings.Cut(o.store, ":")
	switch scheme {
	case "sqlite":
		return bench.BesideFile(ctx, rest)
	case "cassandra":
		cfg, err := cassandra.ParseURL(o.store)
		if err != nil {
			return nil, usageError{fmt.Errorf("--store: %w", err)}
		}
		return bench.OnCluster(ctx, cfg, o.guest)
	}
	return bench.InMemory(), nil
}

// removing is how long the removal of what was made may take, also after an interrupt.
const removing = time.Minute

func (o *benchOptions) measure(c *cobra.Command) (_ *bench.Report, err error) {
	log, err := newLogger(c.ErrOrStderr(), "warning", "text")
	if err != nil {
		return nil, err
	}
	if _, err := parseStore(o.store, mustExist, log); err != nil {
		return nil, err
	}
	place, err := o.place(c.Context())
	if err != nil {
		return nil, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), removing)
		defer cancel()
		if failed := place.Remove(ctx); failed != nil {
			err = errors.Join(err, fmt.Errorf("what was made for it could not be removed: %w (openpayment bench --clean on the same --store tries again)", failed))
		}
	}()
	t := teller{c.ErrOrStderr()}
	t.line(place.About()[0])
	report, err := bench.Run(c.Context(), place, o.Settings, o.cases, t.next)
	t.clear()
	switch {
	case errors.Is(err, bench.ErrNoCase):
		return nil, usageError{fmt.Errorf("--cases %s: %w (--list shows all)", strings.Join(o.cases, ","), err)}
	case c.Context().Err() != nil:
		return nil, errInterrupted
	case err != nil:
		return nil, err
	}
	report.Version = version()
	return report, nil
}

// teller says on stderr what is being done: on a terminal in one line.
type teller struct{ out io.Writer }

func (t teller) line(text string) { fmt.Fprintln(t.out, printable(text)) }

func (t teller) next(p bench.Progress) {
	text := fmt.Sprintf("[%d/%d] %s: %s", p.Number, p.Of, p.Case, p.Title)
	if p.Number == 0 {
		text = "        " + p.Title
	}
	if onTerminal(t.out) {
		fmt.Fprint(t.out, "\r\x1b[K"+text)
		return
	}
	t.line(text)
}

func (t teller) clear() {
	if onTerminal(t.out) {
		fmt.Fprint(t.out, "\r\x1b[K")
	}
}

// tell writes the report wherever it is wanted.
func (o *benchOptions) tell(stdout io.Writer, report, old *bench.Report) error {
	var failed error
	if o.json != "" {
		text, err := json.MarshalIndent(report, "", "  ")
		failed = errors.Join(failed, err, writeTo(stdout, o.json, append(text, '\n')))
	}
	if o.html != "" {
		text, err := report.HTML(old)
		failed = errors.Join(failed, err, writeTo(stdout, o.html, text))
	}
	if o.json == "-" || o.html == "-" {
		stdout = io.Discard
	}
	failed = errors.Join(failed, report.WriteText(stdout))
	if old == nil {
		return failed
	}
	changes := bench.Compare(old, report)
	failed = errors.Join(failed, changes.WriteText(stdout))
	if o.failIfWorse && changes.Worse() {
		failed = errors.Join(failed, errors.New("there are cases that are worse than in "+o.compare))
	}
	return failed
}

func writeTo(stdout io.Writer, file string, text []byte) error {
	if file == "-" {
		_, err := stdout.Write(text)
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// cleanBench removes what killed runs have left.
func cleanBench(c *cobra.Command, store string, told func(string)) error {
	scheme, rest, _ := strings.Cut(store, ":")
	switch scheme {
	case "sqlite":
		return bench.CleanFolder(c.Context(), rest, told)
	case "cassandra":
		cfg, err := cassandra.ParseURL(store)
		if err != nil {
			return usageError{fmt.Errorf("--store: %w", err)}
		}
		return bench.CleanCluster(c.Context(), cfg, told)
	}
	return errVolatile
}
