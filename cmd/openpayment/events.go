package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"openpayment/api/client"
)

// eventsCommand holds what people do with the events of a running service.
func eventsCommand() *cobra.Command {
	c := group("events", "Show, follow and append events of a running service",
		`Show, follow and append events of a running service. To look at a store itself,
whether or not a service runs on it, there is openpayment log.

`+tokenHelp)
	c.AddCommand(eventsTailCommand(), eventsAppendCommand())
	return c
}

// eventTypes are those that the service makes itself.
var eventTypes = []string{"account.opened", "account.updated", "account.closed", "funds.deposited", "funds.withdrawn", "funds.transferred"}

// filter are the flags that say which events are wanted.
type filter struct{ kind, subject string }

func (f *filter) addTo(c *cobra.Command) {
	c.Flags().StringVar(&f.kind, "type", "", "only events of exactly this `TYPE`, such as funds.deposited")
	c.Flags().StringVar(&f.subject, "subject", "", "only events about exactly this `SUBJECT`, such as accounts/12345678")
	completeWords(c, "type", eventTypes...)
}

// tailing is the tail command under way.
type tailing struct {
	asker
	filter
	events int
	after  int64
	follow bool
}

func eventsTailCommand() *cobra.Command {
	var t tailing
	c := &cobra.Command{
		Use:   "tail",
		Short: "Show the newest events, and those to come",
		Long: `Show the newest events, or with --after all behind a position; with --follow those to
come too, until it is interrupted. A connection that is lost on the way is made again,
and no event is missed or shown twice.

` + tokenHelp,
		Example: `  openpayment events tail
  openpayment events tail -n 100 --type funds.transferred
  openpayment events tail --follow --subject accounts/12345678
  openpayment events tail --follow --after 0 | jq -r .type`,
		Args: exactArgs(),
	}
	c.RunE = onService(&t.remote, func(c *cobra.Command, _ []string, service *client.Client) error {
		if t.events < 0 || t.after < 0 {
			return usageError{fmt.Errorf("--events %d, --after %d: 0 or more is expected", t.events, t.after)}
		}
		if c.Flags().Changed("after") && c.Flags().Changed("events") {
			return usageError{errors.New("--events and --after: one of them is expected")}
		}
		return t.run(c, service, c.Flags().Changed("after"))
	})
	t.asker.addTo(c)
	t.filter.addTo(c)
	f := c.Flags()
	f.IntVarP(&t.events, "events", "n", 10, "how many of the newest")
	f.Int64Var(&t.after, "after", 0, "all behind this `POSITION` instead; 0: from the first")
	f.BoolVarP(&t.follow, "follow", "f", false, "go on with what is appended")
	return c
}

func (t *tailing) run(c *cobra.Command, service *client.Client, behind bool) error {
	at := client.Position(t.after)
	if !behind {
		newest, head, err := t.newest(c.Context(), service)
		if err != nil {
			return err
		}
		for _, ev := range newest {
			if err := t.showEvent(c, ev); err != nil {
				return err
			}
		}
		at = head
	}
	switch {
	case t.follow:
		return t.stream(c, service, at)
	case !behind:
		return nil
	}
	q := client.EventQuery{After: at, Type: t.kind, Subject: t.subject, PageSize: 1000}
	return firstOf(service.Events(c.Context(), q), 0, func(ev client.Event) error { return t.showEvent(c, ev) })
}

// newest gives the newest events that are wanted, in order, and the head of the log
// they were looked for in. It looks behind ever earlier positions until there are
// enough.
func (t *tailing) newest(ctx context.Context, service *client.Client) ([]client.Event, client.Position, error) {
	head, err := service.Head(ctx)
	if err != nil || t.events == 0 {
		return nil, head, err
	}
	q := client.EventQuery{Type: t.kind, Subject: t.subject, PageSize: 1000}
	back := client.Position(t.events)
	if t.filter != (filter{}) {
		back = max(back, 1000)
	}
	for ; ; back *= 10 {
		q.After = max(head-back, 0)
		var found []client.Event
		for ev, err := range service.Events(ctx, q, client.MinPosition(head)) {
			if err != nil {
				return nil, head, err
			}
			if ev.Seq > head {
				break
			}
			found = append(found, ev)
		}
		if len(found) >= t.events || q.After == 0 {
			return found[max(len(found)-t.events, 0):], head, nil
		}
	}
}

// stream goes on until it is interrupted, which is how following is meant to end.
func (t *tailing) stream(c *cobra.Command, service *client.Client, after client.Position) error {
	q := client.StreamQuery{After: after, Type: t.kind, Subject: t.subject, Disconnected: tellLost(c.ErrOrStderr())}
	for ev, err := range service.Stream(c.Context(), q) {
		if c.Context().Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.showEvent(c, ev); err != nil {
			return err
		}
	}
	return nil
}

// tellLost says that a connection was lost, and that it is not the end.
func tellLost(stderr io.Writer) func(error, time.Duration) {
	return func(err error, retryIn time.Duration) {
		fmt.Fprintf(stderr, "openpayment: %v; it is tried again in %s\n", err, retryIn.Round(time.Millisecond))
	}
}
