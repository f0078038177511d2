package api

import (
	"fmt"
	"net/url"
	"strings"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// params are the query parameters of a request that its operation knows, each at
// most once and none empty, /readyz?verbose aside. Others are passed over, since
// they can't be meant for this service; those that differ from a known one only
// in case are refused, since they must be.
type params map[string]string

func parseParams(query string, known []string) (params, error) {
	if query == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, newProblem(codeBadParameter, "the query is not name=value pairs, percent-encoded and joined with &").because(err)
	}
	found := params{}
	for _, name := range known {
		switch given := values[name]; {
		case len(given) > 1:
			return nil, badParameter(name, "stands more than once: send one")
		case len(given) == 1 && given[0] == "" && name != "verbose":
			return nil, badParameter(name, "is empty: give it a value or leave it out")
		case len(given) == 1:
			found[name] = given[0]
		}
		for other := range values {
			if other != name && strings.EqualFold(other, name) {
				return nil, newProblem(codeBadParameter, "there is no such query parameter: did you mean "+name+"?")
			}
		}
	}
	return found, nil
}

func badParameter(name, detail string) error {
	return newProblem(codeBadParameter, "the query parameter "+name+" "+detail)
}

// The number of items on a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

func (p params) limit() (int, error) { return p.number("limit", defaultLimit, 1, maxLimit) }

// number takes a whole number from least to most; fallback when it was left out.
func (p params) number(name string, fallback, least, most int) (int, error) {
	text, given := p[name]
	if !given {
		return fallback, nil
	}
	n, ok := parsePosition(text)
	if !ok || int(n) < least || int(n) > most {
		return 0, badParameter(name, fmt.Sprintf("takes a whole number from %d to %d", least, most))
	}
	return int(n), nil
}

// position is 0 when the parameter was left out.
func (p params) position(name string) (eventstore.Position, error) {
	text, given := p[name]
	if !given {
		return 0, nil
	}
	pos, ok := parsePosition(text)
	if !ok {
		return 0, badParameter(name, "takes the seq of an event, in digits, or 0")
	}
	return pos, nil
}

// flag is false when the parameter was left out.
func (p params) flag(name string) (bool, error) {
	switch text, given := p[name]; {
	case text == "true":
		return true, nil
	case !given, text == "false":
		return false, nil
	}
	return false, badParameter(name, "takes true or false")
}

// descending tells whether the order asked for is newest first.
func (p params) descending() (bool, error) {
	switch text, given := p["order"]; {
	case text == "desc":
		return true, nil
	case !given, text == "asc":
		return false, nil
	}
	return false, badParameter("order", "takes asc or desc")
}

// verbose is a flag that needs no value.
func (p params) verbose() (bool, error) {
	if text, given := p["verbose"]; given && text == "" {
		return true, nil
	}
	return p.flag("verbose")
}

// events is the filter of a list or a stream of events.
func (p params) events() journal.Filter {
	return journal.Filter{Type: p["type"], Subject: p["subject"]}
}
