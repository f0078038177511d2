package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// oneOf is a flag's value that is one of a few words, the first of them at first.
type oneOf struct {
	words  []string
	chosen string // empty: it was not set
}

// Set implements pflag.Value.
func (o *oneOf) Set(word string) error {
	if !slices.Contains(o.words, word) {
		return errors.New(o.expected())
	}
	o.chosen = word
	return nil
}

// expected says what can be set.
func (o *oneOf) expected() string { return strings.Join(o.words, " or ") }

// String implements pflag.Value.
func (o *oneOf) String() string { return o.chosen }

// Type implements pflag.Value.
func (o *oneOf) Type() string { return strings.Join(o.words, "|") }

// The forms of what a command prints.
const (
	asTable = "table"
	asJSON  = "json"
)

// output is the form in which a command prints what it was told.
type output struct{ oneOf }

func (o *output) addTo(c *cobra.Command) {
	o.words = []string{asTable, asJSON}
	c.Flags().Var(o, "output", "table for people, or json with one document of the API a line\n(default: table on a terminal, json elsewhere)")
	completeWords(c, "output", o.words...)
}

// json tells whether programs are to read what is written to w.
func (o *output) json(w io.Writer) bool {
	if o.chosen == "" {
		return !onTerminal(w)
	}
	return o.chosen == asJSON
}

// completeWords has a shell propose words for a flag.
func completeWords(c *cobra.Command, flag string, words ...string) {
	// It fails only for a flag that there is not.
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// timesAsInTheAPI are exact to the millisecond, always.
var timesAsInTheAPI = json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, t time.Time) error {
	return enc.WriteToken(jsontext.String(t.UTC().Format(timeLayout)))
}))

// printDocumentLine prints a document of the API as one line.
func printDocumentLine(w io.Writer, document any) error {
	text, err := json.Marshal(document, timesAsInTheAPI, json.Deterministic(true))
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

// table lines up columns. It is printed in parts, so that a long one begins soon.
type table struct {
	printer
	tabs  *tabwriter.Writer
	lines int
}

// tablePart is how many lines are lined up with each other.
const tablePart = 500

func newTable(w io.Writer, columns ...string) *table {
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	t := &table{printer: printer{out: tabs}, tabs: tabs}
	t.row(columns...)
	return t
}

// row adds a line; what is in it can't steer a terminal.
func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	t.line("%s", strings.Join(cells, "\t"))
	if t.lines++; t.lines%tablePart == 0 {
		t.failed = errors.Join(t.failed, t.tabs.Flush())
	}
}

func (t *table) end() error { return errors.Join(t.failed, t.tabs.Flush()) }
