// Package nearest finds the name that somebody meant who wrote another, for
// suggestions in error messages.
package nearest

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

const (
	slips   = 2  // letters put in, left out or replaced; more are no slip
	longest = 40 // bytes of a name worth comparing: the rest is noise, or an attack
)

// Of gives the one of names that a slip or two could have made into written,
// upper and lower case being the same; empty if none could.
func Of(written string, names []string) string {
	if len(written) > longest {
		return ""
	}
	best, least := "", slips+1
	for _, name := range names {
		d := levenshtein.ComputeDistance(strings.ToLower(written), strings.ToLower(name))
		if d < least && d < len(name) {
			best, least = name, d
		}
	}
	return best
}
