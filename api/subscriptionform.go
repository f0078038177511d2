package api

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"openpayment/eventstore"
	"openpayment/eventstore/subscriptions"
)

// readDefinition reads what a subscription is to be.
func readDefinition(body []byte) (subscriptions.Definition, error) {
	f, err := readForm(body, []string{"filter", "start"}, []string{"name", "acked", "head", "lag", "createdAt", "reader"})
	if err != nil {
		return subscriptions.Definition{}, err
	}
	var d subscriptions.Definition
	if value, given := f.members["filter"]; given {
		part := f.part([]string{"type", "subject"}, nil)
		if part.fill(value) {
			d.Filter = subscriptions.Filter{Type: part.chosen("type"), Subject: part.chosen("subject")}
			part.checkNames()
		}
		f.absorb(pointer("filter"), part)
	}
	d.Start = f.start("start")
	return d, f.finish()
}

// chosen takes the type or the subject that events are to have, empty for any.
func (f *form) chosen(name string) string {
	given := orZero(f.text(name, false))
	if len(given) > eventstore.MaxNameBytes || !printableText(given) {
		f.fault(pointer(name), fmt.Sprintf("must be printable characters, of %d bytes at most", eventstore.MaxNameBytes))
	}
	return given
}

// start takes where a subscription begins, empty if it was left out.
func (f *form) start(name string) string {
	value, given := f.members[name]
	switch {
	case !given:
		return ""
	case value.Kind() == jsontext.KindString:
		if word := unquote(value); word == subscriptions.StartBeginning || word == subscriptions.StartEnd {
			return word
		}
	case value.Kind() == jsontext.KindNumber:
		if at, ok := wholeNumber(string(value)); ok && at >= 0 && at <= maxPosition {
			return subscriptions.StartBehind(eventstore.Position(at))
		}
	}
	f.fault(pointer(name), "must be beginning, end, or the seq of the event to begin behind, as a number")
	return ""
}

// readAck reads which event is acknowledged.
func readAck(body []byte) (eventstore.Position, error) {
	const name = "seq"
	f, err := readForm(body, []string{name}, nil)
	if err != nil {
		return 0, err
	}
	value, given := f.members[name]
	seq, ok := int64(0), false
	if given && value.Kind() == jsontext.KindNumber {
		seq, ok = wholeNumber(string(value))
	}
	switch {
	case !given:
		f.fault(pointer(name), "is required")
	case !ok || seq < 1 || seq > maxPosition:
		f.fault(pointer(name), "must be the seq of an event, as a number")
	}
	return eventstore.Position(seq), f.finish()
}

// beyond makes of the refusal of a position that of the field that it stood in.
func beyond(name string, err error) error {
	refused, ok := errors.AsType[*subscriptions.BeyondError](err)
	if !ok {
		return err
	}
	f := newForm([]string{name}, nil, 1)
	f.fault(pointer(name), fmt.Sprintf("is beyond the log, which ends at %d", refused.Head))
	return f.problem()
}

// maxWait is how long a page may be waited for.
const maxWait = 30 * time.Second

// wait is 0 when the parameter was left out.
func (p params) wait() (time.Duration, error) {
	seconds, err := p.number("wait", 0, 0, int(maxWait/time.Second))
	return time.Duration(seconds) * time.Second, err
}
