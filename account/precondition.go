package account

import (
	"fmt"
	"strings"
)

// SubjectPrefix is what the subjects of accounts' events begin with; the account's
// number is the rest.
const SubjectPrefix = "accounts/"

// Subject is what an account's events are about.
func Subject(n Number) string { return SubjectPrefix + string(n) }

// VersionOf is the position of the last event about a subject, 0 if there is none. Of an
// account that is its version or that of another service's event about it, whichever is
// later: a transfer is about both its accounts.
func VersionOf(v Base, subject string) int64 {
	version := v.ForeignVersion(subject)
	if number, of := strings.CutPrefix(subject, SubjectPrefix); of {
		if a := v.Account(Number(number)); a != nil {
			version = max(version, a.Version)
		}
	}
	return version
}

// Precondition names the last event that there is to be about a subject.
type Precondition struct {
	Subject string
	Version int64 // its position; 0: there is to be none
}

// Check is nil if what v shows is as the precondition says; otherwise it is a
// *[Refusal].
func (p Precondition) Check(v Base) error {
	actual := VersionOf(v, p.Subject)
	if actual == p.Version {
		return nil
	}
	r := &Refusal{Code: CodeVersionMismatch, Subject: p.Subject, Expected: p.Version, Actual: actual}
	switch {
	case p.Version == 0:
		r.Detail = fmt.Sprintf("there are events about %s already, the last of them at %d: read them and decide anew", p.Subject, actual)
	case actual == 0:
		r.Detail = fmt.Sprintf("there is no event about %s, and so none at %d: say 0 if there is to be none", p.Subject, p.Version)
	default:
		r.Detail = fmt.Sprintf("the last event about %s is at %d, not at %d: read it and decide anew", p.Subject, actual, p.Version)
	}
	return r
}
