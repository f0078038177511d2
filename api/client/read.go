package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ReadOption says how new the answer to a read has to be.
type ReadOption func(*freshness)

type freshness struct {
	least  Position
	strong bool
}

// MinPosition has a read wait until the node that is asked has applied this event.
func MinPosition(p Position) ReadOption {
	return func(f *freshness) { f.least = max(f.least, p) }
}

// Strong has a read show everything that was in the log when it arrived, whichever
// node wrote it.
func Strong() ReadOption { return func(f *freshness) { f.strong = true } }

// get reads what stands at a path.
func (c *Client) get(ctx context.Context, path string, query url.Values, into checked, options []ReadOption) error {
	var f freshness
	for _, option := range options {
		option(&f)
	}
	if c.ownWrites {
		f.least = max(f.least, Position(c.newest.Load()))
	}
	r := request{method: http.MethodGet, path: path, query: query, header: make(http.Header), repeatable: true}
	if f.least > 0 {
		r.header.Set("Min-Position", strconv.FormatInt(int64(f.least), 10))
	}
	if f.strong {
		r.header.Set("Consistency", "strong")
	}
	_, err := c.ask(ctx, r, into)
	return err
}

// timeLayout is how the service writes times.
const timeLayout = "2006-01-02T15:04:05.000Z"

func timeText(t time.Time) string { return t.UTC().Format(timeLayout) }

// setText sets a parameter that is left out when it is empty.
func setText(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// setNumber sets a parameter that is left out when it is 0.
func setNumber[N ~int | ~int64](query url.Values, name string, value N) {
	if value != 0 {
		query.Set(name, strconv.FormatInt(int64(value), 10))
	}
}

// page is a part of a list.
type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"nextCursor"`
}

func (p *page[T]) complete() bool { return p.Items != nil }
func (*page[T]) what() string     { return "list" }

// pages are the items of a list, page by page. A failure is the last thing that is
// given.
func pages[T any](ctx context.Context, c *Client, path string, query url.Values, options []ReadOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for {
			var p page[T]
			if err := c.get(ctx, path, query, &p, options); err != nil {
				yield(none, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.NextCursor == "" {
				return
			}
			query.Set("cursor", p.NextCursor)
		}
	}
}
