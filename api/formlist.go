package api

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// elements takes a required field that holds a list of one to most of what it is
// called.
func (f *form) elements(name string, most int) []jsontext.Value {
	value, present := f.members[name]
	if !present {
		f.fault(pointer(name), "is required")
		return nil
	}
	return f.elementsOf(pointer(name), value, name, most)
}

// elementsOf are those of a list of one to most things, which stands at a pointer.
func (f *form) elementsOf(at string, value jsontext.Value, things string, most int) []jsontext.Value {
	if value.Kind() != jsontext.KindBeginArray {
		f.fault(at, "must be a list of "+things)
		return nil
	}
	var all []jsontext.Value
	dec := checkedDecoder(value)
	_, _ = dec.ReadToken() // nothing here fails
	for dec.PeekKind() != jsontext.KindEndArray {
		element, _ := dec.ReadValue()
		all = append(all, element.Clone())
	}
	if len(all) < 1 || len(all) > most {
		f.fault(at, fmt.Sprintf("has %d %s; 1 to %d are allowed", len(all), things, most))
		return nil
	}
	return all
}

// part is a form for a part of f's document. Its faults are f's when it is absorbed.
func (f *form) part(known, fixed []string) *form {
	return newForm(known, fixed, max(0, f.room-len(f.faults)))
}

// absorb takes over what is wrong with the part of f that stands at a pointer.
func (f *form) absorb(at string, part *form) {
	part.sort()
	for _, fault := range part.faults {
		f.minor(at+fault.Pointer, fault.Detail)
	}
	f.unnamed += part.unnamed
	f.reserved += part.reserved
}
