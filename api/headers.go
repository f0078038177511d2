package api

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/eventstore"
)

// maxRequestID is how long a client's request id may be to be taken over.
const maxRequestID = 128

// requestID is the client's, if it is fit for logs, otherwise a new one.
func requestID(header http.Header) string {
	if values := header.Values("X-Request-Id"); len(values) == 1 && printable(values[0], maxRequestID) {
		return values[0]
	}
	return newRequestID()
}

// newRequestID is a random UUID. It has to be another one each time, and need be no
// secret: the system's randomness, which is asked with a call for each, is not needed.
func newRequestID() string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4, of RFC 9562
	return id.String()
}

// printable tells whether s is 1 to limit printable ASCII characters.
func printable(s string, limit int) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= limit
}

func badHeader(name, detail string) error {
	return newProblem(codeBadHeader, "the header "+name+" "+detail)
}

// single gives the value of a header that may stand once.
func single(header http.Header, name string) (value string, present bool, err error) {
	switch values := header.Values(name); len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	default:
		return "", true, badHeader(name, "stands more than once: send one")
	}
}

// idempotencyKey is the command's, empty for none.
func idempotencyKey(header http.Header) (string, error) {
	const name = "Idempotency-Key"
	key, present, err := single(header, name)
	if err == nil && present && !account.ValidKey(key) {
		err = badHeader(name, keyRule)
	}
	return key, err
}

// keyRule says in words what a key can be.
const keyRule = "takes 1 to 255 printable ASCII characters"

// maxPosition is the last that JSON numbers carry exactly everywhere.
const maxPosition = 1<<53 - 1

// parsePosition reads ASCII digits, and nothing else.
func parsePosition(s string) (eventstore.Position, bool) {
	if !printable(s, 1024) || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	v, err := strconv.ParseInt(s, 10, 64)
	return eventstore.Position(v), err == nil && v <= maxPosition
}
