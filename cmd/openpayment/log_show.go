package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"openpayment/eventstore"
	"openpayment/eventstore/transfer"
)

func showCommand() *cobra.Command {
	o := &storeOptions{}
	var asJSON bool
	c := &cobra.Command{
		Use:   "show SEQ",
		Short: "Show one event",
		Long:  `Show the event at a position of the log, verified against the one before it.`,
		Example: `  openpayment log show 17
  openpayment log show 17 --json
  openpayment log show 17 --store cassandra://127.0.0.1:9042/openpayment`,
		Args: exactArgs("SEQ"),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		seq, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || seq < 1 {
			return usageError{fmt.Errorf("SEQ %q: events are numbered 1, 2, 3 and so on", args[0])}
		}
		return onLog(o, func(c *cobra.Command, _ []string, store eventstore.Store, source storeSource) error {
			return show(c, store, source, eventstore.Position(seq), asJSON)
		})(c, args)
	}
	o.addTo(c)
	c.Flags().BoolVar(&asJSON, "json", false, "as the API gives it")
	return c
}

func show(c *cobra.Command, store eventstore.Store, source storeSource, seq eventstore.Position, asJSON bool) error {
	log := eventstore.NewLog(store)
	head, err := log.Head(c.Context())
	if err != nil {
		return err
	}
	if seq > head.Position {
		return fmt.Errorf("there is no event %d: the log in %s ends at event %d", seq, source.display, head.Position)
	}
	ev, err := log.Event(c.Context(), seq)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), ev)
	}
	return printEvent(c.OutOrStdout(), ev)
}

// printJSON is one line, as the API gives an event.
func printJSON(w io.Writer, ev eventstore.Event) error {
	text, err := transfer.AppendLine(nil, ev)
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

const timeLayout = "2006-01-02T15:04:05.000Z"

// printEvent is an event for people, a field a line.
func printEvent(w io.Writer, ev eventstore.Event) error {
	var b strings.Builder
	field := func(name, value string) { fmt.Fprintf(&b, "%-8s %s\n", name, printable(value)) }
	field("seq", strconv.FormatInt(int64(ev.Seq), 10))
	field("id", ev.ID.String())
	field("type", ev.Type)
	field("subject", ev.Subject)
	field("time", ev.Time.UTC().Format(timeLayout))
	for _, e := range ev.Meta {
		field("meta", e.Name+": "+e.Value)
	}
	field("data", ev.Data)
	field("hash", ev.Hash.String())
	_, err := io.WriteString(w, b.String())
	return err
}

// printLine is an event for people, in one line.
func printLine(w io.Writer, ev eventstore.Event) error {
	return printEventLine(w, int64(ev.Seq), ev.Time, ev.Type, ev.Subject, ev.Data)
}

func printEventLine(w io.Writer, seq int64, at time.Time, kind, subject, data string) error {
	_, err := fmt.Fprintf(w, "%d  %s  %s  %s  %s\n", seq, at.UTC().Format(timeLayout), printable(kind), printable(subject), printable(data))
	return err
}

// printable keeps what is in a log from steering a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
