package access

import (
	"slices"
	"strings"
)

// Principal is who asks. The zero value is anybody, where no tokens are configured,
// and may do everything; every other one has a name.
type Principal struct {
	// Name is the token's.
	Name string
	// Scopes are what the token is for.
	Scopes []Scope
	// Subjects, if not empty, is how every subject begins that the token is for:
	// accounts/12 for accounts/12345678.
	Subjects string
}

// May tells whether p may make requests that need s.
func (p Principal) May(s Scope) bool {
	return p.Name == "" || s == Any || slices.Contains(p.Scopes, s)
}

// Bound tells whether p is for some subjects only.
func (p Principal) Bound() bool { return p.Subjects != "" }

// Covers tells whether p is for subject.
func (p Principal) Covers(subject string) bool { return strings.HasPrefix(subject, p.Subjects) }
