package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// StreamQuery says which events are wanted, and who is told what. The zero one is the
// whole log, and then what is appended to it.
type StreamQuery struct {
	After   Position // only those behind it
	Type    string   // exactly this; empty: any
	Subject string   // exactly this; a transfer is about both accounts; empty: any

	// CaughtUp, unless it is nil, is called once: when everything has been given that
	// was in the log when the stream began, which ended with this position.
	CaughtUp func(Position)
	// Disconnected, unless it is nil, is called whenever the stream was cut off, with
	// the reason and the time until it is tried again.
	Disconnected func(err error, retryIn time.Duration)
}

// Stream gives events in order, each once: those there are, then those that come,
// without a gap, until ctx ends. Cut off, by whatever, it goes on by itself behind the
// last event, on another node if there is one. CaughtUp and Disconnected are called in
// between, by the same goroutine. There is no hurry: nothing is kept for the loop's next
// round but what is on the way, and a service that has given up waiting is asked again.
//
// An error is the last thing given: that of ctx; a refusal that asking again will not
// change; or that the service could not be reached within the [RetryPolicy] to begin
// with. Once there was a connection, it is tried for as long as ctx lasts.
func (c *Client) Stream(ctx context.Context, q StreamQuery) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		query := make(url.Values)
		setNumber(query, "after", q.After)
		setText(query, "type", q.Type)
		setText(query, "subject", q.Subject)
		f := &feed{
			c: c, path: "/v1/events/stream", query: query, last: q.After, resumes: true,
			gapless: q.Type == "" && q.Subject == "", caughtUp: q.CaughtUp, disconnected: q.Disconnected,
		}
		err := f.run(ctx, func(ev Event) error {
			if !yield(ev, nil) {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			yield(Event{}, err)
		}
	}
}

// errEnough ends a feed of which no more is wanted.
var errEnough = errors.New("enough")

// feed is a stream of events, over one connection after another.
type feed struct {
	c            *Client
	path         string
	query        url.Values
	last         Position // the newest there is no need to be told of
	resumes      bool     // behind last; otherwise the service knows where
	gapless      bool     // every event is wanted
	caughtUp     func(Position)
	disconnected func(error, time.Duration)
	refused      error // by whom the events are delivered to: it ends the feed
}

// run delivers until something ends it for good, and gives that.
func (f *feed) run(ctx context.Context, deliver func(Event) error) error {
	waiting, reached := f.c.patience(), false
	for {
		node := f.c.nodes.ask()
		progress, err := f.connect(ctx, node, deliver)
		if f.refused != nil || ctx.Err() != nil {
			return cmp.Or(f.refused, ctx.Err())
		}
		if progress {
			waiting, reached = f.c.patience(), true
		}
		v := judge(err, false)
		if !v.again {
			return err
		}
		f.c.nodes.failed(node)
		wait := waiting.wait(v.after)
		if !reached && waiting.over(wait) {
			return err
		}
		if f.disconnected != nil {
			f.disconnected(err, wait)
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// What cuts a stream off that says no goodbye.
var (
	errSilent = fmt.Errorf("%w for too long: the connection is taken for dead", ErrNoAnswer)
	errSlow   = fmt.Errorf("%w for too long", ErrNoAnswer)
	errCutOff = fmt.Errorf("%w any more: the connection has ended", ErrNoAnswer)
)

// connect delivers what comes over one connection, and tells whether anything came.
func (f *feed) connect(ctx context.Context, node int64, deliver func(Event) error) (progress bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	early := time.AfterFunc(f.c.retry.Try, func() { cancel(errSlow) })
	response, _, err := f.c.open(ctx, node, f.request())
	if err == nil && response.StatusCode != http.StatusOK {
		err = readRefusal(response)
	}
	early.Stop()
	if err != nil {
		return false, because(ctx, err)
	}
	defer response.Body.Close()
	if media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); media != mediaStream {
		return false, foreign("its answer is no stream")
	}
	dead := time.AfterFunc(f.c.retry.Silence, func() { cancel(errSilent) })
	defer dead.Stop()
	for in := newFrames(watched{response.Body, f.c.retry.Silence, dead}); ; progress = true {
		m, err := in.next()
		if err != nil || ctx.Err() != nil {
			return progress, because(ctx, errCutOff)
		}
		if err := f.take(m, deliver); err != nil {
			return true, err
		}
	}
}

// because is the reason for which a connection's context was ended, or else err.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

const mediaStream = "text/event-stream"

func (f *feed) request() request {
	r := request{method: http.MethodGet, path: f.path, query: f.query, header: http.Header{"Accept": {mediaStream}}}
	if f.resumes && f.last > 0 {
		r.header.Set("Last-Event-ID", strconv.FormatInt(int64(f.last), 10))
	}
	return r
}
