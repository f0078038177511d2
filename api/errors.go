package api

import (
	"context"
	"errors"
	"fmt"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// refusals gives the problem code of each reason the domain has to refuse.
var refusals = map[account.Code]code{
	account.CodeInvalid:         codeInvalid,
	account.CodeAccountExists:   codeAccountExists,
	account.CodeAccountNotFound: codeAccountNotFound,
	account.CodeAccountClosed:   codeAccountClosed,
	account.CodeVersionMismatch: codeVersionMismatch,
	account.CodeAccountNotEmpty: codeAccountNotEmpty,

	account.CodeKeyReused:         codeKeyReused,
	account.CodeSameAccount:       codeSameAccount,
	account.CodeCurrencyMismatch:  codeCurrency,
	account.CodeInsufficientFunds: codeFunds,
	account.CodeAmountOutOfRange:  codeAmountRange,
}

// storeErrors gives what clients are told of each kind of the store's errors.
// Their own texts may hold anything, addresses and queries included: they go to
// the log.
var storeErrors = map[eventstore.Kind]struct {
	code   code
	detail string
}{
	eventstore.KindOverloaded: {codeOverloaded,
		"more commands are waiting than this node takes; nothing was done: try again after Retry-After seconds"},
	eventstore.KindUnavailable: {codeUnavailable,
		"the store could not be asked; nothing was done: try again after Retry-After seconds"},
	eventstore.KindConflict: {codeUnavailable,
		"other nodes were always first; nothing was done: try again after Retry-After seconds"},
	eventstore.KindClosed: {codeUnavailable,
		"this node is shutting down or has stopped; nothing was done: try again after Retry-After seconds, on another node if there is one"},
	eventstore.KindUnknown: {codeOutcomeUnknown,
		"the command may have been carried out, or may still be: send it again with the same Idempotency-Key; if it had none, read with Consistency: strong what became of it first"},
	eventstore.KindDamaged:   {codeLogDamaged, damagedDetail},
	eventstore.KindMissing:   {codeLogDamaged, damagedDetail},
	eventstore.KindRegressed: {codeLogDamaged, damagedDetail},
	eventstore.KindInvalid: {codeInvalid,
		"the event that would follow is larger than an event may be: send less"},
}

const damagedDetail = "what the log holds is not what was written to it, and nothing is decided on that: an operator has to look at it"

// problemOf gives any error its place in the contract.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if b, ok := errors.AsType[*journal.BulkError](err); ok {
		return bulkRefused(b)
	}
	if r, ok := errors.AsType[*account.Refusal](err); ok {
		return refused(r)
	}
	if r, ok := errors.AsType[*journal.ReplayRunningError](err); ok {
		return running(r)
	}
	switch {
	case errors.Is(err, journal.ErrKeysFull):
		return keysFull(err)
	case errors.Is(err, journal.ErrBulkTooLarge):
		return newProblem(codeInvalid, "the events that would follow are more than is stored at once, which is 1,000 events of 1 MiB together: send fewer, or, of commands, without atomic").because(err)
	case errors.Is(err, journal.ErrNotTried):
		return newProblem(codeUnavailable, "a command before this one failed or is in doubt, so that this one was not tried; nothing was done: try again after Retry-After seconds").because(err)
	}
	if p := subscriptionProblem(err); p != nil {
		return p
	}
	if skew, ok := errors.AsType[*eventstore.SkewError](err); ok {
		return newProblem(codeUnavailable, skewDetail(skew)).because(err)
	}
	if known, ok := storeErrors[kindOf(err)]; ok {
		p := newProblem(known.code, known.detail).because(err)
		if halt, ok := journal.HaltOf(err); ok {
			p.detail = haltDetail(halt)
		}
		return p
	}
	switch {
	case errors.Is(err, journal.ErrNoReplay):
		return newProblem(codeReplayNotFound, "there is no replay with this id, or it ended so long ago that this node has forgotten it")
	case errors.Is(err, journal.ErrStarting):
		return newProblem(codeNotCaughtUp, startingDetail).because(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return newProblem(codeUnavailable, storeErrors[eventstore.KindUnavailable].detail).because(err)
	}
	return newProblem(codeInternal, "this is a defect of the service: report it with the requestId").because(err)
}

const startingDetail = "the state is being restored from snapshots and the log: try again after Retry-After seconds"

// haltDetail says which event can't be got past, and what helps. A newer version
// of this program has written it, most likely.
func haltDetail(h journal.Halt) string {
	return fmt.Sprintf("halted at event %d (%s): %s: upgrade this node", h.Seq, h.Type, h.Reason)
}

// keysFull is overloaded, but not for a moment.
func keysFull(cause error) *problem {
	p := newProblem(codeOverloaded, "as many idempotency keys are remembered as this node takes, each for 24 hours; nothing was done: try again later, or have --idempotency-keys raised; commands without a key are carried out")
	p.header.Set("Retry-After", "60")
	return p.because(cause)
}

func skewDetail(skew *eventstore.SkewError) string {
	return skew.Error() + "; until then this node takes no commands, and nothing was done: use another node"
}

// kindOf is the outermost kind, or, for a component that has halted, that of what
// halted it, if the log is to blame.
func kindOf(err error) eventstore.Kind {
	kind := eventstore.KindOf(err)
	if kind != eventstore.KindClosed {
		return kind
	}
	closed, _ := errors.AsType[*eventstore.Error](err)
	if inner := kindOf(closed.Err); storeErrors[inner].code == codeLogDamaged {
		return inner
	}
	return kind
}

func refused(r *account.Refusal) *problem {
	known, ok := refusals[r.Code]
	if !ok {
		known = codeInvalid // a reason newer than this table is a rule all the same
	}
	p := newProblem(known, r.Detail)
	p.faults = r.Faults
	if known == codeVersionMismatch {
		p.versions = &versions{r.Expected, r.Actual}
		if r.Expected == 0 && r.Subject == "" {
			p.detail = fmt.Sprintf("the tag in If-Match is no version of the account, which has version %d: send the ETag of a read as it is", r.Actual)
		}
	}
	return p
}
