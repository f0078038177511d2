package journal

import (
	"fmt"
	"reflect"

	"openpayment/account"
)

// eventType is one type of events, in every form it was ever stored in.
type eventType struct {
	name  string
	event reflect.Type // what it is in the domain
	forms []storedForm // that of version i+1 at i; the last is the one written
	// read and write go between the newest form and the domain.
	read  func(form) account.Event
	write func(account.Event) form
}

// storedForm is one version of a type's data.
type storedForm struct {
	parse  func(data string) (form, error)
	upcast func(form) form // into the next version; nil for the newest

	is, becomes reflect.Type // of parse's result, and of upcast's
}

// typeOf makes an event type of its newest form F and, oldest first, all forms
// before it.
func typeOf[E account.Event, F form](name string, read func(*F) E, write func(E) F, before ...storedForm) eventType {
	return eventType{
		name: name, event: reflect.TypeFor[E](), forms: append(before, formOf[F]()),
		read:  func(f form) account.Event { return read(any(f).(*F)) },
		write: func(ev account.Event) form { return write(ev.(E)) },
	}
}

// older is a form that is only read any more, and how it becomes the next one.
// That must hold the same facts: what the older form does not tell is to be what
// was true of every event stored in it.
func older[F, Next form](upcast func(*F) Next) storedForm {
	s := formOf[F]()
	s.becomes = reflect.TypeFor[Next]()
	if upcast != nil {
		s.upcast = func(f form) form {
			next := upcast(any(f).(*F))
			return any(&next).(form)
		}
	}
	return s
}

// formOf hands forms on by pointer, to copy nothing on the way of millions.
func formOf[F form]() storedForm {
	return storedForm{
		is: reflect.TypeFor[F](),
		parse: func(data string) (form, error) {
			d, err := parse[F](data)
			return any(d).(form), err
		},
	}
}

// decode reads data of the given version, which the type must have.
func (t *eventType) decode(version int, data string) (account.Event, error) {
	f, err := t.forms[version-1].parse(data)
	if err != nil {
		return nil, err
	}
	for _, older := range t.forms[version-1 : len(t.forms)-1] {
		f = older.upcast(f)
	}
	if !f.whole() {
		return nil, fmt.Errorf("made of version %d: %w", version, errNotWhole)
	}
	return t.read(f), nil
}

// check finds a form that does not lead to the next. That is a mistake in the
// table, which a test looks for: such a form can't be read.
func (t *eventType) check() error {
	last := len(t.forms) - 1
	for i, f := range t.forms[:last] {
		if f.upcast == nil {
			return fmt.Errorf("%s: nothing leads from version %d to the next", t.name, i+1)
		}
		if next := t.forms[i+1].is; f.becomes != next {
			return fmt.Errorf("%s: version %d becomes %v, but version %d is %v", t.name, i+1, f.becomes, i+2, next)
		}
	}
	return nil
}
