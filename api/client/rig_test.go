package client_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/api/client"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// node is a whole service behind a real HTTP server.
type node struct {
	url     string
	handler *api.Handler
	store   *eventstoretest.Faulty
}

// newNode starts a service on a log that others may use too. What every log must be is
// checked when the test has ended.
func newNode(t testing.TB, log *memory.Log, configure ...func(*api.Config)) *node {
	t.Helper()
	store := eventstoretest.NewFaulty(log.Open())
	read := make(chan struct{})
	service, err := journal.Start(context.Background(), store, journal.Config{
		Progress: func(_, _ eventstore.Position, done bool) {
			if done {
				close(read)
			}
		},
		Snapshots:     journal.SnapshotConfig{Store: log.Open()},
		Subscriptions: log.Open(),
		Poller:        eventstore.PollerConfig{MinInterval: time.Millisecond, MaxInterval: 5 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := api.Config{Service: service, Version: "test", Store: "memory:"}
	for _, f := range configure {
		f(&cfg)
	}
	handler := api.New(cfg)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what a test left in doubt stays so
		_ = service.Close(ctx)
		eventstoretest.CheckInvariants(t, log.Open())
	})
	<-read
	return &node{server.URL, handler, store}
}

// quickly is a policy for tests: everything is tried again at once, and for long.
var quickly = client.RetryPolicy{For: time.Minute, MinPause: time.Millisecond, MaxPause: 4 * time.Millisecond}

// newClient makes a client that goes through the transport, nil for none of its own.
func newClient(t testing.TB, url string, through http.RoundTripper, options ...client.Option) *client.Client {
	t.Helper()
	all := []client.Option{client.Retry(quickly)}
	if through != nil {
		all = append(all, client.HTTPClient(&http.Client{Transport: through}))
	}
	c, err := client.New(url, append(all, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newService is a service on a log of its own, and a client of it.
func newService(t testing.TB, options ...client.Option) (*node, *client.Client) {
	t.Helper()
	n := newNode(t, memory.New())
	return n, newClient(t, n.url, nil, options...)
}

// must is for what is not expected to fail.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused demands a refusal with this code.
func refused(t testing.TB, err error, code client.Code) *client.Error {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Code != code || !client.IsCode(err, client.CodeInternal, code) {
		t.Fatalf("%v instead of %s", err, code)
	}
	return e
}

// gbp is an amount of pence.
func gbp(pence int64) client.Payment { return client.Payment{Amount: pence, Currency: "GBP"} }

// opened opens an account of this number.
func opened(t testing.TB, c *client.Client, number string) client.Account {
	t.Helper()
	return must(c.OpenAccount(t.Context(), client.AccountDetails{AccountNumber: number, SortCode: "10-20-30"}))(t)
}

// all gathers what a list gives.
func all[T any](t testing.TB, seq iter.Seq2[T, error]) (items []T) {
	t.Helper()
	for item, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	return items
}
