//go:build mutants

package mutant

import (
	"os"
	"sync/atomic"
)

var active atomic.Value // a Name

func init() { Set(Name(os.Getenv("MUTANT"))) }

// On tells whether a mutant is switched on.
func On(name Name) bool { return active.Load() == name }

// Set switches one mutant on and all others off; none, if it is empty.
func Set(name Name) { active.Store(name) }
