package eventstore

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"openpayment/internal/mutant"
)

// PollerConfig bounds a [Poller]. Zero fields take the defaults.
type PollerConfig struct {
	// MinInterval and MaxInterval bound the time between two reads of the log:
	// the first while there is news, doubling to the second while there is none.
	// Defaults: 10 ms and 500 ms.
	MinInterval, MaxInterval time.Duration
	// HeadCheck is how often an idle poller compares itself with the log's head,
	// to find a log that lost events. Default: 5 s.
	HeadCheck time.Duration
	// WindowEvents and WindowBytes bound the newest events kept in memory for the
	// subscribers. Defaults: 16,384 and 32 MiB.
	WindowEvents, WindowBytes int

	Observer Observer
}

func (c PollerConfig) withDefaults() PollerConfig {
	c.MinInterval = orDefault(c.MinInterval, 10*time.Millisecond)
	c.MaxInterval = max(orDefault(c.MaxInterval, 500*time.Millisecond), c.MinInterval)
	c.HeadCheck = orDefault(c.HeadCheck, 5*time.Second)
	c.WindowEvents = orDefault(c.WindowEvents, 16384)
	c.WindowBytes = orDefault(c.WindowBytes, 32<<20)
	return c
}

func orDefault[T int | time.Duration](value, fallback T) T {
	if value <= 0 {
		return fallback
	}
	return value
}

// Poller follows the end of a log and feeds subscriptions. It takes an event
// only when it holds the one before: a hole is read again, never skipped.
//
// It is safe for concurrent use. One goroutine reads; [Poller.Close] ends it.
type Poller struct {
	log     *Log
	cfg     PollerConfig
	window  *window
	wake    chan struct{}   // one slot: somebody knows of news
	handed  atomic.Bool     // a batch was handed over since the log was last looked at
	running context.Context // ends with Close; the goroutines' own
	cancel  context.CancelFunc
	done    sync.WaitGroup // the poll goroutine and every subscription's

	mu     sync.Mutex // guards health
	health error
}

// StartPoller begins to follow log from its present head; ctx bounds only
// finding that. Events before the head are read by the subscriptions that want
// them. Errors: those of [Backend.Head].
func StartPoller(ctx context.Context, log *Log, cfg PollerConfig) (*Poller, error) {
	cfg = cfg.withDefaults()
	head, err := log.Head(ctx)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &Poller{
		log:     log,
		cfg:     cfg,
		window:  newWindow(head, cfg.WindowEvents, cfg.WindowBytes),
		wake:    make(chan struct{}, 1),
		running: running,
		cancel:  cancel,
	}
	p.done.Go(func() { p.run(running) })
	return p, nil
}

// Close ends the poller and all its subscriptions, and waits for them. It may
// be called twice.
func (p *Poller) Close() {
	p.cancel()
	p.done.Wait()
}

// Head is the newest event the poller knows: as far as this process has seen
// the log.
func (p *Poller) Head() Head { return p.window.position() }

// Newest is the position of the newest event this process has heard of: it may not
// have been read yet.
func (p *Poller) Newest() Position { return max(p.Head().Position, p.log.Newest()) }

// Health is nil while the log can be followed, otherwise why it can't. An error
// of KindRegressed stays for good.
func (p *Poller) Health() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.health
}

// Wake makes the poller read at once: there is news.
func (p *Poller) Wake() {
	select {
	case p.wake <- struct{}{}:
	default: // it will read anyway
	}
}

// Recent gives the newest events, those behind a position, if all of them are still
// in memory; ok tells. They are shared: see [Event].
func (p *Poller) Recent(after Position) (events []Event, ok bool) {
	events, ok, _ = p.window.after(after)
	return events, ok
}

// HandOver gives the poller a batch this process has just appended after head,
// which spares reading it back. If others' events stand between, it reads.
func (p *Poller) HandOver(head Head, batch []Event) {
	if p.Head() != head || p.window.push(batch) == 0 {
		p.Wake()
		return
	}
	p.handed.Store(true)
}

