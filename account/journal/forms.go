package journal

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"openpayment/account"
)

// The event types of this service, as they stand in the log.
const (
	TypeOpened  = "account.opened"
	TypeUpdated = "account.updated"
	TypeClosed  = "account.closed"

	TypeDeposited   = "funds.deposited"
	TypeWithdrawn   = "funds.withdrawn"
	TypeTransferred = "funds.transferred"
)

// The forms of the data. These are stored for ever: golden files pin them, and a
// change is a new version beside them, with its place in types.go.
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
	// movedV1 is that of deposits and withdrawals.
	movedV1 struct {
		AccountNumber account.Number   `json:"accountNumber"`
		Amount        int64            `json:"amount"`
		Currency      account.Currency `json:"currency"`
		Reference     optionalText     `json:"reference,omitzero"`
	}
	transferredV1 struct {
		From      account.Number   `json:"from"`
		To        account.Number   `json:"to"`
		Amount    int64            `json:"amount"`
		Currency  account.Currency `json:"currency"`
		Reference optionalText     `json:"reference,omitzero"`
	}
)

// optionalText is a text that is left out when it is empty, and that only.
type optionalText string

// UnmarshalJSONFrom refuses null and the empty text: they are other ways of
// saying what leaving it out says.
func (t *optionalText) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var s *string
	err := json.UnmarshalDecode(dec, &s)
	switch {
	case err != nil:
		return err
	case s == nil || *s == "":
		return errNotWhole
	}
	*t = optionalText(*s)
	return nil
}

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

func (d movedV1) whole() bool {
	return closedV1{d.AccountNumber}.whole() && d.Amount > 0 && d.Currency != ""
}

func (d transferredV1) whole() bool {
	return movedV1{d.To, d.Amount, d.Currency, d.Reference}.whole() && closedV1{d.From}.whole()
}

var errNotWhole = errors.New("the data lacks a member, or is about no account number")

// parse is strict: a member that is not known would be a fact ignored, one that
// is left out or null a fact made up.
func parse[F form](data string) (*F, error) {
	d := new(F)
	if quick, ok := any(d).(plainForm); ok {
		p := plain{rest: data}
		if quick.readPlain(&p); p.done() && (*d).whole() {
			return d, nil
		}
		*d = *new(F)
	}
	err := json.Unmarshal([]byte(data), d, json.RejectUnknownMembers(true))
	if err == nil && !(*d).whole() {
		err = errNotWhole
	}
	return d, err
}
