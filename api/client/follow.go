package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"openpayment/internal/pause"
)

// FollowOptions say who is told what. The zero one is nobody.
type FollowOptions struct {
	// CaughtUp, unless it is nil, is called once: when everything has been handled that
	// was in the log when following began.
	CaughtUp func(Position)
	// Disconnected, unless it is nil, is called whenever the stream was cut off, with
	// the reason and the time until it is tried again.
	Disconnected func(err error, retryIn time.Duration)
}

// Follow gives the events of a subscription to handle, one after another, in order,
// until ctx ends or handle fails; that is the error then. An event whose handling has
// succeeded is acknowledged; where many are handled in short time, several at once and
// meanwhile. So each is handled at least once: after a crash those come again that were
// handled and not acknowledged yet. Cut off, Follow goes on by itself like
// [Client.Stream], and no event is handled twice by one call.
//
// A subscription has one reader. When another one has come, on whatever node, the error
// is [CodeSuperseded]; when it was deleted, [CodeSubscriptionDeleted].
func (c *Client) Follow(ctx context.Context, name string, handle func(context.Context, Event) error, o FollowOptions) error {
	following, stop := context.WithCancelCause(ctx)
	acks := &acks{c: c, name: name, wake: make(chan struct{}, 1)}
	var running sync.WaitGroup
	running.Go(func() { stop(acks.run(following)) })
	f := &feed{c: c, path: subscriptionPath(name, "events"), caughtUp: o.CaughtUp, disconnected: o.Disconnected}
	err := f.run(following, func(ev Event) error {
		if err := handle(ctx, ev); err != nil {
			return err
		}
		acks.handled(ev.Seq)
		return nil
	})
	if cause := context.Cause(following); cause != nil && f.refused == nil {
		err = cause // ctx's, or why nothing can be acknowledged
	}
	stop(nil)
	running.Wait()
	unsettled := acks.finish(ctx)
	if _, refused := errors.AsType[*Error](err); refused {
		return err // which says enough
	}
	return errors.Join(err, unsettled)
}

// acks acknowledges what has been handled, the newest of it at a time.
type acks struct {
	c    *Client
	name string
	wake chan struct{} // holds something when there is news

	mu      sync.Mutex // guards what follows
	newest  Position   // that was handled
	settled Position   // that was acknowledged
}

func (a *acks) handled(seq Position) {
	a.mu.Lock()
	a.newest = seq
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run acknowledges until ctx ends, or the service refuses for good, which it returns.
func (a *acks) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.wake:
		}
		for err := a.send(ctx); err != nil; err = a.send(ctx) {
			if ctx.Err() != nil {
				return nil
			}
			if !judge(err, true).again {
				return err
			}
			if !pause.For(ctx, a.c.retry.MaxPause) { // the policy has had enough; the stream goes on trying
				return nil
			}
		}
	}
}

// send acknowledges what there is.
func (a *acks) send(ctx context.Context) error {
	a.mu.Lock()
	newest, settled := a.newest, a.settled
	a.mu.Unlock()
	if newest == settled {
		return nil
	}
	if _, err := a.c.Acknowledge(ctx, a.name, newest); err != nil {
		return err
	}
	a.mu.Lock()
	a.settled = newest
	a.mu.Unlock()
	return nil
}

// lastAck is how long the last acknowledgement may take.
const lastAck = 5 * time.Second

// finish acknowledges the rest, though ctx may have ended.
func (a *acks) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAck)
	defer cancel()
	return a.send(ctx)
}
