package access

// Scope is a kind of request. No scope includes another: a token has exactly those
// it was given.
type Scope string

// The scopes there are.
const (
	Read    Scope = "read"    // accounts, events, subscriptions, metrics
	Command Scope = "command" // whatever changes accounts or moves money
	Append  Scope = "append"  // events of other services
	Admin   Scope = "admin"   // what operators do
)

// Any is what requests need that every token may make. It is no scope of a token.
const Any Scope = "any"

// Scopes are all that a token can have.
func Scopes() []Scope { return []Scope{Read, Command, Append, Admin} }
