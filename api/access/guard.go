package access

import (
	"crypto/subtle"
	"slices"
	"sync/atomic"
)

// Guard tells tokens that a service knows from others. It is safe for concurrent use.
// A guard that was given no tokens knows nobody.
type Guard struct {
	tokens atomic.Pointer[[]Token] // replaced whole
}

// NewGuard makes a guard that knows tokens.
func NewGuard(tokens ...Token) *Guard {
	g := &Guard{}
	g.Use(tokens)
	return g
}

// Use has the guard know these tokens from now on, and no others. What was let in
// before goes on.
func (g *Guard) Use(tokens []Token) {
	g.tokens.Store(new(slices.Clone(tokens)))
}

// Identify tells whose token it is; known is false for nobody's. It looks at all
// tokens it knows, so that the time it takes tells nothing about them.
func (g *Guard) Identify(token string) (p Principal, known bool) {
	digest := DigestOf(token)
	tokens := *g.tokens.Load()
	found := -1
	for i := range tokens {
		same := subtle.ConstantTimeCompare(digest[:], tokens[i].Digest[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return Principal{}, false
	}
	return tokens[found].Principal, true
}
