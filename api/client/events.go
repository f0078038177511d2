package client

import (
	"context"
	"encoding/json"
	"iter"
	"math"
	"net/url"
	"strconv"
	"time"
)

// Event is one of the log.
type Event struct {
	Seq     Position          `json:"seq"`
	ID      string            `json:"id,omitzero"` // a UUID; empty of a dry run, as is Hash
	Type    string            `json:"type"`        // such as funds.deposited
	Subject string            `json:"subject"`     // such as accounts/12345678
	Time    time.Time         `json:"time"`
	Meta    map[string]string `json:"meta"` // idempotencyKey, requestId and others
	Data    json.RawMessage   `json:"data"` // the facts, as they stand in the log
	Hash    string            `json:"hash,omitzero"`
}

func (e *Event) complete() bool { return e.Seq > 0 }
func (*Event) what() string     { return "event" }

// EventQuery says which events are wanted. The zero one is the whole log.
type EventQuery struct {
	After    Position // only those behind it
	Type     string   // exactly this; empty: any
	Subject  string   // exactly this; a transfer is about both accounts; empty: any
	PageSize int      // how many to ask for at once, up to 1000; 0: 100
}

func (q EventQuery) values() url.Values {
	query := make(url.Values)
	setNumber(query, "after", q.After)
	setText(query, "type", q.Type)
	setText(query, "subject", q.Subject)
	setNumber(query, "limit", q.PageSize)
	return query
}

// eventPage is a part of the log.
type eventPage struct {
	Items     []Event  `json:"items"`
	NextAfter Position `json:"nextAfter"`
	Head      Position `json:"head"`
}

func (p *eventPage) complete() bool { return p.Items != nil }
func (*eventPage) what() string     { return "part of a log" }

func (c *Client) eventPage(ctx context.Context, q EventQuery, options []ReadOption) (p eventPage, err error) {
	err = c.get(ctx, path("v1", "events"), q.values(), &p, options)
	return p, err
}

// Events gives the events that the node has applied, in order, page by page, and ends
// with the last; [Client.Stream] goes on. A failure is the last thing given.
func (c *Client) Events(ctx context.Context, q EventQuery, options ...ReadOption) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for rest := q; ; {
			p, err := c.eventPage(ctx, rest, options)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, ev := range p.Items {
				if !yield(ev, nil) {
					return
				}
			}
			// A node that knows of more than it has applied ends with what it has.
			if p.NextAfter >= p.Head || p.NextAfter <= rest.After {
				return
			}
			rest.After = p.NextAfter
		}
	}
}

// Event reads the event at a position. One that the node does not have is
// [CodeEventNotFound]; [MinPosition] waits for one that there must be.
func (c *Client) Event(ctx context.Context, seq Position, options ...ReadOption) (event Event, err error) {
	err = c.get(ctx, path("v1", "events", strconv.FormatInt(int64(seq), 10)), nil, &event, options)
	return event, err
}

// lastPosition is beyond every log.
const lastPosition Position = math.MaxInt64 >> 10

// Head is the position of the last event that the node knows of; with [Strong], of the
// last there is.
func (c *Client) Head(ctx context.Context, options ...ReadOption) (Position, error) {
	p, err := c.eventPage(ctx, EventQuery{After: lastPosition, PageSize: 1}, options)
	return p.Head, err
}
