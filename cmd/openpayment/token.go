package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"openpayment/api/access"
)

func tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Make tokens for the file that serve --tokens names",
		Long: `Make tokens for the file that "openpayment serve --tokens FILE" names: a YAML list of
who may do what. The service reads it at the start and on SIGHUP. It holds the
SHA-256 of each token, never the token.

The scopes are read (accounts, events, streams), command (whatever changes accounts
or moves money), append (events of other services) and admin (/v1/admin). None
includes another.`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(tokenCreateCommand(), tokenHashCommand())
	return c
}

func tokenCreateCommand() *cobra.Command {
	var name, subjects string
	var scopes []string
	c := &cobra.Command{
		Use:   "create --name NAME --scope SCOPE…",
		Short: "Make a random token, and the entry for the file of tokens",
		Long: `Make a random token. The entry for the file goes to standard output, the token itself
to standard error, this once: nothing keeps it.

--subjects binds the token to subjects that begin so: accounts/12 to the accounts
whose numbers begin with 12. It may carry out commands on those (a transfer: between
those), append events about them, and read them and their events one by one; lists
are not for it.`,
		Example: `  openpayment token create --name reports --scope read >> tokens.yaml
  openpayment token create --name branch-12 --scope read --scope command --subjects accounts/12`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			text := access.Generate()
			token := access.Token{Principal: access.Principal{Name: name, Subjects: subjects}, Digest: access.DigestOf(text)}
			for _, s := range scopes {
				token.Scopes = append(token.Scopes, access.Scope(s))
			}
			if err := checkToken(token); err != nil {
				return err
			}
			if _, err := fmt.Fprint(c.OutOrStdout(), token); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "the token, shown this once: %s\n", text)
			return nil
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&name, "name", "", "whose token it is: shown in logs and stored with the events it leads to")
	f.StringSliceVar(&scopes, "scope", nil, "read, command, append or admin; more than one with commas, or given again")
	f.StringVar(&subjects, "subjects", "", "`beginning` of the subjects it is for, such as accounts/12; all, if left out")
	return c
}

// checkToken finds what a service would not read.
func checkToken(t access.Token) error {
	switch {
	case t.Name == "":
		return usageError{errors.New("--name is expected")}
	case len(t.Scopes) == 0:
		return usageError{errors.New("--scope is expected: read, command, append or admin")}
	}
	if _, err := access.Parse([]byte(t.String())); err != nil {
		return usageError{err}
	}
	return nil
}

func tokenHashCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "hash",
		Short: "Print the SHA-256 of a token on standard input",
		Long: `Print the SHA-256 of a token, as the file of tokens has it. The token is one line on
standard input: command lines can be read by every user of a machine. Nothing keeps
a token from being guessed but its length; "openpayment token create" makes good ones.`,
		Example: `  openpayment token hash < token.txt`,
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			token := strings.TrimRight(line, "\r\n")
			if !access.ValidToken(token) || len(token) < shortToken {
				return usageError{fmt.Errorf("a token of %d to 1024 printable ASCII characters without spaces is expected on standard input", shortToken)}
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), access.DigestOf(token))
			return err
		},
	}
}
