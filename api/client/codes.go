package client

// Code names why the service has refused something.
type Code string

// The codes there are. New ones may come: treat one that you don't know by the
// status that goes with it.
const (
	CodeBadJSON           Code = "bad-json"
	CodeBadParameter      Code = "bad-parameter"
	CodeBadHeader         Code = "bad-header"
	CodeUnauthenticated   Code = "unauthenticated"
	CodeRouteNotFound     Code = "route-not-found"
	CodeAccountNotFound   Code = "account-not-found"
	CodeEventNotFound     Code = "event-not-found"
	CodeReplayNotFound    Code = "replay-not-found"
	CodeMethodNotAllowed  Code = "method-not-allowed"
	CodeAccountExists     Code = "account-exists"
	CodeAccountNotEmpty   Code = "account-not-empty"
	CodeReplayRunning     Code = "replay-running" // Error.Replay names it
	CodeAccountClosed     Code = "account-closed"
	CodeVersionMismatch   Code = "version-mismatch" // Error.Expected and Actual
	CodeBodyTooLarge      Code = "body-too-large"
	CodeURITooLong        Code = "uri-too-long"
	CodeUnsupportedMedia  Code = "unsupported-media-type"
	CodeInvalid           Code = "invalid" // Error.Faults lists all of them
	CodeKeyReused         Code = "idempotency-key-reused"
	CodeSameAccount       Code = "same-account"
	CodeCurrencyMismatch  Code = "currency-mismatch"
	CodeInsufficientFunds Code = "insufficient-funds"
	CodeAmountOutOfRange  Code = "amount-out-of-range"
	CodeInternal          Code = "internal"
	CodeNotCaughtUp       Code = "not-caught-up"
	CodeOverloaded        Code = "overloaded"
	CodeStoreUnavailable  Code = "store-unavailable"
	CodeOutcomeUnknown    Code = "outcome-unknown"
	CodeLogDamaged        Code = "log-damaged"

	// Of tokens.
	CodeForbidden Code = "forbidden"
	// CodeTooManyFailures: as CodeUnauthenticated, and too often from this address.
	CodeTooManyFailures Code = "too-many-failures"

	// Of appending.
	CodeTypeReserved Code = "type-reserved"

	// Of streams and subscriptions.
	CodeShuttingDown Code = "shutting-down"
	CodeTooSlow      Code = "too-slow"
	CodeSuperseded   Code = "superseded" // another reader of the subscription has come

	CodeSubscriptionNotFound Code = "subscription-not-found"
	CodeSubscriptionExists   Code = "subscription-exists" // and begins elsewhere
	CodeSubscriptionDeleted  Code = "subscription-deleted"
	CodeTooManySubscriptions Code = "too-many-subscriptions"
)
