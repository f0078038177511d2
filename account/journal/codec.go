package journal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"openpayment/account"
	"openpayment/eventstore"
)

// The event types of this service, as they stand in the log.
const (
	TypeOpened  = "account.opened"
	TypeUpdated = "account.updated"
	TypeClosed  = "account.closed"
)

// metaDataVersion is the key in an event's meta that says how its data is to be
// read. Version 1 is not written.
const metaDataVersion = "dataVersion"

// The forms of the data. These are stored for ever: golden files pin them, and a
// change is a new version beside them.
type (
	openedV1 struct {
		AccountNumber account.Number   `json:"accountNumber"`
		SortCode      string           `json:"sortCode"`
		CustomerURLs  []string         `json:"customerURLs"`
		CardURLs      []string         `json:"cardURLs"`
		Currency      account.Currency `json:"currency"`
	}
	updatedV1 struct {
		AccountNumber account.Number `json:"accountNumber"`
		SortCode      string         `json:"sortCode"`
		CustomerURLs  []string       `json:"customerURLs"`
		CardURLs      []string       `json:"cardURLs"`
	}
	closedV1 struct {
		AccountNumber account.Number `json:"accountNumber"`
	}
)

// form is the data of one version of one type.
type form interface {
	// whole tells whether every member is there, and the account's number is one.
	whole() bool
}

func (d openedV1) whole() bool {
	return updatedV1{d.AccountNumber, d.SortCode, d.CustomerURLs, d.CardURLs}.whole() && d.Currency != ""
}

func (d updatedV1) whole() bool {
	return closedV1{d.AccountNumber}.whole() && d.SortCode != "" && d.CustomerURLs != nil && d.CardURLs != nil
}

func (d closedV1) whole() bool { return account.ValidNumber(string(d.AccountNumber)) }

var errNotWhole = errors.New("the data lacks a member, or is about no account number")

// Subject is what an account's events are about.
func Subject(n account.Number) string { return subjectPrefix + string(n) }

const subjectPrefix = "accounts/"

// Encode gives ev the form in which it is proposed to the log. What Decode would
// not read is an error: it must not get there, for it would stop every node.
func Encode(ev account.Event, meta map[string]string) (eventstore.Proposal, error) {
	p := eventstore.Proposal{Subject: Subject(ev.Accounts()[0]), Meta: meta}
	if v, taken := meta[metaDataVersion]; taken {
		return p, fmt.Errorf("meta %q is not the caller's to set, to %q", metaDataVersion, v)
	}
	var data form
	switch e := ev.(type) {
	case account.Opened:
		p.Type, data = TypeOpened, openedV1{e.Number, e.SortCode, e.CustomerURLs, e.CardURLs, e.Currency}
	case account.Updated:
		p.Type, data = TypeUpdated, updatedV1{e.Number, e.SortCode, e.CustomerURLs, e.CardURLs}
	case account.Closed:
		p.Type, data = TypeClosed, closedV1{e.Number}
	default:
		return p, fmt.Errorf("no event type is known for %T", ev)
	}
	if !data.whole() {
		return p, fmt.Errorf("%s: %w", p.Type, errNotWhole)
	}
	text, err := json.Marshal(data)
	p.Data = string(text)
	return p, err
}

// Reserved tells whether events of this type come from the commands of this
// service only. The account reducer passes over all others.
func Reserved(eventType string) bool {
	return strings.HasPrefix(eventType, "account.") || strings.HasPrefix(eventType, "funds.")
}

// Decode reads what Encode wrote, in every version there ever was. An event of
// another service is nil. An error means that a reserved type, its version or
// its data is not known here: most likely a newer node wrote it, and a state
// without it would be wrong.
func Decode(ev eventstore.Event) (account.Event, error) {
	if !Reserved(ev.Type) {
		return nil, nil
	}
	if v, ok := ev.Meta[metaDataVersion]; ok && v != "1" {
		return nil, &unreadable{seq: ev.Seq, typ: ev.Type, reason: fmt.Sprintf("this program does not know version %q of it", v)}
	}
	decoded, err := decodeV1(ev)
	if err != nil {
		return nil, err
	}
	if subject := Subject(decoded.Accounts()[0]); subject != ev.Subject {
		return nil, &unreadable{seq: ev.Seq, typ: ev.Type, reason: fmt.Sprintf("it is about %s, but its data about %s", ev.Subject, subject)}
	}
	return decoded, nil
}

func decodeV1(ev eventstore.Event) (account.Event, error) {
	switch ev.Type {
	case TypeOpened:
		d, err := parse[openedV1](ev)
		return account.Opened{Number: d.AccountNumber, SortCode: d.SortCode,
			CustomerURLs: d.CustomerURLs, CardURLs: d.CardURLs, Currency: d.Currency}, err
	case TypeUpdated:
		d, err := parse[updatedV1](ev)
		return account.Updated{Number: d.AccountNumber, SortCode: d.SortCode,
			CustomerURLs: d.CustomerURLs, CardURLs: d.CardURLs}, err
	case TypeClosed:
		d, err := parse[closedV1](ev)
		return account.Closed{Number: d.AccountNumber}, err
	default:
		return nil, &unreadable{seq: ev.Seq, typ: ev.Type, reason: "this program does not know the type"}
	}
}

// parse is strict: a member that is not known would be a fact ignored, one that
// is left out or null a fact made up.
func parse[F form](ev eventstore.Event) (F, error) {
	var d F
	err := json.Unmarshal([]byte(ev.Data), &d, json.RejectUnknownMembers(true))
	if err == nil && !d.whole() {
		err = errNotWhole
	}
	if err != nil {
		err = &unreadable{ev.Seq, ev.Type, "its data is not in a form that this program knows", err}
	}
	return d, err
}
