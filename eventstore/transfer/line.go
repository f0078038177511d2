// Package transfer takes logs from one store to another, directly or through a
// file, without changing anything about them: positions, ids, times and hashes
// stay, and the hash chain is verified on the way.
//
// # The file
//
// JSON Lines: one event a line, in order from the first, each line ended by \n.
// An event looks as it does in the API, without a blank: seq, id, type, subject,
// time, meta (keys sorted), data, hash. Since the hash is taken over the data
// byte by byte, data stands in the line exactly as it is in the log; data that
// would not survive this (a line break between its members, a name used twice, or
// no JSON at all) stands as text, in dataText. This is a stored format: it never
// changes, and a golden line pins it. An event has only one such form, and a line
// in any other is refused.
package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"openpayment/eventstore"
)

// timeLayout is RFC 3339 with exactly three decimals; times are UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// maxNesting is up to how many brackets data stands in a line as it is. Deeper
// than 10,000 levels, JSON parsers give up.
const maxNesting = 1000

// AppendLine appends the line of ev to buf, without the line's end.
func AppendLine(buf []byte, ev eventstore.Event) ([]byte, error) {
	var failed error
	text := func(name, value string) {
		buf = append(buf, name...)
		quoted, err := jsontext.AppendQuote(buf, value)
		failed = errors.Join(failed, err)
		buf = quoted
	}
	buf = append(buf, `{"seq":`...)
	buf = strconv.AppendInt(buf, int64(ev.Seq), 10)
	text(`,"id":`, ev.ID.String())
	text(`,"type":`, ev.Type)
	text(`,"subject":`, ev.Subject)
	text(`,"time":`, ev.Time.UTC().Format(timeLayout))
	separator := `,"meta":{`
	for _, e := range ev.Meta {
		text(separator, e.Name)
		text(":", e.Value)
		separator = ","
	}
	if len(ev.Meta) == 0 {
		buf = append(buf, separator...)
	}
	if standsInLine(ev.Data) {
		buf = append(buf, `},"data":`...)
		buf = append(buf, ev.Data...)
	} else {
		text(`},"dataText":`, ev.Data)
	}
	text(`,"hash":`, ev.Hash.String())
	buf = append(buf, '}')
	if failed != nil {
		return buf, fmt.Errorf("event %d: %w", ev.Seq, failed)
	}
	return buf, nil
}

// standsInLine tells whether data is read back from a line byte by byte.
func standsInLine(data string) bool {
	return data != "" && data == strings.Trim(data, " \t\r\n") && !strings.ContainsAny(data, "\r\n") &&
		strings.Count(data, "[")+strings.Count(data, "{") <= maxNesting && jsontext.Value(data).IsValid()
}

// line is an event as it is read.
type line struct {
	Seq      eventstore.Position `json:"seq"`
	ID       string              `json:"id"`
	Type     string              `json:"type"`
	Subject  string              `json:"subject"`
	Time     string              `json:"time"`
	Meta     map[string]string   `json:"meta"`
	Data     jsontext.Value      `json:"data"`
	DataText string              `json:"dataText"`
	Hash     string              `json:"hash"`
}

// errForm is of a line that says the right thing in the wrong way.
var errForm = errors.New("the event is not written as an export writes it")

// ParseLine reads what AppendLine has written, and nothing else. It does not
// check the hash, which takes the event before.
func ParseLine(text []byte) (eventstore.Event, error) {
	var l line
	if err := json.Unmarshal(text, &l, json.RejectUnknownMembers(true)); err != nil {
		return eventstore.Event{}, fmt.Errorf("not an event: %w", err)
	}
	ev := eventstore.Event{Seq: l.Seq, Type: l.Type, Subject: l.Subject, Meta: eventstore.MetaOf(l.Meta), Data: string(l.Data)}
	if l.DataText != "" {
		ev.Data = l.DataText
	}
	var failed [3]error
	ev.ID, failed[0] = uuid.Parse(l.ID)
	ev.Time, failed[1] = time.Parse(timeLayout, l.Time)
	ev.Hash, failed[2] = eventstore.ParseHash(l.Hash)
	if err := errors.Join(failed[:]...); err != nil {
		return eventstore.Event{}, fmt.Errorf("not an event: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if again, err := AppendLine(nil, ev); err != nil || !bytes.Equal(again, text) {
		return eventstore.Event{}, errForm
	}
	return ev, nil
}
