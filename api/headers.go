package api

import (
	"net/http"
	"regexp"
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
	return uuid.NewString()
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

// traceparent is the header of W3C Trace Context, empty if there is none that can be
// read: then the client is no part of a trace, and nothing is wrong with its request.
func traceparent(header http.Header) string {
	values := header.Values("Traceparent")
	if len(values) != 1 || !traceContext.MatchString(values[0]) {
		return ""
	}
	value := values[0]
	if value[:2] == "ff" || value[3:35] == noTrace || value[36:52] == noTrace[:16] || value[:2] == "00" && len(value) > 55 {
		return ""
	}
	return value[:55] // what later versions add means nothing here
}

var (
	traceContext = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$`)
	noTrace      = strings.Repeat("0", 32)
)
