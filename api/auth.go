package api

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"openpayment/api/access"
)

// authorize finds out who asks, and is nil if they may do this, as far as its URL tells.
func (c *call) authorize(op operation) error {
	guard := c.h.cfg.Guard
	if guard == nil {
		return nil // c.principal is anybody
	}
	token, given := bearer(c.r.Header)
	if !given {
		return unauthenticated("send the header Authorization: Bearer TOKEN, once")
	}
	// Known tokens first: whoever shares an address with a client that guesses, be it
	// behind a proxy, is not locked out by it. Guesses are made hopeless by the length
	// of tokens, not by their number.
	p, known := guard.Identify(token)
	if !known {
		return c.unknown()
	}
	c.principal = p
	if !p.May(op.scope) {
		return forbidden(p, fmt.Sprintf("lacks the scope %s, which this needs: it has %s", op.scope, scopeList(p.Scopes)))
	}
	if p.Bound() {
		return c.within(op)
	}
	return nil
}

// bearer is the token that a request brings along.
func bearer(header http.Header) (token string, given bool) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	return token, token != "" && strings.EqualFold(scheme, "Bearer")
}

func unauthenticated(detail string) *problem {
	p := newProblem(codeUnauthenticated, detail)
	p.header.Set("WWW-Authenticate", `Bearer realm="openpayment"`)
	return p
}

// unknown refuses a token that nobody has.
func (c *call) unknown() error {
	failures := c.h.cfg.Failures
	if failures == nil {
		return unknownToken()
	}
	wait, news := failures.Count(c.r.RemoteAddr)
	if wait == 0 {
		return unknownToken()
	}
	if news {
		c.h.cfg.Log.WithField("address", c.r.RemoteAddr).Warn("many wrong tokens come from one address")
	}
	p := newProblem(codeTooManyFailures, "tokens that this service does not know came too often from this address: send one that it knows, or wait for Retry-After seconds")
	p.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return p
}

func unknownToken() *problem {
	return unauthenticated("this service does not know the token: it may have been replaced, or be that of another service")
}

// forbidden refuses what p may not do; why goes on from the token's name.
func forbidden(p access.Principal, why string) *problem {
	return newProblem(codeForbidden, fmt.Sprintf("the token %s %s", p.Name, why))
}

// scopeList names scopes.
func scopeList(scopes []access.Scope) string {
	if len(scopes) == 0 {
		return "none"
	}
	return strings.Join(mapped(scopes, func(s access.Scope) string { return string(s) }), ", ")
}
