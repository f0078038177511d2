package api

import (
	"context"
	"net/http"

	"openpayment/eventstore"
	"openpayment/eventstore/subscriptions"
)

// subscriptionPage is some events of a subscription, and where it stands.
type subscriptionPage struct {
	Items []wireEvent         `json:"items"`
	Acked eventstore.Position `json:"acked"`
	Head  eventstore.Position `json:"head"`
	Lag   eventstore.Position `json:"lag"`
}

// readSubscription makes the client the subscription's reader: for a page, or for as
// long as a stream goes on, if it asks for one.
func readSubscription(c *call) error {
	limit, err := c.params.limit()
	if err != nil {
		return err
	}
	wait, err := c.params.wait()
	if err != nil {
		return err
	}
	unacked, err := c.params.number("maxUnacked", subscriptions.DefaultUnacked, 1, subscriptions.MaxUnacked)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.context(), c.h.cfg.RequestTimeout+wait)
	defer cancel()
	media := preferred(c.r.Header, mediaJSON, mediaCloudEvents, mediaSSE, mediaNDJSON)
	streams := media == mediaSSE || media == mediaNDJSON
	if !streams {
		c.r, unacked = c.r.WithContext(ctx), limit
	}
	if err := c.fresh(); err != nil {
		return err
	}
	all, err := c.subscriptions()
	if err != nil {
		return err
	}
	if c.r.Method == http.MethodHead { // nobody who reads
		if _, err := all.Get(ctx, c.caller(), c.segment("name")); err != nil {
			return c.foreign(err)
		}
		c.w.Header().Set("Vary", "Accept")
		c.w.Header().Set("Content-Type", media)
		return c.reply(http.StatusOK, "", nil)
	}
	reader, err := all.Read(ctx, c.caller(), c.segment("name"), unacked)
	if err != nil {
		return c.foreign(unsaved(err))
	}
	defer reader.Close()
	bound, stop := reader.Bind(c.context())
	defer stop()
	if streams {
		return c.stream(bound, reader, func() error {
			if err := c.authorize(c.op); err != nil {
				return err
			}
			return c.foreign(reader.May(c.caller()))
		})
	}
	events, err := reader.Page(bound, limit, wait)
	if err != nil {
		return err
	}
	status, err := reader.Confirm(c.context())
	if err != nil {
		return err
	}
	return c.replyEvents(http.StatusOK, events, subscriptionPage{mapped(events, eventToWire), status.Done().Position, status.Head, status.Lag()})
}
