package client

import (
	"context"
	"net/http"
)

// NewEvent is an event of another service, to be appended to the log.
type NewEvent struct {
	Type    string `json:"type"`    // in the past tense, with dots: customer.renamed
	Subject string `json:"subject"` // what it is about: customers/1
	Data    any    `json:"data"`    // the facts: what becomes a JSON object, of 64 KiB at most
}

// Append is what is appended at once.
type Append struct {
	// Events are 1 to 1,000. Types that begin with "account." or "funds." are the
	// service's own.
	Events []NewEvent `json:"events"`
	// Precondition, unless it is nil, must hold, or nothing is appended.
	Precondition *Precondition `json:"precondition,omitzero"`
}

// Precondition is that the last event of a subject is at this position; 0: that there
// is none.
type Precondition struct {
	Subject string   `json:"subject"`
	Version Position `json:"version"`
}

// AppendEvents appends events of other services, all or none, side by side in the log,
// and gives them as they stand there. A precondition that does not hold is
// [CodeVersionMismatch], a type that is the service's own [CodeTypeReserved].
func (c *Client) AppendEvents(ctx context.Context, a Append, options ...CommandOption) ([]Event, error) {
	var p page[Event]
	_, err := c.command(ctx, http.MethodPost, "/v1/events", a, &p, options)
	return p.Items, err
}
