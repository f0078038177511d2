package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Account is an account as the service shows it.
type Account struct {
	AccountNumber string    `json:"accountNumber"`
	SortCode      string    `json:"sortCode"` // NN-NN-NN
	CustomerURLs  []string  `json:"customerURLs"`
	CardURLs      []string  `json:"cardURLs"`
	Currency      string    `json:"currency"` // as of ISO 4217
	Balance       int64     `json:"balance"`  // in minor units of the currency
	Status        string    `json:"status"`   // StatusOpen or StatusClosed
	Version       Position  `json:"version"`  // of the last event that touched it
	OpenedAt      time.Time `json:"openedAt"`
	UpdatedAt     time.Time `json:"updatedAt"`
}

// The statuses of an account.
const (
	StatusOpen   = "open"
	StatusClosed = "closed" // for good
)

func (a *Account) complete() bool { return a.AccountNumber != "" }
func (*Account) what() string     { return "account" }

// AccountDetails are what an account is opened with, or what replaces its details.
type AccountDetails struct {
	// AccountNumber is one of 6 to 12 digits. Empty: the service finds one for an
	// account that is opened; otherwise it can't be changed.
	AccountNumber string `json:"accountNumber,omitzero"`
	// SortCode is NN-NN-NN, or NNNNNN.
	SortCode string `json:"sortCode"`
	// CustomerURLs and CardURLs are absolute http(s) URLs, 32 each at most.
	CustomerURLs []string `json:"customerURLs,omitempty"`
	CardURLs     []string `json:"cardURLs,omitempty"`
	// Currency is one as of ISO 4217. Empty: GBP for an account that is opened;
	// otherwise it can't be changed.
	Currency string `json:"currency,omitzero"`
}

// AccountPatch changes some details of an account. What is nil stays as it is; an empty
// list empties it.
type AccountPatch struct {
	SortCode     *string   `json:"sortCode,omitzero"`
	CustomerURLs *[]string `json:"customerURLs,omitzero"`
	CardURLs     *[]string `json:"cardURLs,omitzero"`
}

// OpenAccount opens an account. A number that was ever used is [CodeAccountExists].
func (c *Client) OpenAccount(ctx context.Context, details AccountDetails, options ...CommandOption) (Account, error) {
	return c.accountCommand(ctx, http.MethodPost, path("v1", "accounts"), details, options)
}

// ReplaceAccount sets all details of an account: lists that are empty become so.
func (c *Client) ReplaceAccount(ctx context.Context, number string, details AccountDetails, options ...CommandOption) (Account, error) {
	return c.accountCommand(ctx, http.MethodPut, path("v1", "accounts", number), details, options)
}

// PatchAccount sets some details of an account.
func (c *Client) PatchAccount(ctx context.Context, number string, patch AccountPatch, options ...CommandOption) (Account, error) {
	return c.accountCommand(ctx, http.MethodPatch, path("v1", "accounts", number), patch, options)
}

func (c *Client) accountCommand(ctx context.Context, method, path string, body any, options []CommandOption) (account Account, err error) {
	_, err = c.command(ctx, method, path, body, &account, options)
	return account, err
}

// CloseAccount closes an account for good, and gives the position of that. One that
// holds money is [CodeAccountNotEmpty].
func (c *Client) CloseAccount(ctx context.Context, number string, options ...CommandOption) (Position, error) {
	r, err := c.command(ctx, http.MethodDelete, path("v1", "accounts", number), nil, nil, options)
	return r.Position, err
}

// Account reads an account. One that there never was is [CodeAccountNotFound], one that
// is closed [CodeAccountClosed].
func (c *Client) Account(ctx context.Context, number string, options ...ReadOption) (Account, error) {
	return c.account(ctx, number, "", options)
}

// AccountAt reads an account as it was just after the event at this position, also if
// it is closed since. Before it was opened it is [CodeAccountNotFound], a position
// beyond the log's head is [CodeBadParameter].
func (c *Client) AccountAt(ctx context.Context, number string, at Position, options ...ReadOption) (Account, error) {
	return c.account(ctx, number, strconv.FormatInt(int64(at), 10), options)
}

// AccountAtTime is AccountAt for the last event that is not later than t.
func (c *Client) AccountAtTime(ctx context.Context, number string, t time.Time, options ...ReadOption) (Account, error) {
	return c.account(ctx, number, timeText(t), options)
}

func (c *Client) account(ctx context.Context, number, at string, options []ReadOption) (account Account, err error) {
	query := make(url.Values)
	setText(query, "at", at)
	err = c.get(ctx, path("v1", "accounts", number), query, &account, options)
	return account, err
}

// AccountQuery says which accounts are wanted. The zero one is all that are open.
type AccountQuery struct {
	SortCode string // empty: any
	Customer string // one of the account's customerURLs; empty: any
	PageSize int    // how many to ask for at once, up to 1000; 0: 100
}

// Accounts gives the open accounts, by number, page by page; pages are not one
// snapshot. A failure is the last thing given.
func (c *Client) Accounts(ctx context.Context, q AccountQuery, options ...ReadOption) iter.Seq2[Account, error] {
	return func(yield func(Account, error) bool) {
		query := make(url.Values)
		setText(query, "sortCode", q.SortCode)
		setText(query, "customer", q.Customer)
		setNumber(query, "limit", q.PageSize)
		pages[Account](ctx, c, path("v1", "accounts"), query, options)(yield)
	}
}

// HistoryQuery says how an account's history is wanted. The zero one is oldest first.
type HistoryQuery struct {
	NewestFirst bool
	PageSize    int // how many events to ask for at once, up to 1000; 0: 100
}

// History gives the events that touched an account, a closed one too, page by page. A
// failure is the last thing given.
func (c *Client) History(ctx context.Context, number string, q HistoryQuery, options ...ReadOption) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		query := make(url.Values)
		if q.NewestFirst {
			query.Set("order", "desc")
		}
		setNumber(query, "limit", q.PageSize)
		pages[Event](ctx, c, path("v1", "accounts", number, "events"), query, options)(yield)
	}
}
