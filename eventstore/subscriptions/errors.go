package subscriptions

import (
	"errors"
	"fmt"

	"openpayment/eventstore"
)

// Why something is refused.
var (
	ErrNotFound  = errors.New("there is no subscription of this name")
	ErrForbidden = errors.New("the subscription is somebody else's")
	ErrOutside   = errors.New("the filter has no subject that the caller is bound to")
	ErrStart     = errors.New("the subscription begins elsewhere, and that can't be changed")
	ErrTooMany   = fmt.Errorf("there are %d subscriptions already", MaxSubscriptions)
)

// Why a reader has ended.
var (
	ErrSuperseded = errors.New("another reader has come, or the filter was changed")
	ErrDeleted    = errors.New("the subscription was deleted")
	ErrClosing    = errors.New("this node is shutting down")
)

// BeyondError refuses a position that the log has not got to.
type BeyondError struct{ Seq, Head eventstore.Position }

// Error is one line.
func (e *BeyondError) Error() string {
	return fmt.Sprintf("there is no event %d: the log ends at %d", e.Seq, e.Head)
}
