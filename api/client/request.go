package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// request is what is sent, once or several times.
type request struct {
	method, path string // the path is escaped
	query        url.Values
	header       http.Header
	body         []byte
	// changes tells that something may have been done when there is no answer.
	changes bool
	// repeatable tells that it does no harm to send it again even then.
	repeatable bool
	limit      time.Duration // of one try; 0: the policy's
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
	tries  int // how many it took
}

// do sends r until there is an answer that settles it.
func (c *Client) do(ctx context.Context, r request) (answer, error) {
	waiting := c.patience()
	unsure := false
	for {
		node := c.nodes.ask()
		a, sent, err := c.try(ctx, node, r)
		if a.tries = waiting.tries + 1; err == nil {
			return a, nil
		}
		v := judge(err, sent)
		unsure = unsure || v.unsure && r.changes
		if v.again {
			c.nodes.failed(node)
		}
		if !v.again || unsure && !r.repeatable || !waiting.next(ctx, v.after) {
			if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
				err = fmt.Errorf("%w: %w", ended, err)
			}
			if unsure {
				err = r.unsure(err)
			}
			return a, err
		}
	}
}

// unsure is err for a request that may have been carried out.
func (r *request) unsure(err error) error {
	return &UnsureError{Key: r.header.Get(headerKey), Err: err}
}

// ask sends r until there is an answer that settles it, and reads that. A success that
// can't be read may be one all the same.
func (c *Client) ask(ctx context.Context, r request, into checked) (answer, error) {
	a, err := c.do(ctx, r)
	if err != nil {
		return a, err
	}
	if err = a.decode(into); err != nil && r.changes {
		err = r.unsure(err)
	}
	return a, err
}

// try sends r once, within its limit, and tells whether it may have been sent.
func (c *Client) try(ctx context.Context, node int64, r request) (answer, bool, error) {
	limit := c.retry.Try
	if r.limit > 0 {
		limit = r.limit
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a, sent, err := c.exchange(limited, node, r)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w within %s", ErrNoAnswer, limit) // and not the error of the caller's context
	}
	return a, sent, err
}

func (c *Client) exchange(ctx context.Context, node int64, r request) (a answer, sent bool, err error) {
	response, sent, err := c.open(ctx, node, r)
	if err != nil {
		return answer{}, sent, err
	}
	defer response.Body.Close()
	a = answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return a, true, fmt.Errorf("%w but half of one: %w", ErrNoAnswer, err)
	}
	switch {
	case a.status >= http.StatusBadRequest:
		return a, true, refusal(a.status, a.header, a.body)
	case a.status >= http.StatusMultipleChoices:
		return a, true, &statusError{status: a.status}
	}
	return a, true, nil
}

// open sends r once, and gives the answer with its body still to be read. Nothing was
// sent if a connection was sought and not found.
func (c *Client) open(ctx context.Context, node int64, r request) (response *http.Response, sent bool, err error) {
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	var seeking atomic.Bool // a connection, and there is none yet; set on any goroutine
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { seeking.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { seeking.Store(false) },
	})
	target := c.nodes.urls[node] + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, false, err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", c.agent)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if response, err = c.http.Do(req); err != nil {
		return nil, !seeking.Load(), fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return response, true, nil
}

// checked takes an answer, which may turn out to be no such thing.
type checked interface {
	complete() bool // it has what there always is
	what() string   // in words
}

// decode reads an answer's body, unless into is nil; what is no JSON, or lacks what
// there always is, came from somebody else.
func (a answer) decode(into checked) error {
	if into == nil {
		return nil
	}
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err := json.Unmarshal(a.body, into); media != "application/json" || err != nil || !into.complete() {
		return foreign("its answer is no " + into.what())
	}
	return nil
}

// path joins segments, escaped, to a path.
func path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteString("/" + url.PathEscape(s))
	}
	return b.String()
}
