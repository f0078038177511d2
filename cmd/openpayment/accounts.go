package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"openpayment/api/client"
)

// accountsCommand holds what people do with accounts.
func accountsCommand() *cobra.Command {
	c := group("accounts", "Open, show, list, change and close accounts",
		`Open, show, list, change and close accounts of a running service. Balances and
amounts are whole minor units: 1250 of GBP is £12.50. To move money there are
openpayment deposit, withdraw and transfer.

`+tokenHelp)
	c.AddCommand(openCommand(), getCommand(), listCommand(), historyCommand(), updateCommand(), closeCommand())
	return c
}

// group is a command that does nothing but hold others.
func group(name, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: long,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q (%s --help lists what there is)", args[0], c.CommandPath())}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
}

// asker is a command that asks a service and prints what it was told.
type asker struct {
	remote
	output
}

func (a *asker) addTo(c *cobra.Command) {
	a.remote.addTo(c)
	a.output.addTo(c)
}

// printAccount is an account for people, a field a line.
func printAccount(w io.Writer, a client.Account) error {
	t := newTable(w, "account", a.AccountNumber)
	t.row("sort code", a.SortCode)
	t.row("status", a.Status)
	t.row("balance", fmt.Sprintf("%d %s, in minor units", a.Balance, a.Currency))
	t.row("version", strconv.FormatInt(int64(a.Version), 10))
	t.row("opened", a.OpenedAt.UTC().Format(timeLayout))
	t.row("updated", a.UpdatedAt.UTC().Format(timeLayout))
	for _, url := range a.CustomerURLs {
		t.row("customer", url)
	}
	for _, url := range a.CardURLs {
		t.row("card", url)
	}
	return t.end()
}

// show prints an account in the form that is asked for.
func (a *asker) show(c *cobra.Command, account client.Account) error {
	if a.json(c.OutOrStdout()) {
		return printDocumentLine(c.OutOrStdout(), account)
	}
	return printAccount(c.OutOrStdout(), account)
}

// showEvent prints an event in the form that is asked for.
func (a *asker) showEvent(c *cobra.Command, ev client.Event) error {
	if a.json(c.OutOrStdout()) {
		return printDocumentLine(c.OutOrStdout(), ev)
	}
	return printEventLine(c.OutOrStdout(), int64(ev.Seq), ev.Time, ev.Type, ev.Subject, string(ev.Data))
}
