package api

import (
	"fmt"
	"math"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// maxCloudMeta bounds what an event's meta holds of the CloudEvent's attributes, names
// included. The rest of what meta may hold is the service's own.
const maxCloudMeta = 4 << 10

// readCloudEvent reads a body that is one CloudEvent, in the JSON format.
func readCloudEvent(body []byte) (journal.Foreign, error) {
	f, err := readForm(body, cloudFields, nil)
	if err != nil {
		return journal.Foreign{}, err
	}
	p := f.cloudEvent()
	return journal.Foreign{Events: []eventstore.Proposal{p}}, f.finish()
}

// readCloudEvents reads a body that is a list of them, in the JSON batch format.
func readCloudEvents(body []byte) (journal.Foreign, error) {
	if err := checkDocument(body); err != nil {
		return journal.Foreign{}, err
	}
	f := newForm(nil, nil, maxFaults)
	var all journal.Foreign
	for i, text := range f.elementsOf("", jsontext.Value(body).Clone(), "events", maxAppended) {
		part := f.part(cloudFields, nil)
		if part.fill(text) {
			all.Events = append(all.Events, part.cloudEvent())
			part.checkNames()
		}
		f.absorb("/"+strconv.Itoa(i), part)
	}
	return all, f.finish()
}

// cloudEvent is what a form with the attributes and data of a CloudEvent asks to be
// appended.
func (f *form) cloudEvent() eventstore.Proposal {
	f.dropUnset()
	if version := f.attribute("specversion", true); version != "" && version != "1.0" {
		f.fault("/specversion", `must be "1.0": no other version of CloudEvents is known`)
	}
	var p eventstore.Proposal
	meta := make(map[string]string)
	size := 0
	keep := func(name, value string) {
		if value != "" {
			meta[name] = value
			size += len(name) + len(value)
		}
	}
	keep(metaCloudID, f.attribute("id", true))
	keep(metaCloudSource, f.uri("source", true, false))
	p.Type, p.Subject = f.eventType(), f.subject()
	keep(metaCloudTime, f.time())
	keep(metaCloudContentType, f.contentType())
	keep(metaCloudSchema, f.uri("dataschema", false, true))
	keep(metaCloudExtensions, f.extensions())
	if size > maxCloudMeta {
		f.fault("", fmt.Sprintf("has %d bytes of attributes that are kept beside type and subject; %d are allowed", size, maxCloudMeta))
	}
	keep(metaTraceParent, f.traceParent())
	if _, binary := f.members[cloudBase64]; binary {
		f.fault(pointer(cloudBase64), "is not taken: send data, a JSON object")
	} else {
		p.Data = f.data()
	}
	p.Meta = eventstore.MetaOf(meta)
	return p
}

// dropUnset drops members that are null, which is another way of leaving attributes out
// (JSON Event Format for CloudEvents, section 2.4), and no data.
func (f *form) dropUnset() {
	f.names = slices.DeleteFunc(f.names, func(name string) bool {
		unset := f.members[name].Kind() == jsontext.KindNull
		if unset {
			delete(f.members, name)
		}
		return unset
	})
}

// attribute takes an attribute that is a String (CloudEvents 1.0, section 3.1); empty
// when it was left out or is faulty.
func (f *form) attribute(name string, required bool) string {
	given := orZero(f.text(name, required))
	if strings.IndexFunc(given, unicode.IsControl) >= 0 {
		f.fault(pointer(name), "must not hold control characters")
		return ""
	}
	return given
}

// uri takes an attribute that is a URI, or a reference to one.
func (f *form) uri(name string, required, absolute bool) string {
	given := f.attribute(name, required)
	if given == "" {
		return ""
	}
	parsed, err := url.Parse(given) // which takes characters that must be encoded
	switch {
	case err != nil, strings.IndexFunc(given, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0, strings.ContainsAny(given, "\"<>\\^`{|}"):
		f.fault(pointer(name), "must be a URI, or a reference to one, as of RFC 3986: /sensors/7")
	case absolute && !parsed.IsAbs():
		f.fault(pointer(name), "must be a whole URI, as of RFC 3986: https://schemas.example/customer.json")
	}
	return given
}

// time takes the time as it is written.
func (f *form) time() string {
	given := f.attribute("time", false)
	if given != "" {
		if _, err := parseTime(given); err != nil {
			f.fault("/time", "must be a time as of RFC 3339: 2026-01-02T03:04:05Z")
		}
	}
	return given
}

// contentType takes the data's media type, which must be one of JSON; empty for the
// usual one.
func (f *form) contentType() string {
	given := f.attribute("datacontenttype", false)
	if given == "" || given == mediaJSON {
		return ""
	}
	media, _, err := mime.ParseMediaType(given)
	if _, subtype, _ := strings.Cut(media, "/"); err != nil || subtype != "json" && !strings.HasSuffix(subtype, "+json") {
		f.fault("/datacontenttype", "must be "+mediaJSON+", or another type of JSON: data is an object")
	}
	return given
}

// extensions takes all extensions that are kept as such, as a JSON object; empty for
// none.
func (f *form) extensions() string {
	kept := make(map[string]jsontext.Value)
	for _, name := range f.names {
		if !extensionName(name) {
			continue
		}
		f.known = append(slices.Clip(f.known), name)
		if slices.Contains(cloudOwn, name) {
			continue
		}
		if fault := extensionFault(f.members[name]); fault != "" {
			f.minor(pointer(name), fault)
			continue
		}
		kept[name] = f.members[name]
	}
	if len(kept) == 0 {
		return ""
	}
	// Marshalling JSON values doesn't fail.
	text, _ := json.Marshal(kept, json.Deterministic(true), jsontext.PreserveRawStrings(true))
	return string(text)
}

// traceParent takes the extension of that name; empty for one that is not valid.
func (f *form) traceParent() string {
	value, present := f.members[metaTraceParent]
	if !present || value.Kind() != jsontext.KindString {
		return ""
	}
	parent, _ := traceParent([]string{unquote(value)})
	return parent
}

// extensionName tells whether an extension can have this name.
func extensionName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == "" && !slices.Contains(cloudFields, name)
}

// extensionFault is what keeps a value from being that of an extension (CloudEvents
// 1.0, section 3.1), empty for nothing.
func extensionFault(value jsontext.Value) string {
	switch value.Kind() {
	case jsontext.KindTrue, jsontext.KindFalse:
		return ""
	case jsontext.KindString:
		if strings.IndexFunc(unquote(value), unicode.IsControl) >= 0 {
			return "must not hold control characters"
		}
		return ""
	case jsontext.KindNumber:
		if n, ok := wholeNumber(string(value)); ok && n >= math.MinInt32 && n <= math.MaxInt32 {
			return ""
		}
		return "must be a whole number of 32 bits, if it is a number"
	}
	return "must be a string, a whole number, or true or false"
}
