package histories

import "maps"

// group is the state of a few accounts that money moves between. Its values are never changed.
type group struct {
	at       int64 // the group's newest event
	accounts map[string]View
	done     *done
}

// done is the list of the keys under which something was accepted, newest first.
type done struct {
	key      string
	position int64
	view     View // of the account just after
	before   *done
}

func (d *done) find(key string) *done {
	for ; d != nil && key != ""; d = d.before {
		if d.key == key {
			return d
		}
	}
	return nil
}

const (
	open   = "open"
	closed = "closed"
)

// The codes of the refusals that there are.
const (
	notFound     = "account-not-found"
	isClosed     = "account-closed"
	exists       = "account-exists"
	notEmpty     = "account-not-empty"
	otherVersion = "version-mismatch"
	lacksFunds   = "insufficient-funds"
)

// usable tells why an account can't be used; empty if it can.
func (g group) usable(number string) string {
	switch g.accounts[number].Status {
	case open:
		return ""
	case closed:
		return isClosed
	}
	return notFound
}

// refuse gives the code with which a command is refused in this state, empty if it is not, and
// the version that there is.
func (g group) refuse(in Input) (code string, actual int64) {
	a := g.accounts[in.Account]
	if in.Kind == Open {
		if a.Status != "" {
			return exists, 0
		}
		return "", 0
	}
	if code := g.usable(in.Account); code != "" {
		return code, 0
	}
	if in.Kind == Transfer {
		if code := g.usable(in.To); code != "" {
			return code, 0
		}
	}
	if in.IfMatch != 0 && in.IfMatch != a.Version {
		return otherVersion, a.Version
	}
	switch {
	case in.Kind == Close && a.Balance != 0:
		return notEmpty, 0
	case (in.Kind == Withdraw || in.Kind == Transfer) && a.Balance < in.Amount:
		return lacksFunds, 0
	}
	return "", 0
}

// after is the state that an accepted command leads to, as the event at position.
func (g group) after(in Input, position int64) group {
	a := g.accounts[in.Account]
	a.Version = position
	switch in.Kind {
	case Open:
		a = View{Status: open, Details: in.Details, Version: position}
	case Update:
		a.Details.Card = in.Details.Card
	case Replace:
		a.Details = in.Details
	case Close:
		a.Status = closed
	case Deposit:
		a.Balance += in.Amount
	case Withdraw, Transfer:
		a.Balance -= in.Amount
	}
	next := group{at: position, accounts: maps.Clone(g.accounts), done: g.done}
	if next.accounts == nil {
		next.accounts = make(map[string]View)
	}
	next.accounts[in.Account] = a
	if in.Kind == Transfer {
		to := g.accounts[in.To]
		to.Balance, to.Version = to.Balance+in.Amount, position
		next.accounts[in.To] = to
	}
	if in.Key != "" {
		next.done = &done{in.Key, position, a, g.done}
	}
	return next
}

// shows tells whether a read of an account in this state is answered so.
func (g group) shows(in Input, out Output) bool {
	a, there := g.accounts[in.Account]
	switch {
	case !there:
		return out.Outcome == Refused && out.Code == notFound
	case a.Status == closed && in.Kind != ReadAt: // the past shows closed accounts too
		return out.Outcome == Refused && out.Code == isClosed
	}
	return out.Outcome == OK && out.View != nil && *out.View == a
}
