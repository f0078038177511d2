package api

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"openpayment/account"
)

// code names a problem. Clients branch on it: codes are part of the contract,
// and the package documentation lists them.
type code string

const (
	codeBadJSON         code = "bad-json"
	codeBadParameter    code = "bad-parameter"
	codeBadHeader       code = "bad-header"
	codeUnauthenticated code = "unauthenticated"
	codeForbidden       code = "forbidden"
	codeTooManyFailures code = "too-many-failures"
	codeRouteNotFound   code = "route-not-found"
	codeAccountNotFound code = "account-not-found"
	codeEventNotFound   code = "event-not-found"
	codeNoSubscription  code = "subscription-not-found"
	codeReplayNotFound  code = "replay-not-found"
	codeMethod          code = "method-not-allowed"
	codeAccountExists   code = "account-exists"
	codeAccountNotEmpty code = "account-not-empty"
	codeSubscribed      code = "subscription-exists"
	codeTooMany         code = "too-many-subscriptions"
	codeSuperseded      code = "superseded"
	codeUnsubscribed    code = "subscription-deleted"
	codeReplayRunning   code = "replay-running"
	codeAccountClosed   code = "account-closed"
	codeVersionMismatch code = "version-mismatch"
	codeBodyTooLarge    code = "body-too-large"
	codeURITooLong      code = "uri-too-long"
	codeMediaType       code = "unsupported-media-type"
	codeInvalid         code = "invalid"
	codeKeyReused       code = "idempotency-key-reused"
	codeSameAccount     code = "same-account"
	codeCurrency        code = "currency-mismatch"
	codeFunds           code = "insufficient-funds"
	codeAmountRange     code = "amount-out-of-range"
	codeTypeReserved    code = "type-reserved"
	codeInternal        code = "internal"
	codeNotCaughtUp     code = "not-caught-up"
	codeOverloaded      code = "overloaded"
	codeUnavailable     code = "store-unavailable"
	codeOutcomeUnknown  code = "outcome-unknown"
	codeLogDamaged      code = "log-damaged"
	codeTooSlow         code = "too-slow"
	codeShuttingDown    code = "shutting-down"
)

// problemKind is what all problems of one code have in common.
type problemKind struct {
	status     int
	title      string
	brief      string // for the log
	retryAfter int    // seconds; 0: repeating the request is no use
}

// problemKinds is the one place where codes get their statuses.
var problemKinds = map[code]problemKind{
	codeBadJSON:         {400, "The body is not readable", "body is not readable JSON", 0},
	codeBadParameter:    {400, "A query parameter is not readable", "bad query parameter", 0},
	codeBadHeader:       {400, "A header is not readable", "bad header", 0},
	codeUnauthenticated: {401, "A token is needed", "no valid token", 0},
	codeForbidden:       {403, "The token is not for this", "token is not for this", 0},
	codeRouteNotFound:   {404, "There is nothing at this path", "no such route", 0},
	codeAccountNotFound: {404, "The account does not exist", "account does not exist", 0},
	codeEventNotFound:   {404, "The event does not exist", "event does not exist", 0},
	codeNoSubscription:  {404, "The subscription does not exist", "subscription does not exist", 0},
	codeReplayNotFound:  {404, "The replay does not exist", "replay does not exist", 0},
	codeMethod:          {405, "The method is not allowed here", "method is not allowed", 0},
	codeAccountExists:   {409, "The account number has been used before", "account number has been used before", 0},
	codeAccountNotEmpty: {409, "The account is not empty", "account is not empty", 0},
	codeSubscribed:      {409, "The subscription begins elsewhere", "subscription exists with another start", 0},
	codeTooMany:         {409, "There are too many subscriptions", "too many subscriptions", 0},
	codeSuperseded:      {409, "Another reader has come", "superseded by another reader", 0},
	codeReplayRunning:   {409, "A replay is running", "another replay is running", 0},
	codeUnsubscribed:    {410, "The subscription was deleted", "subscription was deleted", 0},
	codeAccountClosed:   {410, "The account is closed", "account is closed", 0},
	codeVersionMismatch: {412, "The version is another one", "version is another one", 0},
	codeBodyTooLarge:    {413, "The body is too large", "body is too large", 0},
	codeURITooLong:      {414, "The URL is too long", "URL is too long", 0},
	codeMediaType:       {415, "The body's media type is not supported", "media type is not supported", 0},
	codeInvalid:         {422, "The request breaks a rule", "request breaks a rule", 0},
	codeKeyReused:       {422, "The idempotency key belongs to another request", "idempotency key was used before", 0},
	codeSameAccount:     {422, "The transfer is from and to one account", "transfer to the same account", 0},
	codeCurrency:        {422, "The account is kept in another currency", "account has another currency", 0},
	codeFunds:           {422, "There is not enough money in the account", "insufficient funds", 0},
	codeAmountRange:     {422, "The amount is more than the account can hold", "amount is out of range", 0},
	codeTooSlow:         {408, "The client is too slow", "client is too slow", 0},
	codeTypeReserved:    {422, "The type is reserved for the service's own events", "event type is reserved", 0},
	codeTooManyFailures: {429, "Too many wrong tokens", "too many wrong tokens", 1},
	codeInternal:        {500, "Something went wrong here", "internal error", 0},
	codeNotCaughtUp:     {503, "This node is not up to date", "node is not up to date", 1},
	codeOverloaded:      {503, "Too much is waiting", "too much is waiting", 1},
	codeUnavailable:     {503, "The store cannot be used now", "store is not available", 2},
	codeOutcomeUnknown:  {503, "The outcome is not known", "outcome is not known", 1},
	codeLogDamaged:      {503, "The log is damaged", "log is damaged", 60},
	codeShuttingDown:    {503, "This node is shutting down", "node is shutting down", 1},
}

