package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Error is a refusal by the service: a problem as of RFC 9457.
type Error struct {
	Type      string   `json:"type,omitzero"`
	Status    int      `json:"status"` // of HTTP
	Code      Code     `json:"code"`
	Title     string   `json:"title"`
	Detail    string   `json:"detail"`          // what was wrong and what to do, for people
	Faults    []Fault  `json:"errors,omitzero"` // all that is wrong with the body
	Instance  string   `json:"instance,omitzero"`
	RequestID string   `json:"requestId,omitzero"` // to find it in the service's log
	Expected  Position `json:"expected,omitzero"`  // of CodeVersionMismatch: the version asked for
	Actual    Position `json:"actual,omitzero"`    // and the one there is
	Replay    string   `json:"replay,omitzero"`    // of CodeReplayRunning: the id of that one

	// RetryAfter is how long the service wants to be left alone; 0 if it doesn't say.
	RetryAfter time.Duration `json:"-"`
}

// Fault is one thing that is wrong with a body.
type Fault struct {
	Pointer string `json:"pointer"` // to the place, as of RFC 6901
	Detail  string `json:"detail"`
}

// maxFaults is how many of them a line holds.
const maxFaults = 10

// Error is one line, for people.
func (e *Error) Error() string {
	var faults strings.Builder
	if len(e.Faults) > 1 { // of a single one Detail tells
		for _, f := range e.Faults[:min(len(e.Faults), maxFaults)] {
			fmt.Fprintf(&faults, "; %s %s", f.Pointer, f.Detail)
		}
	}
	return fmt.Sprintf("the service refuses: %s%s (%s)", e.Detail, faults.String(), e.Code)
}

// IsCode tells whether err is the service's refusal for one of these reasons.
func IsCode(err error, codes ...Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && slices.Contains(codes, e.Code)
}

// UnsureError is the error of a command of which nobody knows whether it was carried
// out, or may still be: a request got no answer, and neither did those after it, or not
// one that settles it. To find out, give the same command again with [Key].
type UnsureError struct {
	Key string // the command's Idempotency-Key; empty: it had none, or several
	Err error  // what came last
}

// Error names the key.
func (e *UnsureError) Error() string {
	if e.Key == "" {
		return "it may have been carried out: " + e.Err.Error()
	}
	return fmt.Sprintf("it may have been carried out (the same again with the key %s settles it): %s", e.Key, e.Err)
}

// Unwrap gives what came last.
func (e *UnsureError) Unwrap() error { return e.Err }

// ErrNoAnswer is the error of a request to which nothing, or not all of an answer, came
// back: the service can't be reached, or the connection was lost.
var ErrNoAnswer = errors.New("no answer from the service")

// ErrForeign is the error of an answer that an OpenPayment service does not give.
var ErrForeign = errors.New("what answers there is no OpenPayment service")

func foreign(why string) error { return fmt.Errorf("%w: %s", ErrForeign, why) }

// statusError is a status of 400 or more without a problem that says why: that of a
// proxy, or of something else altogether.
type statusError struct {
	status     int
	retryAfter time.Duration
}

func (e *statusError) Error() string { return foreign("status " + strconv.Itoa(e.status)).Error() }
func (e *statusError) Unwrap() error { return ErrForeign }

// refusal is the error that an answer stands for.
func refusal(status int, header http.Header, body []byte) error {
	e := &Error{}
	after := retryAfter(header.Get("Retry-After"), time.Now())
	if err := json.Unmarshal(body, e); err != nil || e.Code == "" {
		return &statusError{status, after}
	}
	e.Status, e.RetryAfter = status, after
	return e
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(time.Duration(seconds)*time.Second, 0)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}
