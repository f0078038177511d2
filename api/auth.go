package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// digest stands for a token: of one length whatever the token's, so that
// comparing takes the same time for all.
type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// authorize is nil when r may be answered.
func (h *Handler) authorize(r *http.Request) error {
	if h.cfg.Token == "" {
		return nil
	}
	values := r.Header.Values("Authorization")
	if len(values) == 1 {
		scheme, token, _ := strings.Cut(values[0], " ")
		given := digestOf(strings.TrimLeft(token, " "))
		if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(given[:], h.token[:]) == 1 {
			return nil
		}
	}
	p := newProblem(codeUnauthenticated, "send the header Authorization: Bearer TOKEN, once, with a token this service knows")
	p.header.Set("WWW-Authenticate", `Bearer realm="openpayment"`)
	return p
}
