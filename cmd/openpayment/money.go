package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"openpayment/api/client"
)

const moneyHelp = `AMOUNT is a whole number of minor units: 1250 of GBP is £12.50.
`

// moving are the flags of the commands that move money.
type moving struct {
	ordering
	payment client.Payment
}

// command makes one of them; give is the client's call.
func (m *moving) command(c *cobra.Command, args []string, give func(*cobra.Command, *client.Client, []string) (client.Event, error)) *cobra.Command {
	c.Long = c.Short + ".\n" + moneyHelp + orderHelp + tokenHelp
	c.Args = exactArgs(append(args, "AMOUNT")...)
	c.RunE = onService(&m.remote, func(c *cobra.Command, args []string, service *client.Client) error {
		var err error
		if m.payment.Amount, err = parseAmount(args[len(args)-1]); err != nil {
			return err
		}
		ev, err := give(c, service, args)
		if err != nil {
			return err
		}
		m.note(c)
		return m.showEvent(c, ev)
	})
	m.addTo(c)
	m.addIfMatch(c)
	c.Flags().StringVar(&m.payment.Currency, "currency", "GBP", "the account's, as of ISO 4217")
	c.Flags().StringVar(&m.payment.Reference, "reference", "", "`TEXT` of up to 140 characters that goes along")
	return c
}

// parseAmount reads an amount. What looks like pounds and pence is not guessed at.
func parseAmount(text string) (int64, error) {
	amount, err := strconv.ParseInt(text, 10, 64)
	if err != nil || amount < 1 {
		return 0, usageError{fmt.Errorf("AMOUNT %q: a whole number of minor units is expected, 1 or more: 1250 for 12.50", text)}
	}
	return amount, nil
}

func depositCommand() *cobra.Command {
	m := &moving{}
	return m.command(&cobra.Command{
		Use:   "deposit ACCOUNT AMOUNT",
		Short: "Pay money into an account",
		Example: `  openpayment deposit 12345678 1250
  openpayment deposit 12345678 1250 --reference 'till 4' --idempotency-key 'till 4, no. 17'`,
	}, []string{"ACCOUNT"}, func(c *cobra.Command, service *client.Client, args []string) (client.Event, error) {
		return service.Deposit(c.Context(), args[0], m.payment, m.options(c)...)
	})
}

func withdrawCommand() *cobra.Command {
	m := &moving{}
	return m.command(&cobra.Command{
		Use:   "withdraw ACCOUNT AMOUNT",
		Short: "Pay money out of an account",
		Example: `  openpayment withdraw 12345678 1250
  openpayment withdraw 12345678 1250 --if-match 17 --dry-run`,
	}, []string{"ACCOUNT"}, func(c *cobra.Command, service *client.Client, args []string) (client.Event, error) {
		return service.Withdraw(c.Context(), args[0], m.payment, m.options(c)...)
	})
}

func transferCommand() *cobra.Command {
	m := &moving{}
	return m.command(&cobra.Command{
		Use:   "transfer FROM TO AMOUNT",
		Short: "Move money from one account to another",
		Example: `  openpayment transfer 12345678 23456789 1250
  openpayment transfer 12345678 23456789 1250 --currency EUR --reference rent`,
	}, []string{"FROM", "TO"}, func(c *cobra.Command, service *client.Client, args []string) (client.Event, error) {
		p := m.payment
		return service.Transfer(c.Context(), client.Transfer{From: args[0], To: args[1], Amount: p.Amount, Currency: p.Currency, Reference: p.Reference}, m.options(c)...)
	})
}
