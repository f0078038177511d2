package eventstore

import (
	"context"
	"sync"
	"time"
)

// sharedHead lets concurrent strong reads share one read of the head. A caller
// must not join a read already under way, which may have looked before the
// append the caller knows of; it joins the next.
type sharedHead struct {
	read func(context.Context) (Head, error)

	mu      sync.Mutex
	running bool      // a goroutine is reading
	next    *headRead // not begun; nil when nobody waits
}

// headLimit is how long one read of the head may take; callers may leave earlier.
const headLimit = 30 * time.Second

type headRead struct {
	done chan struct{} // closed when head and err are set
	head Head
	err  error
}

func (s *sharedHead) get(ctx context.Context) (Head, error) {
	if err := ctx.Err(); err != nil {
		return Head{}, newError("head", KindUnavailable, err)
	}
	s.mu.Lock()
	if s.next == nil {
		s.next = &headRead{done: make(chan struct{})}
	}
	mine := s.next
	if !s.running {
		s.running = true
		// Not one caller's context: others wait for the same answer.
		go s.serve(context.WithoutCancel(ctx))
	}
	s.mu.Unlock()

	select {
	case <-mine.done:
		return mine.head, mine.err
	case <-ctx.Done():
		return Head{}, newError("head", KindUnavailable, ctx.Err())
	}
}

// serve reads as long as somebody waits. Its owner is the caller that found
// nobody reading; it ends by itself.
func (s *sharedHead) serve(ctx context.Context) {
	for {
		s.mu.Lock()
		now := s.next
		s.next = nil
		s.running = now != nil
		s.mu.Unlock()
		if now == nil {
			return
		}
		limited, cancel := context.WithTimeout(ctx, headLimit)
		now.head, now.err = s.read(limited)
		cancel()
		close(now.done)
	}
}
