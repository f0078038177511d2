package subscriptions

import (
	"strconv"
	"strings"

	"openpayment/eventstore"
)

const (
	// MaxSubscriptions is how many a log has at most; nodes that make some at the same
	// moment may go a little beyond.
	MaxSubscriptions = 1000
	// MaxName is the length of the longest name.
	MaxName = 64
)

// ValidName tells whether a subscription may be called so: 1 to 64 ASCII letters,
// digits, dots, underscores and hyphens, but not "." or "..": clients and proxies take
// those out of a path, and ask for something else (RFC 3986, section 5.2.4).
func ValidName(name string) bool {
	for _, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return len(name) >= 1 && len(name) <= MaxName && name != "." && name != ".."
}

// Where a subscription may begin, if not behind a position: that is its digits. StartEnd
// is the head of the log when the subscription is made.
const (
	StartBeginning = "beginning"
	StartEnd       = "end"
)

// StartBehind is the start behind a position.
func StartBehind(at eventstore.Position) string { return strconv.FormatInt(int64(at), 10) }

// startPosition is the position that a start is behind; ok is false if it is a word.
func startPosition(start string) (at eventstore.Position, ok bool) {
	n, err := strconv.ParseInt(start, 10, 64)
	return eventstore.Position(n), err == nil
}

// sameStart tells whether two starts are the same place, however they are written: behind
// 0 is the beginning.
func sameStart(a, b string) bool {
	first := func(start string) bool { return start == StartBeginning || start == StartBehind(0) }
	return a == b || first(a) && first(b)
}

// Definition is what a subscriber wants. Without a Start, a new subscription begins at
// the beginning, and one that is there stays where it is.
type Definition struct {
	Filter Filter
	Start  string
}

// Caller is who asks.
type Caller struct {
	// Name is what a subscription's owner is told by.
	Name string
	// All may do everything with everybody's.
	All bool
	// Subjects is how the subject of every filter must begin that the caller uses, those
	// of its own subscriptions too.
	Subjects string
}

// may is nil if the caller may use a subscription.
func (c Caller) may(sub eventstore.NamedSubscription) error {
	switch {
	case !strings.HasPrefix(sub.Subject, c.Subjects):
		return ErrOutside
	case !c.All && c.Name != sub.Owner:
		return ErrForbidden
	}
	return nil
}

// Status is a subscription, and how new the log is: Done is how far it has come.
type Status struct {
	eventstore.NamedSubscription
	Head eventstore.Position // as far as this node has heard
}

// Lag is how many events there are behind what is acknowledged, whether the filter lets
// them pass or not.
func (s Status) Lag() eventstore.Position { return max(0, s.Head-s.Done().Position) }

// Filter is what the subscription is about.
func (s Status) Filter() Filter { return filterOf(s.NamedSubscription) }
