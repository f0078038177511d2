package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"openpayment/eventstore"
)

type doctorOptions struct {
	store string
	json  bool
}

func doctorCommand() *cobra.Command {
	o := &doctorOptions{}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Examine a store, and say what is wrong with it and what to do about it",
		Long: `Examine a store, whether or not a service runs on it: can it be reached, has it the
right schema, does it keep what it has acknowledged, do the clocks agree, can the
end of the log be read. Each thing looked at is one line; below it, what to do
about it if it is not as it should be.

Of Cassandra every node is asked, those that are not in the URL too. A SQLite file
is read once as a whole. Nothing is changed. What is in the log is checked by
"openpayment log verify".

The exit code is 0 if nothing is a problem, though there may be warnings, 1 if
something is.`,
		Example: `  openpayment doctor
  openpayment doctor --store cassandra://10.0.0.1,10.0.0.2/openpayment
  openpayment doctor --json --store sqlite:/var/lib/openpayment/openpayment.db`,
		Args: exactArgs(),
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := complete(c); err != nil {
			return err
		}
		return examine(c, *o)
	}
	addConfig(c)
	c.Flags().StringVar(&o.store, "store", defaultStore, storeUsage)
	c.Flags().BoolVar(&o.json, "json", false, "a JSON document instead of text")
	return c
}

// errNotHealthy ends an examination that has said on stdout what is wrong.
var errNotHealthy = errors.New("the store is not as it should be")

func examine(c *cobra.Command, o doctorOptions) error {
	log, err := newLogger(c.ErrOrStderr(), "warning", "text")
	if err != nil {
		return err
	}
	source, err := parseStore(o.store, mustExist, log)
	if err != nil {
		return err
	}
	if source.volatile {
		return errVolatile
	}
	findings := source.examine(c.Context())
	if c.Context().Err() != nil {
		return errInterrupted
	}
	if o.json {
		err = doctorJSON(c.OutOrStdout(), source, findings)
	} else {
		err = doctorText(c.OutOrStdout(), source, findings)
	}
	if err == nil && !healthy(findings) {
		err = errNotHealthy
	}
	return err
}

// healthy tells whether nothing is a problem.
func healthy(findings []eventstore.Finding) bool {
	return count(findings, eventstore.LevelProblem) == 0
}

func count(findings []eventstore.Finding, level eventstore.Level) (n int) {
	for _, f := range findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

func doctorText(w io.Writer, source storeSource, findings []eventstore.Finding) error {
	var failed error
	print := func(format string, args ...any) {
		if _, err := fmt.Fprintf(w, format+"\n", args...); err != nil {
			failed = err
		}
	}
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	for _, f := range findings {
		print("%-7s  %-*s  %s", f.Level, width, printable(f.Check), printable(f.Detail))
		if f.Fix != "" {
			print("         → %s", printable(f.Fix))
		}
	}
	print("the log %s in %s: %d checks, %d warnings, %d problems", source.log, source.display,
		len(findings), count(findings, eventstore.LevelWarning), count(findings, eventstore.LevelProblem))
	return failed
}

// doctorReport is the JSON form of an examination.
type doctorReport struct {
	Store    string               `json:"store"`
	Log      string               `json:"log"`
	Healthy  bool                 `json:"healthy"`
	Findings []eventstore.Finding `json:"findings"`
}

func doctorJSON(w io.Writer, source storeSource, findings []eventstore.Finding) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doctorReport{
		Store: source.display, Log: source.log, Healthy: healthy(findings), Findings: slices.Concat([]eventstore.Finding{}, findings),
	})
}
