package account

// Command is what somebody asks for: one of [Open], [Update], [Close], [Deposit],
// [Withdraw] and [Transfer].
type Command interface {
	// Validate lists every fault that can be seen without looking at any account.
	Validate() []Fault
	decide(View) (Event, error)
}

// Open asks for a new account.
type Open struct {
	Number       string // empty: Propose names candidates
	SortCode     string
	CustomerURLs []string
	CardURLs     []string
	Currency     string // empty: DefaultCurrency
	// Propose gives a number to try when Number is empty. It is called until it
	// names a free one.
	Propose func() Number
}

// Update asks for other details. A nil field leaves what is there, so that an
// Update with all three set replaces the details.
type Update struct {
	Account      Number
	Match        *Match
	SortCode     *string
	CustomerURLs *[]string
	CardURLs     *[]string
	// What never changes may be named, and must be right then.
	Number   *string
	Currency *string
}

// Close asks for the end of an account.
type Close struct {
	Account Number
	Match   *Match
}

var (
	_ Command = Open{}
	_ Command = Update{}
	_ Command = Close{}
)

// Match is a precondition on the account's version.
type Match struct {
	Any     bool // any version will do: the account must exist
	Version int64
}

// Validate implements [Command].
func (c Open) Validate() []Fault {
	var f faults
	if c.Number != "" || c.Propose == nil {
		f.number("/accountNumber", c.Number)
	}
	f.sortCode("/sortCode", c.SortCode)
	f.urlLists(c.CustomerURLs, c.CardURLs)
	if c.Currency != "" {
		f.currency("/currency", c.Currency)
	}
	return f.list
}

// Validate implements [Command].
func (c Update) Validate() []Fault {
	var f faults
	if c.Number != nil && *c.Number != string(c.Account) {
		f.add("/accountNumber", "can't be changed: leave it out, or give the account's own")
	}
	if c.SortCode != nil {
		f.sortCode("/sortCode", *c.SortCode)
	}
	f.urlLists(deref(c.CustomerURLs), deref(c.CardURLs))
	if c.Currency != nil {
		f.currency("/currency", *c.Currency)
	}
	return f.list
}

// Validate implements [Command]: a Close can't be malformed.
func (c Close) Validate() []Fault { return nil }

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
