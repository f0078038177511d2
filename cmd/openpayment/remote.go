package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"openpayment/api/client"
)

// clientTokenVariable holds the token that commands show to a service; without it, it
// is the one that the service itself would take.
const clientTokenVariable = envPrefix + "TOKEN"

// tokenHelp is in the help of every command that asks a service.
const tokenHelp = "OPENPAYMENT_TOKEN holds the service's token, if it has one; without it,\nOPENPAYMENT_ADMIN_TOKEN does."

// remote is a running service, as its users reach it.
type remote struct {
	url      string // the first may be followed by others, after commas
	ca       string // file; empty: the system's authorities
	retryFor time.Duration
}

const (
	urlUsage      = "where the service is; more of its nodes may follow after commas: where one\ncan't be asked, the next is"
	caUsage       = "PEM `file` of the authority that has signed the service's certificate"
	retryForUsage = "how long to go on trying while the service can't be reached or is too busy;\n0: once"
)

func (r *remote) addTo(c *cobra.Command) {
	addConfig(c)
	f := c.Flags()
	f.StringVar(&r.url, "url", "http://127.0.0.1:8080", urlUsage)
	f.StringVar(&r.ca, "ca-cert", "", caUsage)
	f.DurationVar(&r.retryFor, "retry-for", 5*time.Second, retryForUsage)
}

// dial makes a client of the service. It finds faults that no service is needed for.
func (r *remote) dial() (*client.Client, error) {
	variable, token := clientTokenVariable, os.Getenv(clientTokenVariable)
	if token == "" {
		variable, token = tokenVariable, os.Getenv(tokenVariable)
	}
	policy := client.RetryPolicy{For: r.retryFor}
	switch {
	case r.retryFor < 0:
		return nil, usageError{fmt.Errorf("--retry-for %s: at least 0 is expected", r.retryFor)}
	case r.retryFor == 0:
		policy.For = -1
	}
	urls := strings.Split(r.url, ",")
	options := []client.Option{client.Nodes(urls[1:]...), client.Token(token), client.Retry(policy), client.ReadYourWrites(), client.UserAgent("openpayment-cli")}
	if r.ca != "" {
		trusting, err := trust(r.ca)
		if err != nil {
			return nil, usageError{fmt.Errorf("--ca-cert %w", err)}
		}
		options = append(options, client.HTTPClient(trusting))
	}
	c, err := client.New(urls[0], options...)
	switch {
	case errors.Is(err, client.ErrURL):
		return nil, usageError{fmt.Errorf("--url %w", err)}
	case err != nil:
		return nil, usageError{fmt.Errorf("%s: %w", variable, err)}
	}
	return c, nil
}

// trust makes what trusts the authorities in a file, and nobody else.
func trust(file string) (*http.Client, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: there is no certificate in it; PEM is expected", file)
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true,
	}}, nil
}

// onService makes the RunE of a command that asks a service: it completes the flags,
// and says of errors what to do about them.
func onService(r *remote, do func(*cobra.Command, []string, *client.Client) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if err := complete(c); err != nil {
			return err
		}
		service, err := r.dial()
		if err != nil {
			return err
		}
		return explain(c, do(c, args, service))
	}
}

// explain says what to do about an error of asking a service.
func explain(c *cobra.Command, err error) error {
	unsure, isUnsure := errors.AsType[*client.UnsureError](err)
	if isUnsure && unsure.Key != "" && c.Flags().Lookup("idempotency-key") != nil {
		return fmt.Errorf("it may have been done; the same again with --idempotency-key '%s' settles it: %w", unsure.Key, explain(c, unsure.Err))
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	refused, isRefusal := errors.AsType[*client.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return errInterrupted
	case client.IsCode(err, client.CodeUnauthenticated):
		return fmt.Errorf("%w: put the service's token into the environment as %s", err, clientTokenVariable)
	case isRefusal && refused.Code == client.CodeInternal:
		return fmt.Errorf("%w: its request id is %s", err, refused.RequestID)
	case errors.Is(err, client.ErrForeign):
		return fmt.Errorf("%w (--url says where it is)", err)
	case untrusted:
		return fmt.Errorf("%w (--ca-cert names the authority to trust)", err)
	case errors.Is(err, client.ErrNoAnswer):
		return fmt.Errorf("%w (does it run? --url says where it is)", err)
	}
	return err
}