func (p *Poller) run(ctx context.Context) {
	interval := backoff{min: p.cfg.MinInterval, max: p.cfg.MaxInterval}
	compared := time.Now()
	var hole time.Time // since when the next event is missing
	var gap error      // what the last comparison found, until there is news
	before := p.Head()
	for {
		err := p.poll(ctx)
		if p.Head() != before {
			interval.reset()
			compared, gap = time.Now(), nil
		}
		switch {
		case KindOf(err) != KindMissing || p.Head() != before:
			hole = time.Time{}
		case hole.IsZero():
			hole = time.Now()
		}
		if KindOf(err) == KindDamaged {
			err = cmp.Or(p.replaced(ctx), err)
		}
		if KindOf(err) == KindMissing && (hole.IsZero() || time.Since(hole) < p.cfg.HeadCheck) {
			err = nil // rows of one append may become visible one after another
		}
		if err == nil && time.Since(compared) >= p.cfg.HeadCheck {
			compared, gap = time.Now(), p.compare(ctx)
		}
		if err == nil {
			err = gap
		}
		if ctx.Err() != nil {
			return
		}
		if mutant.On(mutant.IgnoresRegress) && KindOf(err) == KindRegressed {
			err = nil
		}
		wait := interval.next()
		p.setHealth(err, wait)
		if KindOf(err) == KindRegressed {
			return
		}
		before = p.Head()
		if p.rest(ctx, wait, err == nil) {
			interval.reset()
		}
	}
}

// rest waits until the log is to be read again, or somebody wakes the poller; it tells
// whether that was so. A batch that was handed over is as good as a reading: it could be
// appended only because nobody else's events stood before it. So a busy writer's log is
// not read for news beside it, unless the last reading has failed.
func (p *Poller) rest(ctx context.Context, d time.Duration, healthy bool) (woken bool) {
	p.handed.Store(false)
	for {
		if p.sleep(ctx, d) {
			return true
		}
		if !healthy || !p.handed.Swap(false) {
			return false
		}
		d = p.cfg.MinInterval
	}
}

// sleep waits for d, less if woken; it tells whether it was.
func (p *Poller) sleep(ctx context.Context, d time.Duration) (woken bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-p.wake:
		return true
	case <-timer.C:
	}
	return false
}

// pollChunk is how many events go to the subscribers at once while more are
// being read.
const pollChunk = 512

// poll reads to the end of the log. While that takes long it looks how far away
// the end is, so that others learn of it.
func (p *Poller) poll(ctx context.Context) error {
	var chunk []Event // mostly there are none
	looked := time.Now()
	for ev, err := range p.log.ReadFrom(ctx, p.Head()) {
		if err != nil {
			p.window.push(chunk)
			return err
		}
		if chunk = append(chunk, ev); len(chunk) == pollChunk {
			p.window.push(chunk)
			chunk = chunk[:0]
			if time.Since(looked) >= p.cfg.HeadCheck {
				_, _ = p.log.Head(ctx) // it remembers; an error shows in the next read
				looked = time.Now()
			}
		}
	}
	p.window.push(chunk)
	return nil
}

// compare finds what reading on cannot see: a log that ends before what this
// process knows, or whose last rows are gone.
func (p *Poller) compare(ctx context.Context) error {
	known := p.Head() // first: the log's head can't be behind it
	head, err := p.log.Head(ctx)
	if err != nil {
		return err
	}
	if err := head.RegressedFrom(known); err != nil {
		return err
	}
	if head.Position > known.Position && p.Head() == known {
		// It may be a moment's delay: one more look decides.
		if err := p.poll(ctx); err != nil || p.Head() != known {
			return err
		}
		return newError("poll", KindMissing, fmt.Errorf(
			"the log's head is %d, but event %d cannot be read", head.Position, known.Position+1))
	}
	return nil
}

// replaced looks whether the log still holds the newest event that this process knows,
// when it does not go on behind it: KindRegressed if it holds another, nil if it does or
// if that can't be told.
func (p *Poller) replaced(ctx context.Context) error {
	known := p.Head()
	found, err := p.log.HeadAt(ctx, known.Position)
	if err != nil {
		return nil
	}
	return found.RegressedFrom(known)
}

// RegressedFrom reports as KindRegressed that a log whose head is h cannot be
// the one that had the head known before; nil if it may.
func (h Head) RegressedFrom(known Head) error {
	switch {
	case h.Position < known.Position:
		return newError("head", KindRegressed, fmt.Errorf(
			"the log ends at %d, but this process has seen event %d", h.Position, known.Position))
	case h.Position == known.Position && h.Hash != known.Hash:
		return newError("head", KindRegressed, fmt.Errorf(
			"event %d is not the one this process has seen", known.Position))
	}
	return nil
}

func (p *Poller) setHealth(err error, retryIn time.Duration) {
	p.mu.Lock()
	p.health = err
	p.mu.Unlock()
	switch {
	case err == nil:
	case KindOf(err) == KindRegressed:
		p.cfg.Observer.halted("poller", err)
	default:
		p.cfg.Observer.readFailed("poller", retryIn, err)
	}
}
