package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Subscription is a place in the log that the service remembers for somebody.
type Subscription struct {
	Name      string             `json:"name"`
	Filter    SubscriptionFilter `json:"filter"`
	Start     Start              `json:"start"`
	Acked     Position           `json:"acked"` // up to here nothing is given any more
	Head      Position           `json:"head"`  // of the log
	Lag       Position           `json:"lag"`   // how far Acked is behind it
	CreatedAt time.Time          `json:"createdAt"`
	Reader    *string            `json:"reader"` // the id of the last that came; nil: there was none
}

func (s *Subscription) complete() bool { return s.Name != "" }
func (*Subscription) what() string     { return "subscription" }

// SubscriptionFilter says which events are wanted. The zero one is all.
type SubscriptionFilter struct {
	Type    string `json:"type,omitzero"`    // exactly this; empty: any
	Subject string `json:"subject,omitzero"` // exactly this; empty: any
}

// Start is where a subscription begins.
type Start string

// The places where a subscription can begin that have a name.
const (
	StartBeginning Start = "beginning" // of the log
	StartEnd       Start = "end"       // of the log, as it was when the subscription was made
)

// StartBehind begins with the first event behind p.
func StartBehind(p Position) Start { return Start(strconv.FormatInt(int64(p), 10)) }

// MarshalJSON implements [json.Marshaler]: a position is a number.
func (s Start) MarshalJSON() ([]byte, error) {
	if _, err := strconv.ParseInt(string(s), 10, 64); err == nil {
		return []byte(s), nil
	}
	return json.Marshal(string(s))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Start) UnmarshalJSON(text []byte) error {
	var p Position
	if err := json.Unmarshal(text, &p); err == nil {
		*s = StartBehind(p)
		return nil
	}
	return json.Unmarshal(text, (*string)(s))
}

// SubscriptionDefinition is what a subscription is to be.
type SubscriptionDefinition struct {
	Filter SubscriptionFilter `json:"filter"`
	Start  Start              `json:"start,omitzero"` // empty: StartBeginning, or where it has begun
}

func subscriptionPath(name string, more ...string) string {
	return path(append([]string{"v1", "subscriptions", name}, more...)...)
}

// PutSubscription makes a subscription, or gives the one there is another filter. One
// that there is and begins elsewhere is [CodeSubscriptionExists].
func (c *Client) PutSubscription(ctx context.Context, name string, d SubscriptionDefinition) (s Subscription, err error) {
	err = c.administer(ctx, request{method: http.MethodPut, path: subscriptionPath(name), repeatable: true}, d, &s)
	return s, err
}

// Subscription reads how far a subscription has come. One that there is not is
// [CodeSubscriptionNotFound].
func (c *Client) Subscription(ctx context.Context, name string, options ...ReadOption) (s Subscription, err error) {
	err = c.get(ctx, subscriptionPath(name), nil, &s, options)
	return s, err
}

// Subscriptions gives all subscriptions that the token may see.
func (c *Client) Subscriptions(ctx context.Context, options ...ReadOption) ([]Subscription, error) {
	var p page[Subscription]
	err := c.get(ctx, path("v1", "subscriptions"), nil, &p, options)
	return p.Items, err
}

// DeleteSubscription has the service forget a subscription; whoever reads it is told.
func (c *Client) DeleteSubscription(ctx context.Context, name string) error {
	err := c.administer(ctx, request{method: http.MethodDelete, path: subscriptionPath(name), repeatable: true}, nil, nil)
	if _, unsure := errors.AsType[*UnsureError](err); unsure && IsCode(err, CodeSubscriptionNotFound) {
		return nil // an earlier try, whose answer was lost
	}
	return err
}

// Acknowledge has the service never give the events up to seq again, and gives how far
// that is in all: it never goes back. [Client.Follow] does it by itself.
func (c *Client) Acknowledge(ctx context.Context, name string, seq Position) (Position, error) {
	var a acknowledged
	r := request{method: http.MethodPost, path: subscriptionPath(name, "ack"), repeatable: true}
	err := c.administer(ctx, r, map[string]Position{"seq": seq}, &a)
	return a.Acked, err
}

type acknowledged struct {
	Acked Position `json:"acked"`
}

func (a *acknowledged) complete() bool { return a.Acked > 0 }
func (*acknowledged) what() string     { return "acknowledgement" }
