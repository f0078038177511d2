package api

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"openpayment/account"
	"openpayment/internal/nearest"
)

// form is a JSON object that somebody filled in. Fields are taken out one by one;
// what is wrong with them is gathered, so that a client hears of everything at
// once.
type form struct {
	names   []string // as they come
	members map[string]jsontext.Value
	known   []string // fields there may be
	fixed   []string // fields that only the service sets
	faults  []account.Fault
	room    int // for faults of which there may be any number
	unnamed int // faults there was no room for

	reserved int // of the faults: types that only commands may give to events
}

// readForm reads a body. What is not JSON is a bad-json problem, what is not an
// object an invalid one.
func readForm(body []byte, known, fixed []string) (*form, error) {
	if err := checkDocument(body); err != nil {
		return nil, err
	}
	f := newForm(known, fixed, maxFaults)
	if !f.fill(body) {
		return nil, f.problem()
	}
	return f, nil
}

// newForm is a form to fill in, that has so much to say about what there may be any
// number of.
func newForm(known, fixed []string, room int) *form {
	return &form{members: make(map[string]jsontext.Value), known: known, fixed: fixed, room: room}
}

// fill takes what value holds, part of a document that has been checked; false, and a
// fault, if it is no object.
func (f *form) fill(value jsontext.Value) (ok bool) {
	if value.Kind() != jsontext.KindBeginObject {
		f.fault("", "must be a JSON object")
		return false
	}
	dec := checkedDecoder(value)
	_, _ = dec.ReadToken() // nothing here fails
	for dec.PeekKind() != jsontext.KindEndObject {
		token, _ := dec.ReadToken()
		name := token.String()
		value, _ := dec.ReadValue()
		f.names = append(f.names, name)
		f.members[name] = value.Clone()
	}
	return true
}

// checkNames finds the fields that have no place in the form.
func (f *form) checkNames() {
	for _, name := range f.names {
		switch {
		case slices.Contains(f.known, name):
		case slices.Contains(f.fixed, name):
			f.fault(pointer(name), "is set by the service only: leave it out")
		case f.full():
			f.unnamed++
		default:
			detail := "is not a field of this request: leave it out"
			if near := nearest.Of(name, f.known); near != "" {
				detail = "is not a field of this request: did you mean " + near + "?"
			}
			f.fault(pointer(name), detail)
		}
	}
}

// pointer is the RFC 6901 pointer to a member of the root.
func pointer(name string) string { return "/" + jsonPointerEscapes.Replace(name) }

var jsonPointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// maxFaults bounds how much is said about the parts of one body of which there may
// be any number, elements of lists and unknown fields, and so how much work a bad
// one makes. What is wrong with a field of the form itself is always said.
const maxFaults = 1000

func (f *form) full() bool { return len(f.faults) >= f.room }

func (f *form) fault(pointer, detail string) {
	f.faults = append(f.faults, account.Fault{Pointer: pointer, Detail: detail})
}

// minor is fault for what there may be any number of.
func (f *form) minor(pointer, detail string) {
	if f.full() {
		f.unnamed++
		return
	}
	f.fault(pointer, detail)
}

const nullDetail = "null is not the same as leaving it out"

// text takes a field that holds a string with something in it; nil when it was
// left out or is faulty.
func (f *form) text(name string, required bool) *string {
	s := f.string(name, required)
	if s != nil && *s == "" {
		f.fault(pointer(name), "is empty")
		return nil
	}
	return s
}

// string takes a field that holds a string; nil when it was left out or is faulty.
func (f *form) string(name string, required bool) *string {
	value, present := f.members[name]
	switch {
	case !present && required:
		f.fault(pointer(name), "is required")
	case !present:
	case value.Kind() == jsontext.KindNull:
		f.fault(pointer(name), "must be a string; "+nullDetail)
	case value.Kind() != jsontext.KindString:
		f.fault(pointer(name), "must be a string")
	default:
		s := unquote(value)
		return &s
	}
	return nil
}

