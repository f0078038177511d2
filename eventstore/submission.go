package eventstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"openpayment/internal/mutant"
)

// submission is one command on its way. Its phase decides what a caller that
// gives up can be told: only one side wins each change.
//
//	waiting ⇄ taken → answered
//	   └────────┴──→ abandoned
type submission[D any] struct {
	ctx    context.Context
	decide Decide[D]
	answer chan struct{} // one slot, so that the Writer never waits for a caller
	phase  atomic.Int32
	queued time.Time

	// The first decision's time and the last one's outcome: the Writer goroutine's own,
	// the caller's when there is an answer.
	taken   time.Time
	outcome Placed
	refusal error
}

// Placed is what a decided command has led to. Events are as they stand in the
// log: shared, and never changed.
type Placed struct {
	Position Position // of the last event; without any, what the command was decided on
	Events   []Event
	Course   Course // also of a refused command
}

const (
	phaseWaiting   int32 = iota // not part of any append: giving up leaves no trace
	phaseTaken                  // part of an append under way
	phaseAnswered               // the answer is, or is about to be, in the channel
	phaseAbandoned              // the caller has gone
)

// giveUp is the caller's answer when its context has ended.
func (s *submission[D]) giveUp() (Placed, error) {
	switch s.phase.Swap(phaseAbandoned) {
	case phaseAnswered:
		<-s.answer
		return s.outcome, s.refusal
	case phaseTaken:
		return Placed{}, newError("submit", KindUnknown, s.ctx.Err())
	default:
		return Placed{}, newError("submit", KindUnavailable, errors.Join(errors.New("not submitted in time"), s.ctx.Err()))
	}
}

// take claims s for a batch; false when its caller has gone.
func (s *submission[D]) take() bool {
	if mutant.On(mutant.DecidesForTheGone) {
		s.phase.Store(phaseTaken)
		return true
	}
	return s.ctx.Err() == nil && s.phase.CompareAndSwap(phaseWaiting, phaseTaken)
}

// release says that s is definitely part of no append any more.
func (s *submission[D]) release() { s.phase.CompareAndSwap(phaseTaken, phaseWaiting) }

// conclude answers s with what was decided last. c is the course of its batch.
func (s *submission[D]) conclude(c Course) {
	c.Queued, c.Taken = s.queued, s.taken
	s.outcome.Course = c
	if s.phase.Swap(phaseAnswered) != phaseAbandoned {
		s.answer <- struct{}{}
	}
}

// reject answers s with err, whatever was decided.
func (s *submission[D]) reject(err error) {
	s.outcome, s.refusal = Placed{}, err
	s.conclude(Course{})
}
