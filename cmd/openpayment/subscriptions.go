package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"openpayment/api/client"
)

// subscriptionsCommand holds what people do with durable subscriptions.
func subscriptionsCommand() *cobra.Command {
	c := group("subscriptions", "Create, list, follow and delete durable subscriptions",
		`Create, list, follow and delete the durable subscriptions of a running service: places
in the log that it remembers for programs which handle every event once they can.

`+tokenHelp)
	c.AddCommand(subscriptionsListCommand(), subscriptionsCreateCommand(), subscriptionsFollowCommand(), subscriptionsDeleteCommand())
	return c
}

func showSubscriptions(w io.Writer, asJSON bool, all ...client.Subscription) error {
	if asJSON {
		for _, s := range all {
			if err := printDocumentLine(w, s); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(w, "NAME", "TYPE", "SUBJECT", "START", "ACKED", "LAG", "CREATED")
	for _, s := range all {
		t.row(s.Name, s.Filter.Type, s.Filter.Subject, string(s.Start), strconv.FormatInt(int64(s.Acked), 10),
			strconv.FormatInt(int64(s.Lag), 10), s.CreatedAt.UTC().Format(timeLayout))
	}
	return t.end()
}

func subscriptionsListCommand() *cobra.Command {
	var r reading
	c := &cobra.Command{
		Use:   "list",
		Short: "List the subscriptions, and how far each has come",
		Long: `List the subscriptions, how far each has been acknowledged, and how far that is behind
the log's head.`,
		Example: `  openpayment subscriptions list
  openpayment subscriptions list | jq -r 'select(.lag > 1000).name'`,
		Args: exactArgs(),
	}
	c.RunE = onService(&r.remote, func(c *cobra.Command, _ []string, service *client.Client) error {
		all, err := service.Subscriptions(c.Context(), r.options()...)
		if err != nil {
			return err
		}
		return showSubscriptions(c.OutOrStdout(), r.json(c.OutOrStdout()), all...)
	})
	r.addTo(c)
	return c
}

func subscriptionsCreateCommand() *cobra.Command {
	var a asker
	var f filter
	var start string
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a subscription, or give it another filter",
		Long: `Create a subscription of this name, of 1 to 64 letters, digits, dots, underscores and
hyphens, but not . or .. alone. If there is one, it gets this filter; where it begins can't
be changed.`,
		Example: `  openpayment subscriptions create mailer --type account.opened
  openpayment subscriptions create audit --start end
  openpayment subscriptions create ledger --start 1700`,
		Args: exactArgs("NAME"),
	}
	c.RunE = onService(&a.remote, func(c *cobra.Command, args []string, service *client.Client) error {
		d := client.SubscriptionDefinition{Filter: client.SubscriptionFilter{Type: f.kind, Subject: f.subject}, Start: client.Start(start)}
		if at, err := strconv.ParseInt(start, 10, 64); start != "" && d.Start != client.StartBeginning && d.Start != client.StartEnd && (err != nil || at < 0) {
			return usageError{fmt.Errorf("--start %q: beginning, end, or a position to begin behind is expected", start)}
		}
		s, err := service.PutSubscription(c.Context(), args[0], d)
		if err != nil {
			return err
		}
		return showSubscriptions(c.OutOrStdout(), a.json(c.OutOrStdout()), s)
	})
	a.addTo(c)
	f.addTo(c)
	c.Flags().StringVar(&start, "start", "", "beginning or end of the log, or a `POSITION` to begin behind (default beginning)")
	completeWords(c, "start", string(client.StartBeginning), string(client.StartEnd))
	return c
}

func subscriptionsDeleteCommand() *cobra.Command {
	var r remote
	c := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a subscription; whoever follows it is told",
		Long:    `Delete a subscription. Whoever follows it is told. How far it had come is forgotten.`,
		Example: `  openpayment subscriptions delete mailer`,
		Args:    exactArgs("NAME"),
	}
	c.RunE = onService(&r, func(c *cobra.Command, args []string, service *client.Client) error {
		if err := service.DeleteSubscription(c.Context(), args[0]); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.OutOrStdout(), "subscription %s is deleted\n", args[0])
		return err
	})
	r.addTo(c)
	return c
}

func subscriptionsFollowCommand() *cobra.Command {
	var a asker
	var events int
	c := &cobra.Command{
		Use:   "follow NAME",
		Short: "Print a subscription's events and acknowledge them",
		Long: `Print the events of a subscription, and acknowledge each when it has been printed, until
it is interrupted: what is acknowledged is not given again, to nobody. A subscription has
one reader; whoever comes later takes its place.`,
		Example: `  openpayment subscriptions follow mailer
  openpayment subscriptions follow mailer -n 100 | while read -r event; do …; done`,
		Args: exactArgs("NAME"),
	}
	c.RunE = onService(&a.remote, func(c *cobra.Command, args []string, service *client.Client) error {
		if events < 0 {
			return usageError{fmt.Errorf("--events %d: at least 0 is expected, which is all", events)}
		}
		ctx, enough := context.WithCancel(c.Context())
		defer enough()
		n := 0
		err := service.Follow(ctx, args[0], func(_ context.Context, ev client.Event) error {
			if err := a.showEvent(c, ev); err != nil {
				return err
			}
			if n++; n == events {
				enough()
			}
			return nil
		}, client.FollowOptions{Disconnected: tellLost(c.ErrOrStderr())})
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil // which is how following is meant to end
		}
		return err
	})
	a.addTo(c)
	c.Flags().IntVarP(&events, "events", "n", 0, "end after so many; 0: go on")
	return c
}
