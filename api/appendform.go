package api

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// maxAppended is how many events one body may hold: as many as one append takes.
const maxAppended = eventstore.MaxBatchEvents

// The members of an event to append, and those that only the service sets.
var (
	foreignFields = []string{"type", "subject", "data"}
	foreignFixed  = []string{"seq", "id", "time", "meta", "hash"}
)

// readForeign reads a body with events of other services. All faults of all events are
// one problem.
func readForeign(body []byte) (journal.Foreign, error) {
	f, err := readForm(body, []string{"events", "precondition"}, nil)
	if err != nil {
		return journal.Foreign{}, err
	}
	var all journal.Foreign
	for i, text := range f.elements("events", maxAppended) {
		part := f.part(foreignFields, foreignFixed)
		if part.fill(text) {
			all.Events = append(all.Events, part.proposal())
			part.checkNames()
		}
		f.absorb("/events/"+strconv.Itoa(i), part)
	}
	all.Precondition = f.precondition()
	return all, f.finish()
}

// proposal is what a form with type, subject and data asks to be appended.
func (f *form) proposal() eventstore.Proposal {
	return eventstore.Proposal{Type: f.eventType(), Subject: f.subject(), Data: f.data()}
}

// typeWords is what the type of another service's event is like.
var typeWords = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

const maxTypeBytes = 255

// eventType takes the type. One that differs from a reserved one only in case is
// reserved as well: it would be taken for it.
func (f *form) eventType() string {
	const name = "type"
	given := orZero(f.text(name, true))
	switch {
	case given == "":
	case journal.Reserved(strings.ToLower(given)):
		f.reserved++
		f.fault(pointer(name), "is reserved: events of the types account.* and funds.* come from commands only")
	case len(given) > maxTypeBytes || !typeWords.MatchString(given):
		f.fault(pointer(name), "must be words of letters, digits, - and _ with a dot between each two, of 255 characters at most: customer.renamed")
	}
	return given
}

// subject takes what something is about.
func (f *form) subject() string {
	const name = "subject"
	given := orZero(f.text(name, true))
	if given != "" && (len(given) > eventstore.MaxNameBytes || !printableText(given)) {
		f.fault(pointer(name), fmt.Sprintf("must be printable characters, of %d bytes at most", eventstore.MaxNameBytes))
	}
	return given
}

// printableText tells whether s holds nothing that can't be seen, spaces aside.
func printableText(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// data takes an event's data, in as few bytes as it can be written without changing a
// number or a text.
func (f *form) data() string {
	const name = "data"
	value, present := f.members[name]
	switch {
	case !present:
		f.fault(pointer(name), "is required")
		return ""
	case value.Kind() != jsontext.KindBeginObject:
		f.fault(pointer(name), "must be a JSON object")
		return ""
	}
	_ = value.Compact() // it has been checked
	if len(value) > eventstore.MaxDataBytes {
		f.fault(pointer(name), fmt.Sprintf("has %d bytes without white space; %d are allowed", len(value), eventstore.MaxDataBytes))
	}
	return string(value)
}

// precondition takes what must be so for anything to be appended, nil for nothing.
func (f *form) precondition() *account.Precondition {
	const name = "precondition"
	value, present := f.members[name]
	if !present {
		return nil
	}
	part := f.part([]string{"subject", "version"}, nil)
	var p account.Precondition
	if part.fill(value) {
		p = account.Precondition{Subject: part.subject(), Version: part.version()}
		part.checkNames()
	}
	f.absorb(pointer(name), part)
	return &p
}

// version takes the position of an event, or 0 for none.
func (f *form) version() int64 {
	const name = "version"
	value, present := f.members[name]
	if !present {
		f.fault(pointer(name), "is required")
		return 0
	}
	if value.Kind() == jsontext.KindNumber {
		if version, ok := wholeNumber(string(value)); ok && version >= 0 && version <= maxPosition {
			return version
		}
	}
	f.fault(pointer(name), "must be the seq of an event, as a number, or 0 if there is to be none")
	return 0
}
