package api

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"openpayment/account"
	"openpayment/eventstore"
)

// timeLayout is RFC 3339 with exactly three decimals; times are UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

func wireTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// wireAccount is an account's JSON form.
type wireAccount struct {
	AccountNumber account.Number   `json:"accountNumber"`
	SortCode      string           `json:"sortCode"`
	CustomerURLs  []string         `json:"customerURLs"`
	CardURLs      []string         `json:"cardURLs"`
	Currency      account.Currency `json:"currency"`
	Balance       int64            `json:"balance"`
	Status        account.Status   `json:"status"`
	Version       int64            `json:"version"`
	OpenedAt      string           `json:"openedAt"`
	UpdatedAt     string           `json:"updatedAt"`
}

func toWire(a *account.Account) wireAccount {
	return wireAccount{
		AccountNumber: a.Number, SortCode: a.SortCode,
		CustomerURLs: a.CustomerURLs, CardURLs: a.CardURLs,
		Currency: a.Currency, Balance: a.Balance, Status: a.Status, Version: a.Version,
		OpenedAt: wireTime(a.OpenedAt), UpdatedAt: wireTime(a.UpdatedAt),
	}
}

// appendAccount appends what encode makes of an account's JSON form, in a fraction of the
// time: a service is asked for nothing as often as for one account.
func appendAccount(b []byte, a *account.Account) []byte {
	b = appendText(append(b, `{"accountNumber":`...), string(a.Number))
	b = appendText(append(b, `,"sortCode":`...), a.SortCode)
	b = appendTexts(append(b, `,"customerURLs":`...), a.CustomerURLs)
	b = appendTexts(append(b, `,"cardURLs":`...), a.CardURLs)
	b = appendText(append(b, `,"currency":`...), string(a.Currency))
	b = strconv.AppendInt(append(b, `,"balance":`...), a.Balance, 10)
	b = appendText(append(b, `,"status":`...), string(a.Status))
	b = strconv.AppendInt(append(b, `,"version":`...), a.Version, 10)
	b = a.OpenedAt.UTC().AppendFormat(append(b, `,"openedAt":"`...), timeLayout)
	b = a.UpdatedAt.UTC().AppendFormat(append(b, `","updatedAt":"`...), timeLayout)
	return append(b, `"}`...)
}

// appendText appends s as JSON. Bytes that are no UTF-8 become replacement characters,
// as encode has it: that they were there is the error.
func appendText(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

func appendTexts(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

// wireEvent is an event's JSON form. Data is as it stands in the log.
type wireEvent struct {
	Seq     eventstore.Position `json:"seq"`
	ID      string              `json:"id,omitzero"` // left out of dry runs only, as is Hash
	Type    string              `json:"type"`
	Subject string              `json:"subject"`
	Time    string              `json:"time"`
	Meta    wireMeta            `json:"meta"`
	Data    jsontext.Value      `json:"data"`
	Hash    string              `json:"hash,omitzero"`
}

// wireMeta is an event's meta as a JSON object.
type wireMeta eventstore.Meta

// MarshalJSONTo implements [json.MarshalerTo].
func (m wireMeta) MarshalJSONTo(to *jsontext.Encoder) error {
	failed := to.WriteToken(jsontext.BeginObject)
	for i := 0; i < len(m) && failed == nil; i++ {
		if failed = to.WriteToken(jsontext.String(m[i].Name)); failed == nil {
			failed = to.WriteToken(jsontext.String(m[i].Value))
		}
	}
	if failed != nil {
		return failed
	}
	return to.WriteToken(jsontext.EndObject)
}

func eventToWire(ev eventstore.Event) wireEvent {
	return wireEvent{
		Seq: ev.Seq, ID: ev.ID.String(), Type: ev.Type, Subject: ev.Subject, Time: wireTime(ev.Time),
		Meta: wireMeta(ev.Meta), Data: jsontext.Value(ev.Data), Hash: ev.Hash.String(),
	}
}

// page is a part of a list.
type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"nextCursor,omitzero"`
}

// logPage is a part of the log.
type logPage struct {
	Items     []wireEvent         `json:"items"`
	NextAfter eventstore.Position `json:"nextAfter"`
	Head      eventstore.Position `json:"head"`
}

// mapped is f of every element, never nil.
func mapped[S, T any](from []S, f func(S) T) []T {
	to := make([]T, len(from))
	for i, s := range from {
		to[i] = f(s)
	}
	return to
}
