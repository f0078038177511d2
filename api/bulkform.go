package api

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"openpayment/account"
)

// maxCommands is how many commands one body may hold: as many as one append takes.
const maxCommands = 1000

// bulk is what a body with many commands asks for.
type bulk struct {
	atomic bool
	orders []order
}

// order is one of the commands.
type order struct {
	command account.Command
	key     string // its own, empty for none
	text    []byte // as it was written
}

// bulkKind is a kind of command as it stands in a body with others.
type bulkKind struct {
	fields []string // those of its own body
	ofOne  bool     // it is about the account in the member account, not in its path
	match  bool     // it takes a precondition
	read   func(f *form, number account.Number, match *account.Match) account.Command
}

var bulkKinds = map[string]bulkKind{
	"open": {accountFields, false, false, func(f *form, _ account.Number, _ *account.Match) account.Command {
		return f.open()
	}},
	"replace": {accountFields, true, true, func(f *form, number account.Number, match *account.Match) account.Command {
		return f.update((*form).replacement, number, match)
	}},
	"patch": {accountFields, true, true, func(f *form, number account.Number, match *account.Match) account.Command {
		return f.update((*form).patch, number, match)
	}},
	"close": {nil, true, true, func(_ *form, number account.Number, match *account.Match) account.Command {
		return account.Close{Account: number, Match: match}
	}},
	"deposit": {moneyFields, true, true, func(f *form, number account.Number, match *account.Match) account.Command {
		return f.deposit(number, match)
	}},
	"withdraw": {moneyFields, true, true, func(f *form, number account.Number, match *account.Match) account.Command {
		return account.Withdraw(f.deposit(number, match))
	}},
	"transfer": {transferFields, false, true, func(f *form, _ account.Number, match *account.Match) account.Command {
		return f.transfer(match)
	}},
}

// The members of a command beside those of its own body.
const (
	memberKind    = "kind"
	memberAccount = "account"
	memberMatch   = "ifMatch"
	memberKey     = "idempotencyKey"
)

// known are all members there may be, in the order in which faults are told.
func (k bulkKind) known() []string {
	names := []string{memberKind}
	if k.ofOne {
		names = append(names, memberAccount)
	}
	names = append(names, k.fields...)
	if k.match {
		names = append(names, memberMatch)
	}
	return append(names, memberKey)
}

// eachForItself tells whether a body, which is JSON, asks for its commands one by one.
// What it asks for can't be told of a body that is no bulk at all.
func eachForItself(body []byte) bool {
	f := newForm(nil, nil, 0)
	if !f.fill(body) {
		return false
	}
	value, present := f.members["atomic"]
	return !present || value.Kind() == jsontext.KindFalse
}

// readBulk reads a body. All faults of all commands are one problem: one that is
// malformed means, most likely, that all were made by a program that is wrong.
func readBulk(body []byte) (*bulk, error) {
	f, err := readForm(body, []string{"commands", "atomic"}, nil)
	if err != nil {
		return nil, err
	}
	b := &bulk{atomic: orZero(f.flag("atomic"))}
	firsts := make(map[string]int) // keys, and where they stand
	for i, text := range f.elements("commands", maxCommands) {
		sub := f.part(nil, nil)
		o := sub.order(text, b.atomic)
		if first, twice := firsts[o.key]; twice && o.key != "" {
			sub.fault(pointer(memberKey), "is also that of "+commandPointer(first)+": each command has a key of its own")
		} else if !twice {
			firsts[o.key] = i
		}
		f.absorb(commandPointer(i), sub)
		b.orders = append(b.orders, o)
	}
	return b, f.finish()
}

// order reads one command, and gathers what is wrong with it. A command without a kind
// that is known has no other faults: nobody knows what it should be like.
func (f *form) order(text jsontext.Value, atomic bool) order {
	if !f.fill(text) {
		return order{}
	}
	name := f.text(memberKind, true)
	if name == nil {
		return order{}
	}
	kind, ok := bulkKinds[*name]
	if !ok {
		detail := "is no kind of command: there are"
		for _, name := range slices.Sorted(maps.Keys(bulkKinds)) {
			detail += " " + name
		}
		f.fault(pointer(memberKind), detail)
		return order{}
	}
	f.known, f.fixed = kind.known(), fixedFields
	var number account.Number
	var match *account.Match
	if kind.ofOne {
		number = f.account()
	}
	if kind.match {
		match = f.match()
	}
	o := order{command: kind.read(f, number, match), key: f.key(atomic), text: text}
	f.judge(o.command)
	f.checkNames()
	return o
}

// account takes the number of the account that a command is about.
func (f *form) account() account.Number {
	number := account.Number(orZero(f.text(memberAccount, true)))
	if number != "" && !account.ValidNumber(string(number)) {
		f.fault(pointer(memberAccount), account.NumberRule)
	}
	return number
}

// match takes a command's precondition, nil for none.
func (f *form) match() *account.Match {
	value, present := f.members[memberMatch]
	if !present {
		return nil
	}
	if value.Kind() == jsontext.KindString && unquote(value) == "*" {
		return &account.Match{Any: true}
	}
	if value.Kind() == jsontext.KindNumber {
		if version, ok := wholeNumber(string(value)); ok && version >= 1 && version <= maxPosition {
			return &account.Match{Version: version}
		}
	}
	f.fault(pointer(memberMatch), `must be the version of an account, as a number, or "*"`)
	return nil
}

// key takes a command's own idempotency key, empty for none.
func (f *form) key(atomic bool) string {
	if _, present := f.members[memberKey]; present && atomic {
		f.fault(pointer(memberKey), "has no place in an atomic request, which takes one key for all: use the header Idempotency-Key")
		return ""
	}
	key := f.text(memberKey, false)
	if key == nil {
		return ""
	}
	if !account.ValidKey(*key) {
		f.fault(pointer(memberKey), keyRule)
		return ""
	}
	return *key
}
