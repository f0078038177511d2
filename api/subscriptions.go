package api

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"openpayment/api/access"
	"openpayment/eventstore"
	"openpayment/eventstore/subscriptions"
)

// wireSubscription is a subscription's JSON form.
type wireSubscription struct {
	Name      string              `json:"name"`
	Filter    wireFilter          `json:"filter"`
	Start     jsontext.Value      `json:"start"` // a word, or a position as a number
	Acked     eventstore.Position `json:"acked"`
	Head      eventstore.Position `json:"head"`
	Lag       eventstore.Position `json:"lag"`
	CreatedAt string              `json:"createdAt"`
	Reader    *uuid.UUID          `json:"reader"` // null: nobody has come yet
}

type wireFilter struct {
	Type    string `json:"type,omitzero"`
	Subject string `json:"subject,omitzero"`
}

func subscriptionToWire(s subscriptions.Status) wireSubscription {
	w := wireSubscription{
		Name: s.Name, Filter: wireFilter(s.Filter()), Start: jsontext.Value(s.Start),
		Acked: s.Done().Position, Head: s.Head, Lag: s.Lag(), CreatedAt: wireTime(s.Created),
	}
	if s.Start == subscriptions.StartBeginning || s.Start == subscriptions.StartEnd {
		w.Start = jsontext.Value(`"` + s.Start + `"`)
	}
	if s.Reader != uuid.Nil {
		w.Reader = &s.Reader
	}
	return w
}

// subscriptions are the ones there are, if this service has any.
func (c *call) subscriptions() (*subscriptions.Registry, error) {
	all := c.service.Subscriptions()
	if all == nil {
		return nil, eventstore.NewError("subscriptions", eventstore.KindUnavailable, errors.New("there is no store for them"))
	}
	return all, nil
}

// caller is who asks, as subscriptions know it.
func (c *call) caller() subscriptions.Caller {
	return subscriptions.Caller{Name: c.principal.Name, All: c.principal.May(access.Admin), Subjects: c.principal.Subjects}
}

func listSubscriptions(c *call) error {
	all, err := c.subscriptions()
	if err != nil {
		return err
	}
	if err := c.fresh(); err != nil {
		return err
	}
	list, err := all.List(c.context(), c.caller())
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, mediaJSON, page[wireSubscription]{Items: mapped(list, subscriptionToWire)})
}

func getSubscription(c *call) error {
	all, err := c.subscriptions()
	if err != nil {
		return err
	}
	if err := c.fresh(); err != nil {
		return err
	}
	s, err := all.Get(c.context(), c.caller(), c.segment("name"))
	if err != nil {
		return c.foreign(err)
	}
	return c.reply(http.StatusOK, mediaJSON, subscriptionToWire(s))
}

func putSubscription(c *call) error {
	all, err := c.subscriptions()
	if err != nil {
		return err
	}
	definition, err := readDefinition(c.body)
	if err != nil {
		return err
	}
	name := c.segment("name")
	if !subscriptions.ValidName(name) {
		return newProblem(codeInvalid, "the name of a subscription, which the path ends with, has 1 to 64 letters, digits, dots, underscores and hyphens, and is not . or ..")
	}
	s, created, err := all.Put(c.context(), c.caller(), name, definition)
	if err != nil {
		return c.foreign(unsaved(beyond("start", err)))
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		c.w.Header().Set("Location", c.r.URL.EscapedPath())
	}
	return c.reply(status, mediaJSON, subscriptionToWire(s))
}

func deleteSubscription(c *call) error {
	all, err := c.subscriptions()
	if err != nil {
		return err
	}
	if err := all.Delete(c.context(), c.caller(), c.segment("name")); err != nil {
		return c.foreign(unsaved(err))
	}
	return c.reply(http.StatusNoContent, "", nil)
}

// wireAck is the answer to an acknowledgement: how far it is in all.
type wireAck struct {
	Acked eventstore.Position `json:"acked"`
}

func acknowledge(c *call) error {
	all, err := c.subscriptions()
	if err != nil {
		return err
	}
	seq, err := readAck(c.body)
	if err != nil {
		return err
	}
	acked, err := all.Ack(c.context(), c.caller(), c.segment("name"), seq)
	if err != nil {
		return c.foreign(unsaved(beyond("seq", err)))
	}
	return c.reply(http.StatusOK, mediaJSON, wireAck{acked})
}

// foreign says of a subscription that is not of the subjects that who asks is bound to
// what those are.
func (c *call) foreign(err error) error {
	if errors.Is(err, subscriptions.ErrOutside) {
		return c.outside(", and the filter of this subscription has no such subject")
	}
	return err
}

// unsaved says of a change whose outcome is unknown what to do: all of them may be made
// again.
func unsaved(err error) error {
	if eventstore.KindOf(err) != eventstore.KindUnknown {
		return err
	}
	return newProblem(codeOutcomeUnknown, "the change may have been saved, or may still be: send the request again, which does no harm").because(err)
}

// subscriptionProblem is what subscriptions refuse, and why they end; nil for anything
// else.
func subscriptionProblem(err error) *problem {
	switch {
	case errors.Is(err, subscriptions.ErrNotFound):
		return newProblem(codeNoSubscription, "there is no subscription of this name: make it with PUT")
	case errors.Is(err, subscriptions.ErrForbidden):
		return newProblem(codeForbidden, "the subscription belongs to another token: use the one it was made with, or one with the scope admin")
	case errors.Is(err, subscriptions.ErrStart):
		return newProblem(codeSubscribed, "there is a subscription of this name that begins elsewhere: leave start out to keep that; delete it, or take another name, to begin anew")
	case errors.Is(err, subscriptions.ErrTooMany):
		return newProblem(codeTooMany, "a log has 1000 subscriptions at most: delete those that nobody needs")
	case errors.Is(err, subscriptions.ErrSuperseded):
		return newProblem(codeSuperseded, "another reader of this subscription has come since, or its filter was changed: it has one reader at a time")
	case errors.Is(err, subscriptions.ErrDeleted):
		return newProblem(codeUnsubscribed, "the subscription was deleted while it was being read")
	case errors.Is(err, subscriptions.ErrClosing):
		return newProblem(codeShuttingDown, shuttingDownDetail)
	}
	return nil
}
