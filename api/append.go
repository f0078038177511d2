package api

import (
	"net/http"
	"strconv"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// appendEvents appends events of other services, all or none. The checks come in the
// order of [call.carryOut].
func appendEvents(c *call) error {
	options, err := c.options()
	if err != nil {
		return err
	}
	c.dryRun = options.DryRun
	if len(c.r.Header.Values("If-Match")) > 0 {
		return badHeader("If-Match", "has no meaning here: use the member precondition of an application/json body")
	}
	if len(c.r.Header.Values("Ce-Specversion")) > 0 {
		return badHeader("Ce-Specversion", "is of a CloudEvent in binary mode, which is not taken: send it in structured mode, as "+mediaCloudEvent)
	}
	if options.Key.Given() {
		if err := checkDocument(c.body); err != nil {
			return err
		}
		outs, found, err := c.replayedAll(options.Key)
		if err != nil {
			return err
		}
		if found {
			return c.answerAppended(outs, options)
		}
	}
	foreign, err := c.readForeign()
	if err != nil {
		return err
	}
	if err := c.mayAppend(foreign); err != nil {
		return err
	}
	outs, err := c.service.Append(c.context(), foreign, options)
	if err != nil {
		return err
	}
	return c.answerAppended(outs, options)
}

func (c *call) readForeign() (journal.Foreign, error) {
	switch c.media {
	case mediaCloudEvent:
		return readCloudEvent(c.body)
	case mediaCloudEvents:
		return readCloudEvents(c.body)
	}
	return readForeign(c.body)
}

// mayAppend is nil if whoever asks may append about all the subjects, and ask for the
// version of the precondition's.
func (c *call) mayAppend(f journal.Foreign) error {
	subjects := mapped(f.Events, func(p eventstore.Proposal) string { return p.Subject })
	if f.Precondition != nil {
		subjects = append(subjects, f.Precondition.Subject)
	}
	return c.covers(subjects...)
}

// answerAppended answers with the events as they stand in the log. A dry run's are no
// CloudEvents, which have ids.
func (c *call) answerAppended(outs []journal.Outcome, o journal.Options) error {
	last := outs[len(outs)-1]
	c.out = last
	if last.Replayed {
		c.w.Header().Set("Idempotency-Replayed", "true")
	}
	c.bulkHeader(last.Position, last.Position, o)
	body := page[wireEvent]{Items: mapped(outs, func(out journal.Outcome) wireEvent { return outcomeToWire(out.Event, o) })}
	if o.DryRun {
		return c.reply(http.StatusCreated, mediaJSON, body)
	}
	if len(outs) == 1 {
		c.w.Header().Set("Location", "/v1/events/"+strconv.FormatInt(int64(last.Position), 10))
		if preferred(c.r.Header, mediaJSON, mediaCloudEvents, mediaCloudEvent) == mediaCloudEvent {
			c.w.Header().Set("Vary", "Accept")
			return c.reply(http.StatusCreated, mediaCloudEvent, c.toCloud(last.Event))
		}
	}
	return c.replyEvents(http.StatusCreated, mapped(outs, func(out journal.Outcome) eventstore.Event { return out.Event }), body)
}
