package account

import "time"

// Number is an account's number, 6 to 12 ASCII digits. Leading zeros count. It
// is never used for a second account.
type Number string

// Currency is an ISO 4217 code: three upper-case letters.
type Currency string

// DefaultCurrency is that of an account opened without naming one.
const DefaultCurrency Currency = "GBP"

// Status tells what can be done with an account.
type Status string

// An account is open until it is closed, and closed for ever.
const (
	StatusOpen   Status = "open"
	StatusClosed Status = "closed"
)

// Account is one account at one moment. Values are shared between goroutines
// and are never changed, slices included: [Evolve] makes new ones.
type Account struct {
	Number       Number
	SortCode     string   // NN-NN-NN
	CustomerURLs []string // absolute http(s) URLs; never nil
	CardURLs     []string // likewise
	Currency     Currency
	Balance      int64 // minor units of Currency; never negative
	Status       Status
	Version      int64 // position in the log of the last event that touched the account
	OpenedAt     time.Time
	UpdatedAt    time.Time // of the event at Version
}

// View gives accounts as they are at some position.
type View interface {
	// Account is nil when no account has ever had this number; a closed account
	// is given like any other.
	Account(Number) *Account
}

// Stamp is what an event's place in the log says about it: where and when it
// happened, and with which key it was asked for.
type Stamp struct {
	Seq  int64
	Time time.Time // UTC, whole milliseconds
	Key  Key
}
