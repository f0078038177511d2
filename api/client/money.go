package client

import (
	"context"
	"net/http"
)

// Payment is money that comes in from outside, or goes out.
type Payment struct {
	Amount    int64  `json:"amount"`             // in minor units, 1 or more
	Currency  string `json:"currency"`           // the account's
	Reference string `json:"reference,omitzero"` // up to 140 characters
}

// Transfer is money that goes from one account to another.
type Transfer struct {
	From      string `json:"from"` // account numbers
	To        string `json:"to"`
	Amount    int64  `json:"amount"`             // in minor units, 1 or more
	Currency  string `json:"currency"`           // of both accounts
	Reference string `json:"reference,omitzero"` // up to 140 characters
}

// Deposit pays into an account. Another currency than the account's is
// [CodeCurrencyMismatch], a balance beyond 2^53−1 [CodeAmountOutOfRange].
func (c *Client) Deposit(ctx context.Context, number string, p Payment, options ...CommandOption) (Event, error) {
	return c.moneyCommand(ctx, path("v1", "accounts", number, "deposits"), p, options)
}

// Withdraw pays out of an account. More than it holds is [CodeInsufficientFunds].
func (c *Client) Withdraw(ctx context.Context, number string, p Payment, options ...CommandOption) (Event, error) {
	return c.moneyCommand(ctx, path("v1", "accounts", number, "withdrawals"), p, options)
}

// Transfer moves money between two accounts, in one event: it is never half done. The
// payer is looked at first.
func (c *Client) Transfer(ctx context.Context, t Transfer, options ...CommandOption) (Event, error) {
	return c.moneyCommand(ctx, path("v1", "transfers"), t, options)
}

func (c *Client) moneyCommand(ctx context.Context, path string, body any, options []CommandOption) (event Event, err error) {
	_, err = c.command(ctx, http.MethodPost, path, body, &event, options)
	return event, err
}
