package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"openpayment/api/client"
)

func eventsAppendCommand() *cobra.Command {
	var o ordering
	var subject string
	var version int64
	c := &cobra.Command{
		Use:   "append [JSON]",
		Short: "Append events of other services",
		Long: `Append events of other services to the log, all or none, side by side. JSON is one
event, a list of them, or one after another; without an argument, or with -, it is
read from standard input. An event has a type in the past tense, with dots; a subject,
what it is about; and data, an object with the facts. Types that begin with "account."
or "funds." are the service's own.

With --if-subject nothing is appended unless the last event about it is at the
position that --if-version says, 0 for none.
` + orderHelp + tokenHelp,
		Example: `  openpayment events append '{"type":"customer.renamed","subject":"customers/1","data":{"name":"Ada"}}'
  openpayment events append '{"type":"customer.added","subject":"customers/2","data":{}}' --if-subject customers/2
  openpayment events append --idempotency-key import-17 < events.jsonl`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactArgs("JSON")(c, args)
		},
	}
	c.RunE = onService(&o.remote, func(c *cobra.Command, args []string, service *client.Client) error {
		events, err := newEvents(c.InOrStdin(), args)
		if err != nil {
			return err
		}
		a := client.Append{Events: events}
		if subject != "" {
			a.Precondition = &client.Precondition{Subject: subject, Version: client.Position(version)}
		} else if c.Flags().Changed("if-version") {
			return usageError{errors.New("--if-version is the version of --if-subject, which is missing")}
		}
		appended, err := service.AppendEvents(c.Context(), a, o.options(c)...)
		if err != nil {
			return err
		}
		o.note(c)
		for _, ev := range appended {
			if err := o.showEvent(c, ev); err != nil {
				return err
			}
		}
		return nil
	})
	o.addTo(c)
	c.Flags().StringVar(&subject, "if-subject", "", "a `SUBJECT` that must be as --if-version says")
	c.Flags().Int64Var(&version, "if-version", 0, "the `POSITION` of that subject's last event; 0: there is none")
	return c
}

// newEvents reads the events in an argument, or in what stands for one.
func newEvents(stdin io.Reader, args []string) ([]client.NewEvent, error) {
	in := stdin
	if len(args) > 0 && args[0] != stdio {
		in = strings.NewReader(args[0])
	}
	var all []client.NewEvent
	for dec := json.NewDecoder(in); ; {
		var value json.RawMessage
		err := dec.Decode(&value)
		if errors.Is(err, io.EOF) && len(all) > 0 {
			return all, nil
		}
		if err == nil {
			var events []client.NewEvent
			events, err = parseEvents(value)
			all = append(all, events...)
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("no event can be read: %w; such is expected: "+
				`{"type":"customer.renamed","subject":"customers/1","data":{"name":"Ada"}}`, err)}
		}
	}
}

// parseEvents are those of one JSON value: one, or a list. Of their data every byte stays
// as it is.
func parseEvents(value json.RawMessage) ([]client.NewEvent, error) {
	if !bytes.HasPrefix(value, []byte("[")) {
		value = append(append([]byte("["), value...), ']')
	}
	var parsed []struct {
		Type, Subject string
		Data          json.RawMessage
	}
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&parsed); err != nil {
		return nil, err
	}
	var events []client.NewEvent
	for _, p := range parsed {
		events = append(events, client.NewEvent{Type: p.Type, Subject: p.Subject, Data: p.Data})
	}
	return events, nil
}
