package eventstore

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"openpayment/internal/pause"
)

// Clock is a capability of a [Backend] whose store keeps time on other machines
// than this one.
type Clock interface {
	// Ahead is by how much the store's clock is ahead of this process's, negative if
	// it is behind, and how exactly that is known. Of several clocks it takes the
	// one that is closest: this process's is wrong only if none agrees with it.
	// Errors: KindUnavailable.
	Ahead(ctx context.Context) (ahead, within time.Duration, err error)
}

// SkewError is the cause of an error of KindUnavailable: this process's clock can't
// be trusted with the time of an event.
type SkewError struct {
	Ahead time.Duration // by how much the other clock is ahead of this process's; negative: behind
	Of    string        // whose: "the store"
}

// Error says what is wrong and what to do. It holds no foreign text.
func (e *SkewError) Error() string {
	where := "ahead of"
	if e.Ahead < 0 {
		where = "behind"
	}
	return fmt.Sprintf("the clock of %s is %s %s this machine's: set the clocks by NTP", e.Of, e.Ahead.Abs().Round(time.Millisecond), where)
}

// Clocks watches whether this process's clock may give events their times. A time
// in the log never goes back: one that is fast makes all later events as late as its
// own, and one that is slow would not even show it. A nil Clocks objects to nothing.
//
// It is safe for concurrent use. One goroutine measures; Close ends it.
type Clocks struct {
	limit    time.Duration
	store    Clock // nil: there is no other clock
	observer Observer
	skew     atomic.Pointer[SkewError]     // as measured last; nil: none that counts
	ahead    atomic.Pointer[time.Duration] // as measured last; nil: not yet
	cancel   context.CancelFunc
	done     chan struct{} // closed when the goroutine has ended
}

// How often, and for how long at most, the store's clock is asked.
const (
	clockInterval = 10 * time.Second
	clockLimit    = 5 * time.Second
)

// WatchClocks compares clocks until Close, the first time before it returns, which
// ctx bounds. More than limit apart counts; 0 makes it nil. A measurement that
// fails changes nothing.
func WatchClocks(ctx context.Context, b Backend, limit time.Duration, o Observer) *Clocks {
	if limit <= 0 {
		return nil
	}
	c := &Clocks{limit: limit, observer: o, cancel: func() {}, done: make(chan struct{})}
	var ok bool
	if c.store, ok = b.(Clock); !ok {
		close(c.done)
		return c
	}
	c.measure(ctx)
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() { // ends by Close
		defer close(c.done)
		for pause.For(ctx, clockInterval) {
			c.measure(ctx)
		}
	}()
	return c
}

// measure asks the store's clock. Only what is certain counts: a slow network makes
// clocks seem apart by half of its delay.
func (c *Clocks) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, clockLimit)
	defer cancel()
	ahead, within, err := c.store.Ahead(ctx)
	if err != nil {
		return
	}
	c.ahead.Store(&ahead)
	var found *SkewError
	if ahead.Abs()-within > c.limit {
		found = &SkewError{Ahead: ahead, Of: "the store"}
	}
	if before := c.skew.Swap(found); (before == nil) != (found == nil) {
		c.observer.skewed(found)
	}
}

// Check is nil if an event may be appended now, by this process's clock, to a log
// whose newest event is of the time last; otherwise an error of KindUnavailable, its
// cause a [SkewError].
func (c *Clocks) Check(now, last time.Time) error {
	if c == nil {
		return nil
	}
	skew := c.skew.Load()
	if ahead := last.Sub(now); skew == nil && ahead > c.limit {
		skew = &SkewError{Ahead: ahead, Of: "the newest event's writer"}
	}
	if skew == nil {
		return nil
	}
	return newError("check clock", KindUnavailable, skew)
}

// Ahead is by how much the store's clock was ahead of this process's when it was last
// asked; known tells whether it ever was.
func (c *Clocks) Ahead() (ahead time.Duration, known bool) {
	if c == nil {
		return 0, false
	}
	if last := c.ahead.Load(); last != nil {
		return *last, true
	}
	return 0, false
}

// Close ends the measuring. It may be called twice.
func (c *Clocks) Close() {
	if c != nil {
		c.cancel()
		<-c.done
	}
}
