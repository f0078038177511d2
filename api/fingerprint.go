package api

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"

	"openpayment/account"
)

// fingerprint sums up what makes a request with an idempotency key the same one:
// method, path and query as they are written, If-Match, and the bytes of the body,
// each behind its length. It stands in events: another way of making it would know
// no key again.
func fingerprint(r *http.Request, body []byte) account.Fingerprint {
	hash := sha256.New()
	number := func(n int) {
		// A hash takes everything.
		_, _ = hash.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	}
	part := func(b []byte) {
		number(len(b))
		_, _ = hash.Write(b)
	}
	part([]byte(r.Method))
	part([]byte(r.URL.EscapedPath()))
	part([]byte(r.URL.RawQuery))
	matches := r.Header.Values("If-Match")
	number(len(matches))
	for _, value := range matches {
		part([]byte(value))
	}
	part(body)
	return account.Fingerprint(hash.Sum(nil))
}
