package journal

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/internal/mutant"
)

// metaDataVersion is the key in an event's meta that says in which version of its
// type's forms the data is. Version 1 is not written.
const metaDataVersion = "dataVersion"

// Reserved tells whether events of this type come from the commands of this
// service only. The account reducer passes over all others.
func Reserved(eventType string) bool {
	return strings.HasPrefix(eventType, "account.") || strings.HasPrefix(eventType, "funds.")
}

// Encode gives ev the form in which it is proposed to the log, always the newest
// one. What Decode would not read is an error: it must not get there, for it
// would stop every node.
func Encode(ev account.Event, meta eventstore.Meta) (eventstore.Proposal, error) {
	return known.encode(ev, meta)
}

// Decode reads what Encode wrote, in every version there ever was. An event of
// another service is nil. An error means that a reserved type, its version or
// its data is not known here: most likely a newer node wrote it, and a state
// without it would be wrong.
func Decode(ev eventstore.Event) (account.Event, error) {
	if !Reserved(ev.Type) || mutant.On(mutant.SkipsUnknownMoney) && known.byName[ev.Type] == nil {
		return nil, nil
	}
	return known.decode(ev)
}

// codec reads and writes some event types. It never changes.
type codec struct {
	byName  map[string]*eventType
	byEvent map[reflect.Type]*eventType
}

func newCodec(types ...eventType) *codec {
	c := &codec{make(map[string]*eventType), make(map[reflect.Type]*eventType)}
	for i := range types {
		c.byName[types[i].name], c.byEvent[types[i].event] = &types[i], &types[i]
	}
	return c
}

func (c *codec) encode(ev account.Event, meta eventstore.Meta) (eventstore.Proposal, error) {
	if v, taken := meta.Lookup(metaDataVersion); taken {
		return eventstore.Proposal{}, fmt.Errorf("meta %q is not the caller's to set, to %q", metaDataVersion, v)
	}
	t, ok := c.byEvent[reflect.TypeOf(ev)]
	if !ok {
		return eventstore.Proposal{}, fmt.Errorf("no event type is known for %T", ev)
	}
	data := t.write(ev)
	if !data.whole() {
		return eventstore.Proposal{}, fmt.Errorf("%s: %w", t.name, errNotWhole)
	}
	if newest := len(t.forms); newest > 1 {
		meta = meta.With(eventstore.Entry{Name: metaDataVersion, Value: strconv.Itoa(newest)})
	}
	text, err := json.Marshal(data)
	return eventstore.Proposal{Type: t.name, Subject: account.Subject(ev.Accounts()[0]), Meta: meta, Data: string(text)}, err
}

func (c *codec) decode(ev eventstore.Event) (account.Event, error) {
	version := "1"
	if v, given := ev.Meta.Lookup(metaDataVersion); given {
		version = v
	}
	t, ok := c.byName[ev.Type]
	if !ok {
		reason := "this program does not know the type"
		if version != "1" {
			reason += fmt.Sprintf(", nor version %q of it", version)
		}
		return nil, &unreadable{seq: ev.Seq, typ: ev.Type, reason: reason}
	}
	n, err := strconv.Atoi(version)
	if err != nil || strconv.Itoa(n) != version || n < 1 || n > len(t.forms) {
		return nil, &unreadable{seq: ev.Seq, typ: ev.Type, reason: fmt.Sprintf("this program does not know version %q of it", version)}
	}
	decoded, err := t.decode(n, ev.Data)
	if err != nil {
		return nil, &unreadable{ev.Seq, ev.Type, "its data is not in a form that this program knows", err}
	}
	about := decoded.Accounts()[0]
	if number, ok := strings.CutPrefix(ev.Subject, account.SubjectPrefix); !ok || number != string(about) {
		return nil, &unreadable{seq: ev.Seq, typ: ev.Type, reason: fmt.Sprintf("it is about %s, but its data about %s", ev.Subject, account.Subject(about))}
	}
	return decoded, nil
}
