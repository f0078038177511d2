package main

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"openpayment/api/client"
)

// reading are the flags of every command that reads.
type reading struct {
	asker
	least  int64
	strong bool
}

func (r *reading) addTo(c *cobra.Command) {
	r.asker.addTo(c)
	c.Flags().BoolVar(&r.strong, "strong", false, "show everything that is in the log by now, whichever node wrote it")
	c.Flags().Int64Var(&r.least, "min-position", 0, "wait until the node that is asked has applied this event")
}

func (r *reading) options() []client.ReadOption {
	options := []client.ReadOption{client.MinPosition(client.Position(r.least))}
	if r.strong {
		options = append(options, client.Strong())
	}
	return options
}

func getCommand() *cobra.Command {
	var r reading
	var at string
	c := &cobra.Command{
		Use:   "get ACCOUNT",
		Short: "Show an account, as it is or as it was",
		Long: `Show an account as it is, or with --at as it was: just after an event, or at a time.
Then it may be closed by now.`,
		Example: `  openpayment accounts get 12345678
  openpayment accounts get 12345678 --at 17
  openpayment accounts get 12345678 --at 2026-01-02T03:04:05Z --output json`,
		Args: exactArgs("ACCOUNT"),
	}
	c.RunE = onService(&r.remote, func(c *cobra.Command, args []string, service *client.Client) error {
		a, err := r.account(c, service, args[0], at)
		if err != nil {
			return err
		}
		return r.show(c, a)
	})
	r.addTo(c)
	c.Flags().StringVar(&at, "at", "", "an event's `POSITION`, or a time as of RFC 3339")
	return c
}

// account reads an account as it is, or was.
func (r *reading) account(c *cobra.Command, service *client.Client, number, at string) (client.Account, error) {
	if at == "" {
		return service.Account(c.Context(), number, r.options()...)
	}
	if position, err := strconv.ParseInt(at, 10, 64); err == nil && position >= 0 {
		return service.AccountAt(c.Context(), number, client.Position(position), r.options()...)
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return client.Account{}, usageError{fmt.Errorf("--at %q: an event's position or a time such as 2026-01-02T03:04:05Z is expected", at)}
	}
	return service.AccountAtTime(c.Context(), number, t, r.options()...)
}

// limited are the flags of commands that give a list.
type limited struct {
	reading
	limit int
}

func (l *limited) addTo(c *cobra.Command) {
	l.reading.addTo(c)
	c.Flags().IntVar(&l.limit, "limit", 0, "how many at most; 0: all")
}

// pageSize is how many are asked for at once. A limit that can't be one is refused.
func (l *limited) pageSize() (int, error) {
	const most = 1000
	switch {
	case l.limit < 0:
		return 0, usageError{fmt.Errorf("--limit %d: at least 0 is expected, which is all", l.limit)}
	case l.limit == 0:
		return most, nil
	}
	return min(l.limit, most), nil
}

// firstOf shows the first of a list, up to the limit; 0: all.
func firstOf[T any](list iter.Seq2[T, error], limit int, show func(T) error) error {
	n := 0
	for item, err := range list {
		if err != nil {
			return err
		}
		if err := show(item); err != nil {
			return err
		}
		if n++; n == limit {
			break
		}
	}
	return nil
}

func listCommand() *cobra.Command {
	var l limited
	var q client.AccountQuery
	c := &cobra.Command{
		Use:   "list",
		Short: "List the accounts that are open",
		Long:  `List the accounts that are open, by number.`,
		Example: `  openpayment accounts list
  openpayment accounts list --sort-code 10-20-30 --limit 20
  openpayment accounts list | jq -s 'map(.balance) | add'`,
		Args: exactArgs(),
	}
	c.RunE = onService(&l.remote, func(c *cobra.Command, _ []string, service *client.Client) (err error) {
		if q.PageSize, err = l.pageSize(); err != nil {
			return err
		}
		out := c.OutOrStdout()
		accounts := service.Accounts(c.Context(), q, l.options()...)
		if l.json(out) {
			return firstOf(accounts, l.limit, func(a client.Account) error { return printDocumentLine(out, a) })
		}
		t := newTable(out, "ACCOUNT", "SORT CODE", "BALANCE", "CURRENCY", "VERSION", "UPDATED")
		err = firstOf(accounts, l.limit, func(a client.Account) error {
			t.row(a.AccountNumber, a.SortCode, strconv.FormatInt(a.Balance, 10), a.Currency, strconv.FormatInt(int64(a.Version), 10), a.UpdatedAt.UTC().Format(timeLayout))
			return t.failed
		})
		return errors.Join(t.end(), err)
	})
	l.addTo(c)
	c.Flags().StringVar(&q.SortCode, "sort-code", "", "only those with this sort code")
	c.Flags().StringVar(&q.Customer, "customer", "", "only those of the customer with this `URL`")
	return c
}

func historyCommand() *cobra.Command {
	var l limited
	var q client.HistoryQuery
	c := &cobra.Command{
		Use:   "history ACCOUNT",
		Short: "Show the events that touched an account",
		Long:  `Show the events that touched an account, oldest first; of a closed one too.`,
		Example: `  openpayment accounts history 12345678
  openpayment accounts history 12345678 --newest-first --limit 5`,
		Args: exactArgs("ACCOUNT"),
	}
	c.RunE = onService(&l.remote, func(c *cobra.Command, args []string, service *client.Client) (err error) {
		if q.PageSize, err = l.pageSize(); err != nil {
			return err
		}
		events := service.History(c.Context(), args[0], q, l.options()...)
		return firstOf(events, l.limit, func(ev client.Event) error { return l.showEvent(c, ev) })
	})
	l.addTo(c)
	c.Flags().BoolVar(&q.NewestFirst, "newest-first", false, "turn it")
	return c
}