// problem is the answer to a request that could not be met.
type problem struct {
	code   code
	detail string          // what was wrong and what to do, without any foreign text
	faults []account.Fault // of a body

	versions *versions   // for codeVersionMismatch
	replay   uuid.UUID   // for codeReplayRunning: the one that runs
	checks   []check     // of /readyz?verbose
	header   http.Header // goes with the answer
	cause    error       // for the log only; may be nil
}

// versions are what a precondition named and what there is.
type versions struct{ expected, actual int64 }

func newProblem(c code, detail string) *problem {
	p := &problem{code: c, detail: detail, header: make(http.Header)}
	if seconds := problemKinds[c].retryAfter; seconds > 0 {
		p.header.Set("Retry-After", strconv.Itoa(seconds))
	}
	return p
}

// because notes what lies behind p, for the log.
func (p *problem) because(cause error) *problem {
	p.cause = cause
	return p
}

// Error is the line for the log.
func (p *problem) Error() string {
	if p.cause != nil {
		return problemKinds[p.code].brief + ": " + p.cause.Error()
	}
	return problemKinds[p.code].brief
}

// Unwrap gives the cause.
func (p *problem) Unwrap() error { return p.cause }

// wireProblem is a problem's JSON form, after RFC 9457.
type wireProblem struct {
	Type      string      `json:"type"`
	Title     string      `json:"title"`
	Status    int         `json:"status"`
	Detail    string      `json:"detail"`
	Instance  string      `json:"instance,omitzero"` // left out within another answer, as is RequestID
	Code      code        `json:"code"`
	RequestID string      `json:"requestId,omitzero"`
	Errors    []wireFault `json:"errors,omitzero"`
	Expected  *int64      `json:"expected,omitzero"`
	Actual    *int64      `json:"actual,omitzero"`
	Replay    uuid.UUID   `json:"replay,omitzero"`
	Checks    []check     `json:"checks,omitzero"`
}

type wireFault struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

func (p *problem) wire(instance, requestID string) wireProblem {
	kind := problemKinds[p.code]
	w := wireProblem{
		Type: "/problems/" + string(p.code), Title: kind.title, Status: kind.status, Detail: p.detail,
		Instance: instance, Code: p.code, RequestID: requestID, Replay: p.replay, Checks: p.checks,
	}
	for _, f := range p.faults {
		w.Errors = append(w.Errors, wireFault{f.Pointer, f.Detail})
	}
	if p.versions != nil {
		w.Expected, w.Actual = &p.versions.expected, &p.versions.actual
	}
	return w
}
