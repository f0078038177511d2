package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"openpayment/api/client"
)

// ordering are the flags of every command that changes something.
type ordering struct {
	asker
	key     string
	version int64
	dryRun  bool
	receipt client.Receipt
}

const orderHelp = `
It is done once, however often the request has to be sent. To be sure of that beyond
this command's end, give it a key of your own: the same command with the same
--idempotency-key is done once within 24 hours, and answered the same each time.

`

func (o *ordering) addTo(c *cobra.Command) {
	o.asker.addTo(c)
	c.Flags().StringVar(&o.key, "idempotency-key", "", "what makes this the same command when it is given again (default: a new one)")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would become of it; nothing is done")
}

// addIfMatch is for commands on an account that there is.
func (o *ordering) addIfMatch(c *cobra.Command) {
	c.Flags().Int64Var(&o.version, "if-match", 0, "only if the account is at this `VERSION`")
}

func (o *ordering) options(c *cobra.Command) []client.CommandOption {
	options := []client.CommandOption{client.Into(&o.receipt)}
	if o.key != "" {
		options = append(options, client.Key(o.key))
	}
	if f := c.Flags().Lookup("if-match"); f != nil && f.Changed {
		options = append(options, client.IfMatch(client.Position(o.version)))
	}
	if o.dryRun {
		options = append(options, client.DryRun())
	}
	return options
}

// note tells people what the answer itself does not say.
func (o *ordering) note(c *cobra.Command) {
	switch {
	case o.json(c.OutOrStdout()):
	case o.dryRun:
		fmt.Fprintln(c.ErrOrStderr(), "a dry run: nothing was done")
	case o.receipt.Replayed:
		fmt.Fprintln(c.ErrOrStderr(), "it had been done before, with this key: that is the answer to it")
	}
}

// ordered makes the RunE of a command that changes an account.
func (o *ordering) ordered(give func(*cobra.Command, []string, *client.Client) (client.Account, error)) func(*cobra.Command, []string) error {
	return onService(&o.remote, func(c *cobra.Command, args []string, service *client.Client) error {
		a, err := give(c, args, service)
		if err != nil {
			return err
		}
		o.note(c)
		return o.show(c, a)
	})
}