// choice takes a field that holds one of a few words; nil when it was left out or
// is faulty.
func (f *form) choice(name string, words ...string) *string {
	given := f.text(name, false)
	if given == nil || slices.Contains(words, *given) {
		return given
	}
	f.fault(pointer(name), "must be "+strings.Join(words, " or "))
	return nil
}

// flag takes a field that holds a truth value; nil when it was left out or is
// faulty.
func (f *form) flag(name string) *bool {
	value, present := f.members[name]
	switch {
	case !present:
	case value.Kind() == jsontext.KindTrue, value.Kind() == jsontext.KindFalse:
		return new(value.Kind() == jsontext.KindTrue)
	case value.Kind() == jsontext.KindNull:
		f.fault(pointer(name), "must be true or false; "+nullDetail)
	default:
		f.fault(pointer(name), "must be true or false")
	}
	return nil
}

// list takes a field that holds a list of strings; nil when it was left out or is
// no list. In the place of an element that is no string stands one that the
// domain will have something against too, which [form.check] drops.
func (f *form) list(name string, nullIsEmpty bool) *[]string {
	value, present := f.members[name]
	at := pointer(name)
	switch {
	case !present:
		return nil
	case value.Kind() == jsontext.KindNull && nullIsEmpty:
		return &[]string{}
	case value.Kind() == jsontext.KindNull:
		f.fault(at, "must be a list of strings; "+nullDetail)
		return nil
	case value.Kind() != jsontext.KindBeginArray:
		f.fault(at, "must be a list of strings")
		return nil
	}
	list := []string{}
	dec := checkedDecoder(value)
	_, _ = dec.ReadToken()
	for dec.PeekKind() != jsontext.KindEndArray {
		element, _ := dec.ReadValue()
		if element.Kind() == jsontext.KindString {
			list = append(list, unquote(element))
			continue
		}
		i := strconv.Itoa(len(list))
		f.minor(at+"/"+i, "must be a string")
		list = append(list, "\x00"+i)
	}
	return &list
}

// unquote reads a string of a document that has been checked; other values are none.
func unquote(value jsontext.Value) string {
	if value.Kind() != jsontext.KindString {
		return ""
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1])
	}
	text, _ := jsontext.AppendUnquote(nil, value)
	return string(text)
}

// checkedDecoder reads a part of a document that has been checked, names that stand twice
// included.
func checkedDecoder(part jsontext.Value) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(part), jsontext.AllowDuplicateNames(true))
}

// check adds what the domain has against the command that was made of the form,
// and finishes.
func (f *form) check(c account.Command) error {
	f.judge(c)
	return f.finish()
}

// judge adds what the domain has against the command that was made of the form. Of two
// faults of one field, the form's stands.
func (f *form) judge(c account.Command) {
	faults := c.Validate()
	if len(faults) == 0 {
		return
	}
	found := make(map[string]bool, len(f.faults))
	for _, fault := range f.faults {
		found[fault.Pointer] = true
	}
	for _, fault := range faults {
		if found[fault.Pointer] {
			continue
		}
		if strings.Count(fault.Pointer, "/") > 1 {
			f.minor(fault.Pointer, fault.Detail)
		} else {
			f.fault(fault.Pointer, fault.Detail)
		}
	}
}

// finish gives everything that is wrong with the form as one problem; nil if there
// is nothing.
func (f *form) finish() error {
	f.checkNames()
	if len(f.faults) == 0 {
		return nil
	}
	return f.problem()
}

func (f *form) problem() error {
	f.sort()
	detail := "the body breaks rules: errors lists all of them"
	if f.unnamed > 0 {
		detail = fmt.Sprintf("the body breaks %d rules: errors lists %d of them", len(f.faults)+f.unnamed, len(f.faults))
	} else if len(f.faults) == 1 {
		detail = strings.TrimSpace(f.faults[0].Pointer + " " + f.faults[0].Detail)
	}
	p := newProblem(codeInvalid, detail)
	if f.reserved > 0 && f.reserved == len(f.faults) {
		p.code = codeTypeReserved // which only says more if there is nothing else
	}
	p.faults = f.faults
	return p
}
