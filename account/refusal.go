package account

// Code names why a command was refused. Codes are part of the service's
// contract: clients branch on them.
type Code string

// The reasons for refusals.
const (
	CodeInvalid         Code = "invalid"           // the command itself breaks a rule
	CodeAccountExists   Code = "account-exists"    // the number was used before
	CodeAccountNotFound Code = "account-not-found" // no account ever had the number
	CodeAccountClosed   Code = "account-closed"
	CodeVersionMismatch Code = "version-mismatch" // the account, or the subject, is not as the caller believed
	CodeAccountNotEmpty Code = "account-not-empty"

	CodeKeyReused Code = "idempotency-key-reused" // the key belongs to another request

	CodeSameAccount       Code = "same-account"        // a transfer to where it comes from
	CodeCurrencyMismatch  Code = "currency-mismatch"   // the account is kept in another
	CodeInsufficientFunds Code = "insufficient-funds"  // the balance would be negative
	CodeAmountOutOfRange  Code = "amount-out-of-range" // the balance would be more than MaxBalance
)

// Refusal is the answer to a command that leads to no event.
type Refusal struct {
	Code   Code
	Detail string  // what was wrong and what to do, for people
	Faults []Fault // all of them, for CodeInvalid

	// For CodeVersionMismatch: what the caller asked for, and what is, of an account,
	// or, if it is not empty, of Subject. Expected is 0 when the caller named no version
	// of this log; of a subject, when there was to be no event about it.
	Expected, Actual int64
	Subject          string
}

// Error is the detail.
func (r *Refusal) Error() string { return r.Detail }

// Fault is one thing wrong with a command.
type Fault struct {
	Pointer string // RFC 6901, into the command's JSON form: /customerURLs/3
	Detail  string
}

func invalid(faults []Fault) *Refusal {
	detail := "the request breaks a rule: see errors"
	if len(faults) == 1 {
		detail = faults[0].Pointer + " " + faults[0].Detail
	}
	return &Refusal{Code: CodeInvalid, Detail: detail, Faults: faults}
}
