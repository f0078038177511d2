package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"openpayment/api/client"
)

func openCommand() *cobra.Command {
	var o ordering
	var d client.AccountDetails
	c := &cobra.Command{
		Use:   "open [ACCOUNT]",
		Short: "Open an account",
		Long: `Open an account, with a number of 6 to 12 digits or one that the service finds.
` + orderHelp + tokenHelp,
		Example: `  openpayment accounts open --sort-code 10-20-30
  openpayment accounts open 12345678 --sort-code 10-20-30 --customer-url https://customers.example/1
  openpayment accounts open 12345678 --sort-code 10-20-30 --currency EUR --dry-run`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactArgs("ACCOUNT")(c, args)
		},
	}
	c.RunE = o.ordered(func(c *cobra.Command, args []string, service *client.Client) (client.Account, error) {
		if d.SortCode == "" {
			return client.Account{}, usageError{errors.New("--sort-code NN-NN-NN is missing")}
		}
		if len(args) > 0 {
			d.AccountNumber = args[0]
		}
		return service.OpenAccount(c.Context(), d, o.options(c)...)
	})
	o.addTo(c)
	f := c.Flags()
	f.StringVar(&d.SortCode, "sort-code", "", "`NN-NN-NN`")
	f.StringVar(&d.Currency, "currency", "", "as of ISO 4217, for the account's life (default GBP)")
	f.StringArrayVar(&d.CustomerURLs, "customer-url", nil, "`URL` of a customer; may be given several times")
	f.StringArrayVar(&d.CardURLs, "card-url", nil, "`URL` of a card; may be given several times")
	return c
}

func updateCommand() *cobra.Command {
	var o ordering
	var sortCode string
	var customers, cards []string
	var noCustomers, noCards bool
	c := &cobra.Command{
		Use:   "update ACCOUNT",
		Short: "Change some details of an account",
		Long: `Change some details of an account; what is not named stays as it is. A list of URLs
takes the place of the one there was.
` + orderHelp + tokenHelp,
		Example: `  openpayment accounts update 12345678 --card-url https://cards.example/9
  openpayment accounts update 12345678 --sort-code 11-22-33 --no-card-urls --if-match 17`,
		Args: exactArgs("ACCOUNT"),
	}
	c.RunE = o.ordered(func(c *cobra.Command, args []string, service *client.Client) (client.Account, error) {
		var p client.AccountPatch
		if sortCode != "" {
			p.SortCode = &sortCode
		}
		var err error
		if p.CustomerURLs, err = newList("customer", customers, noCustomers); err == nil {
			p.CardURLs, err = newList("card", cards, noCards)
		}
		if err == nil && p == (client.AccountPatch{}) {
			err = usageError{fmt.Errorf("nothing is to be changed (%s --help lists the flags)", c.CommandPath())}
		}
		if err != nil {
			return client.Account{}, err
		}
		return service.PatchAccount(c.Context(), args[0], p, o.options(c)...)
	})
	o.addTo(c)
	o.addIfMatch(c)
	f := c.Flags()
	f.StringVar(&sortCode, "sort-code", "", "`NN-NN-NN`")
	f.StringArrayVar(&customers, "customer-url", nil, "`URL` of a customer; may be given several times")
	f.BoolVar(&noCustomers, "no-customer-urls", false, "there are none any more")
	f.StringArrayVar(&cards, "card-url", nil, "`URL` of a card; may be given several times")
	f.BoolVar(&noCards, "no-card-urls", false, "there are none any more")
	return c
}

// newList is what a list becomes; nil: it stays as it is.
func newList(of string, urls []string, none bool) (*[]string, error) {
	switch {
	case none && len(urls) > 0:
		return nil, usageError{fmt.Errorf("--%[1]s-url and --no-%[1]s-urls: one of them is expected", of)}
	case none:
		return &[]string{}, nil
	case len(urls) > 0:
		return &urls, nil
	}
	return nil, nil
}

// closing is a closed account's JSON form: the service says nothing but where.
type closing struct {
	AccountNumber string          `json:"accountNumber"`
	Status        string          `json:"status"`
	Version       client.Position `json:"version,omitzero"` // not of a dry run
}

func closeCommand() *cobra.Command {
	var o ordering
	c := &cobra.Command{
		Use:   "close ACCOUNT",
		Short: "Close an account for good",
		Long: `Close an account for good. It has to be empty. Its history can still be read, and its
number is not used again.
` + orderHelp + tokenHelp,
		Example: `  openpayment accounts close 12345678
  openpayment accounts close 12345678 --if-match 17`,
		Args: exactArgs("ACCOUNT"),
	}
	c.RunE = onService(&o.remote, func(c *cobra.Command, args []string, service *client.Client) error {
		at, err := service.CloseAccount(c.Context(), args[0], o.options(c)...)
		if err != nil {
			return err
		}
		o.note(c)
		switch out := c.OutOrStdout(); {
		case o.json(out):
			return printDocumentLine(out, closing{args[0], client.StatusClosed, at})
		case o.dryRun:
			_, err = fmt.Fprintf(out, "account %s would be closed\n", args[0])
		default:
			_, err = fmt.Fprintf(out, "account %s is closed, at event %d\n", args[0], at)
		}
		return err
	})
	o.addTo(c)
	o.addIfMatch(c)
	return c
}
