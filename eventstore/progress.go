package eventstore

import (
	"context"
	"sync"
)

// progress is a head that only moves forward, and can be waited for.
type progress struct {
	mu    sync.Mutex
	head  Head
	err   error         // set once, by fail: it will never move again
	held  error         // what keeps it from moving at present; nil after a move
	moved chan struct{} // closed when the head has come to least; nil when nobody waits
	least Position      // that anybody waits for
}

func (p *progress) get() Head {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.head
}

func (p *progress) advance(to Head) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.head, p.held = to, nil
	if to.Position >= p.least { // whoever waits for more is not woken for each event
		p.signal()
	}
}

// hold notes what keeps the head from moving; nil: nothing does.
func (p *progress) hold(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = err
}

// health is why the head does not move, nil if it may.
func (p *progress) health() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	return p.held
}

func (p *progress) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.signal()
}

func (p *progress) signal() { // with mu held
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

func (p *progress) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// wait returns nil once the head has reached pos, the failure if it never will,
// or ctx's error.
func (p *progress) wait(ctx context.Context, pos Position) error {
	for {
		p.mu.Lock()
		if p.head.Position >= pos || p.err != nil {
			defer p.mu.Unlock()
			if p.head.Position >= pos {
				return nil
			}
			return p.err
		}
		if p.moved == nil {
			p.moved, p.least = make(chan struct{}), pos
		}
		p.least = min(p.least, pos)
		moved := p.moved
		p.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
