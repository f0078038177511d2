package histories

import "fmt"

// Kind is what a client asks for.
type Kind string

// What there is. The reads differ in what they may show.
const (
	Open     Kind = "open"
	Update   Kind = "update"  // the card only (PATCH)
	Replace  Kind = "replace" // all details (PUT)
	Close    Kind = "close"
	Deposit  Kind = "deposit"
	Withdraw Kind = "withdraw"
	Transfer Kind = "transfer"

	ReadStrong Kind = "read strong" // the state at a moment between question and answer
	ReadFrom   Kind = "read from"   // at Bound or after it, but none that is yet to come
	ReadAt     Kind = "read at"     // at Bound exactly
)

// Reads tells whether nothing is changed.
func (k Kind) Reads() bool { return k == ReadStrong || k == ReadFrom || k == ReadAt }

// Input is one attempt at an operation, as it was sent.
type Input struct {
	Kind    Kind    `json:"kind"`
	Account string  `json:"account"`
	To      string  `json:"to,omitempty"` // of a transfer
	Amount  int64   `json:"amount,omitempty"`
	Details Details `json:"details,omitzero"`
	IfMatch int64   `json:"ifMatch,omitempty"` // 0: none
	Bound   int64   `json:"bound,omitempty"`   // the position of an event of this group
	Key     string  `json:"key,omitempty"`     // Idempotency-Key
	Request string  `json:"request"`           // X-Request-Id: no other attempt has it
}

// Details are what Update and Replace set.
type Details struct {
	SortCode string `json:"sortCode,omitempty"`
	Customer string `json:"customer,omitempty"`
	Card     string `json:"card,omitempty"`
}

// Outcome is what the client knows afterwards.
type Outcome string

// All there are.
const (
	OK      Outcome = "ok"
	Refused Outcome = "refused"  // by a rule, which holds for reads of what isn't there too
	NotDone Outcome = "not done" // and it never will be: nobody was there, or a node said so
	Unknown Outcome = "unknown"
)

// Output is the answer to an attempt.
type Output struct {
	Outcome  Outcome `json:"outcome"`
	Position int64   `json:"position,omitempty"` // of the event; of an unknown one by the log
	Replayed bool    `json:"replayed,omitempty"`
	Code     string  `json:"code,omitempty"`    // of a refusal, or why it is not known
	Actual   int64   `json:"actual,omitempty"`  // of version-mismatch
	Applied  int64   `json:"applied,omitempty"` // Applied-Position
	View     *View   `json:"view,omitempty"`    // the account, if the answer shows it

	// After is the position of the group's event before Position: see Check.
	After int64 `json:"after,omitempty"`
}

// View is an account, as an answer shows it.
type View struct {
	Status  string  `json:"status"` // open or closed
	Balance int64   `json:"balance"`
	Details Details `json:"details"`
	Version int64   `json:"version"`
}

// Operation is one attempt and its answer. Times are nanoseconds since the history began.
type Operation struct {
	Client int    `json:"client"`
	Node   int    `json:"node"`
	Group  int    `json:"group"`
	Input  Input  `json:"input"`
	Output Output `json:"output"`
	Call   int64  `json:"call"`
	Return int64  `json:"return"`
}

func (in Input) String() string {
	s := string(in.Kind) + " " + in.Account
	if in.To != "" {
		s += "→" + in.To
	}
	if in.Amount != 0 {
		s += fmt.Sprintf(" %d", in.Amount)
	}
	if in.Details != (Details{}) {
		s += fmt.Sprintf(" %v", in.Details)
	}
	if in.IfMatch != 0 {
		s += fmt.Sprintf(" if %d", in.IfMatch)
	}
	if in.Kind == ReadFrom || in.Kind == ReadAt {
		s += fmt.Sprintf(" %d", in.Bound)
	}
	if in.Key != "" {
		s += " key " + in.Key
	}
	return s
}

func (o Output) String() string {
	s := string(o.Outcome)
	if o.Replayed {
		s = "replayed"
	}
	if o.Position != 0 {
		s += fmt.Sprintf(" at %d", o.Position)
	}
	if o.Code != "" {
		s += " " + o.Code
	}
	if o.Actual != 0 {
		s += fmt.Sprintf(" (is %d)", o.Actual)
	}
	if o.View != nil {
		s += fmt.Sprintf(" %+v", *o.View)
	}
	return s
}
