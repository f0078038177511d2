package api

import (
	"fmt"
	"net/http"
	"strings"

	"openpayment/api/access"
)

// authorize finds out who asks, and is nil if they may have what needs this scope.
func (c *call) authorize(needed access.Scope) error {
	guard := c.h.cfg.Guard
	if guard == nil {
		return nil // c.principal is anybody
	}
	token, given := bearer(c.r.Header)
	p, known := guard.Identify(token)
	if !given || !known {
		return unauthenticated()
	}
	c.principal = p
	if !p.May(needed) {
		return forbidden(p, fmt.Sprintf("lacks the scope %s, which this needs: it has %s", needed, list(p.Scopes)))
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
	return strings.TrimLeft(token, " "), strings.EqualFold(scheme, "Bearer")
}

func unauthenticated() error {
	p := newProblem(codeUnauthenticated, "send the header Authorization: Bearer TOKEN, once, with a token this service knows")
	p.header.Set("WWW-Authenticate", `Bearer realm="openpayment"`)
	return p
}

// forbidden refuses what p may not do; why goes on from the token's name.
func forbidden(p access.Principal, why string) error {
	return newProblem(codeForbidden, fmt.Sprintf("the token %s %s", p.Name, why))
}

// list names scopes.
func list(scopes []access.Scope) string {
	if len(scopes) == 0 {
		return "none"
	}
	return strings.Join(mapped(scopes, func(s access.Scope) string { return string(s) }), ", ")
}
