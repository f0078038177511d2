package eventstore

import "fmt"

// HaltedAt is the cause of the error with which a subscriber has stopped for good:
// the event it could not get past, and why. The place is told apart from the
// reason so that it can be shown where texts can't.
type HaltedAt struct {
	Who  string // the subscriber
	Seq  Position
	Type string // empty if the event could not even be read
	Err  error  // the reason
}

// Error is one line.
func (h *HaltedAt) Error() string { return h.Who + " halted at " + h.Place() + ": " + h.Err.Error() }

// Place names the event: "event 17 (account.frozen)".
func (h *HaltedAt) Place() string {
	if h.Type == "" {
		return fmt.Sprintf("event %d", h.Seq)
	}
	return fmt.Sprintf("event %d (%s)", h.Seq, h.Type)
}

// Unwrap gives the reason.
func (h *HaltedAt) Unwrap() error { return h.Err }
