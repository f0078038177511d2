package journal

import (
	"slices"
	"strings"

	"openpayment/account"
	"openpayment/eventstore"
)

// Filter chooses among the events of the log. An empty field lets everything pass.
type Filter struct {
	Type    string // exactly
	Subject string // as [About] has it
}

// Matches tells whether ev passes.
func (f Filter) Matches(ev *eventstore.Event) bool { return f.matches(ev, touched) }

// matches is told how to find out which accounts a transfer touches.
func (f Filter) matches(ev *eventstore.Event, touched func(*eventstore.Event) []account.Number) bool {
	return (f.Type == "" || ev.Type == f.Type) && (f.Subject == "" || about(ev, f.Subject, touched))
}

// About tells whether ev is about a subject: its own, or, where it touches more
// than one account, that of any of them.
func About(ev eventstore.Event, subject string) bool { return about(&ev, subject, touched) }

// Subjects are all that ev is about: see [About]. What can't be read is about its own
// subject only.
func Subjects(ev eventstore.Event) []string {
	if ev.Type != TypeTransferred {
		return []string{ev.Subject}
	}
	all := []string{ev.Subject}
	for _, n := range touched(&ev) {
		if subject := account.Subject(n); subject != ev.Subject {
			all = append(all, subject)
		}
	}
	return all
}

func about(ev *eventstore.Event, subject string, touched func(*eventstore.Event) []account.Number) bool {
	if ev.Subject == subject {
		return true
	}
	number, isAccount := strings.CutPrefix(subject, account.SubjectPrefix)
	if ev.Type != TypeTransferred || !isAccount {
		return false // without reading the data
	}
	if !strings.Contains(ev.Data, number) && !strings.Contains(ev.Data, `\`) {
		return false // nor here: in JSON, a number stands as it is, or escaped
	}
	return slices.Contains(touched(ev), account.Number(number))
}

// touched are the accounts that ev touches, none if that can't be read.
func touched(ev *eventstore.Event) []account.Number {
	decoded, err := Decode(*ev)
	if err != nil || decoded == nil {
		return nil
	}
	return decoded.Accounts()
}
