package api

import (
	"net/http"
	"strconv"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// scanBudget is how many events one request looks through for those it wants.
// A page may come back short or empty; nextAfter says how far it got.
const scanBudget = 10_000

func listEvents(c *call) error {
	limit, err := c.params.limit()
	if err != nil {
		return err
	}
	after, err := c.params.position("after")
	if err != nil {
		return err
	}
	if err := c.fresh(); err != nil {
		return err
	}
	applied := c.service.Applied()
	events, next, err := c.scan(after, applied, limit)
	if err != nil {
		return err
	}
	head := max(c.service.Status().Head, applied)
	if next < head || c.wantsCloudEvents() { // a bare list has no nextAfter
		c.linkNext("after", strconv.FormatInt(int64(next), 10))
	}
	return c.replyEvents(http.StatusOK, events, logPage{
		Items: mapped(events, eventToWire), NextAfter: next, Head: head,
	})
}

// scan gives the wanted events behind a position, and the position to go on
// from.
func (c *call) scan(after, applied eventstore.Position, limit int) ([]eventstore.Event, eventstore.Position, error) {
	filter := c.params.events()
	chunk := limit
	if filter != (journal.Filter{}) {
		chunk = maxLimit
	}
	var found []eventstore.Event
	for scanned := 0; scanned < scanBudget && after < applied; scanned += chunk {
		events, err := c.service.Events(c.context(), after, applied, chunk)
		if err != nil {
			return nil, 0, err
		}
		for _, ev := range events {
			after = ev.Seq
			if filter.Matches(&ev) {
				if found = append(found, ev); len(found) == limit {
					return found, after, nil
				}
			}
		}
	}
	return found, after, nil
}

func getEvent(c *call) error {
	if err := c.fresh(); err != nil {
		return err
	}
	text := c.segment("seq")
	seq, ok := parsePosition(text)
	// One event has one path: no leading zeros.
	if !ok || seq < 1 || text[0] == '0' {
		return newProblem(codeEventNotFound, "events are numbered 1, 2, 3 and so on; there is no such event")
	}
	if seq > c.service.Applied() {
		return newProblem(codeEventNotFound, "this node has no such event; see Applied-Position, and Min-Position to wait for one that there must be")
	}
	ev, err := c.service.Event(c.context(), seq)
	if err != nil {
		return err
	}
	if err := c.coversEvent(ev); err != nil {
		return err
	}
	return c.replyEvent(ev)
}

// listHistory answers with the events that touched an account.
func listHistory(c *call) error {
	limit, err := c.params.limit()
	if err != nil {
		return err
	}
	descending, err := c.params.descending()
	if err != nil {
		return err
	}
	number := c.number()
	list := scope{"history", string(number), strconv.FormatBool(descending)}
	key, err := c.params.key(list, func(key string) bool {
		pos, ok := parsePosition(key)
		return ok && pos > 0
	})
	if err != nil {
		return err
	}
	if err := c.fresh(); err != nil {
		return err
	}
	from, _ := parsePosition(key) // 0 for the first page
	events, more, err := c.service.History(c.context(), number, from, descending, limit)
	if err != nil {
		return err
	}
	body := page[wireEvent]{Items: mapped(events, eventToWire)}
	if more {
		last := events[len(events)-1].Seq
		body.NextCursor = list.cursor(strconv.FormatInt(int64(last), 10))
		c.linkNext("cursor", body.NextCursor)
	}
	return c.replyEvents(http.StatusOK, events, body)
}

// linkNext says where the next page is: here, with one parameter changed.
func (c *call) linkNext(name, value string) {
	query := c.r.URL.Query()
	query.Set(name, value)
	c.w.Header().Set("Link", "<"+c.r.URL.EscapedPath()+"?"+query.Encode()+`>; rel="next"`)
}
