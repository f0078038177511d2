package eventstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"openpayment/internal/pause"
)

// Tail is where a state stands: the head it was built up to, and that event's
// time, which the next one's may not precede.
type Tail struct {
	Head Head
	Time time.Time
}

// Slot is the place and time a decision's first event will have in the log, if
// it is committed. Further events of the decision follow at the next positions,
// at the same time.
type Slot struct {
	Seq  Position
	Time time.Time
}

// Model is the state a [Writer] decides on.
type Model[D any] interface {
	// Draft calls use with a fresh overlay on the state, and with where the state
	// stands. The state does not move before use returns.
	Draft(use func(draft D, at Tail))
	// Wait returns nil once the state includes the event at pos; an error when
	// ctx ends, of KindClosed when the state will never get there, or of the kind
	// of what keeps it from getting there.
	Wait(ctx context.Context, pos Position) error
}

// Decide decides one command on a draft: it returns the events that follow from
// it and makes the draft reflect them, or returns a refusal and leaves the draft
// as it was. Returning neither is an answer too (a dry run, say).
//
// It may be called several times, each time on a newer state; only the last
// call's outcome counts. It is not called again once [Writer.Submit] is about to
// return, except that a caller which gave up may see one more call under way.
type Decide[D any] func(draft D, slot Slot) ([]Proposal, error)

// WriterConfig bounds a [Writer]. Zero fields take the defaults.
type WriterConfig struct {
	// QueueLimit is how many commands may wait; more are KindOverloaded.
	// Default: 8,192.
	QueueLimit int
	// BatchEvents and BatchBytes bound one append. Defaults, and upper bounds:
	// MaxBatchEvents and MaxBatchBytes.
	BatchEvents, BatchBytes int
	// RetryMin and RetryMax bound the wait between two attempts while the outcome
	// of an append is unknown. Defaults: 2 ms and 1 s.
	RetryMin, RetryMax time.Duration
	// Clocks may object to this process's clock: then all commands are refused. Nil:
	// whatever it says is right. The Writer does not close it.
	Clocks *Clocks
	// Now is this process's clock, of which events get their times. Default: time.Now.
	Now func() time.Time

	Observer Observer
}

func (c WriterConfig) withDefaults() WriterConfig {
	c.QueueLimit = orDefault(c.QueueLimit, 8192)
	c.BatchEvents = min(orDefault(c.BatchEvents, MaxBatchEvents), MaxBatchEvents)
	c.BatchBytes = min(orDefault(c.BatchBytes, MaxBatchBytes), MaxBatchBytes)
	c.RetryMin = orDefault(c.RetryMin, 2*time.Millisecond)
	c.RetryMax = max(orDefault(c.RetryMax, time.Second), c.RetryMin)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Writer turns commands into events: it decides all that wait, one after
// another, on a draft of the state at the head, and appends their events in one
// conditional batch. While that is under way the next commands gather.
//
// Every accepted command was decided on exactly the state it was committed
// against, and every refusal was true at the head of the log at some moment
// between the command's arrival and its answer: commands are strictly
// serializable over any number of Writers on one log.
//
// It is safe for concurrent use. One goroutine does the work.
type Writer[D any] struct {
	log    *Log
	poller *Poller
	model  Model[D]
	cfg    WriterConfig

	ctx    context.Context // ends when the Writer must give up what is in doubt
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended
	health writeHealth

	// The run goroutine's own.
	pace pace
	rest time.Duration // to take before the next batch
	cut  bool          // commands were refused because ctx had ended; read after done

	mu      sync.Mutex // guards all below
	queue   []*submission[D]
	pending chan struct{} // one slot: the queue is not empty, or closing
	want    int           // queue length that gather waits for, 0: none
	full    chan struct{} // one slot: it is reached
	closing bool
	halted  error // set once: nothing is accepted any more
}

// StartWriter begins to write to log. Own batches are handed to poller, which
// feeds model.
func StartWriter[D any](log *Log, poller *Poller, model Model[D], cfg WriterConfig) *Writer[D] {
	ctx, cancel := context.WithCancel(context.Background()) // #nosec G118 -- Close calls it
	w := &Writer[D]{
		log: log, poller: poller, model: model, cfg: cfg.withDefaults(),
		ctx: ctx, cancel: cancel,
		done: make(chan struct{}), pending: make(chan struct{}, 1), full: make(chan struct{}, 1),
	}
	go w.run() // ends by Close
	return w
}

// Submit decides a command and stores what follows from it. It returns the
// command's events after they are durable and part of the model.
//
// Errors: what decide returned, as it is; or an [Error] of KindOverloaded,
// KindUnavailable, KindInvalid (limits), KindClosed: nothing was stored, nor will
// be; KindUnknown: it may have been, or still may be. With an error only the Course
// of what is returned means anything.
func (w *Writer[D]) Submit(ctx context.Context, decide Decide[D]) (Placed, error) {
	s := &submission[D]{ctx: ctx, decide: decide, answer: make(chan struct{}, 1), queued: time.Now()}
	if err := w.enqueue(s); err != nil {
		return Placed{}, err
	}
	select {
	case <-s.answer:
		return s.outcome, s.refusal
	case <-ctx.Done():
		return s.giveUp()
	}
}

func (w *Writer[D]) enqueue(s *submission[D]) error {
	if err := s.ctx.Err(); err != nil {
		return newError("submit", KindUnavailable, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.halted != nil:
		return w.halted
	case w.closing:
		return newError("submit", KindClosed, errors.New("the writer is shutting down"))
	case len(w.queue) >= w.cfg.QueueLimit && !w.dropAbandoned():
		return newError("submit", KindOverloaded, errors.New("too many commands are waiting"))
	}
	w.queue = append(w.queue, s)
	w.signal()
	if w.want > 0 && len(w.queue) >= w.want {
		w.want = 0
		select {
		case w.full <- struct{}{}:
		default:
		}
	}
	return nil
}

// dropAbandoned makes room in a full queue, of commands whose callers have gone
// while the Writer is held up; with mu held. It tells whether there is any now.
func (w *Writer[D]) dropAbandoned() bool {
	w.queue = slices.DeleteFunc(w.queue, func(s *submission[D]) bool { return s.phase.Load() == phaseAbandoned })
	return len(w.queue) < w.cfg.QueueLimit
}

func (w *Writer[D]) signal() {
	select {
	case w.pending <- struct{}{}:
	default:
	}
}

// Limits are how many events one command may lead to, and how many bytes they may
// take together.
func (w *Writer[D]) Limits() (events, bytes int) { return w.cfg.BatchEvents, w.cfg.BatchBytes }

// Queue is how many commands wait to be decided.
func (w *Writer[D]) Queue() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}

// QueueLimit is how many commands may wait.
func (w *Writer[D]) QueueLimit() int { return w.cfg.QueueLimit }

// Halt makes the Writer refuse everything from now on, with err: the state it
// decides on can't be trusted any more. What is in doubt is still cleared up.
func (w *Writer[D]) Halt(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.halted == nil {
		w.halted = newError("submit", KindClosed, err)
		w.signal()
	}
}

// Err is why the Writer has halted, nil if it has not.
func (w *Writer[D]) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.halted
}

// Health is nil while the log takes what is appended, or nothing is; otherwise why
// it has taken nothing for a second and more, of [KindUnavailable]. It forgets that
// ten seconds after the last attempt: whether it is over shows at the next one.
func (w *Writer[D]) Health() error { return w.health.get() }

// Close refuses new commands, finishes those waiting, and ends the Writer. When
// ctx ends first, commands never submitted are answered KindUnavailable, a batch
// in doubt KindUnknown, and ctx's error is returned. It may be called twice.
func (w *Writer[D]) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closing = true
	w.signal()
	w.mu.Unlock()
	select {
	case <-w.done:
		w.cancel()
		return nil
	case <-ctx.Done():
		w.cancel()
		<-w.done
		if !w.cut {
			return nil
		}
		return ctx.Err()
	}
}

// run takes what waits and commits it, until closed and empty.
func (w *Writer[D]) run() {
	defer close(w.done)
	for range w.pending {
		for {
			if w.Queue() > 0 { // what comes meanwhile shares the batch
				w.awaitTurn()
			}
			batch, closing, halted := w.take()
			if halted != nil {
				w.refuse(batch, halted)
			} else if len(batch) > 0 {
				w.commit(batch)
				w.breathe()
				w.gather(len(batch))
			}
			if len(batch) == 0 {
				if closing {
					return
				}
				break
			}
		}
	}
}

// breathe leaves the log to other writers for a moment, where that is due.
func (w *Writer[D]) breathe() {
	if w.rest > 0 {
		pause.For(w.ctx, w.rest)
		w.rest = 0
	}
}

// gatherEvents is how many events take as long as an append does whatever is in it: 40
// on SQLite and 90 on Cassandra.
const gatherEvents = 64

// gatherLimit is how long to wait for callers behind an append of so many events that
// took so long. What is won is an append less, and what that takes whatever is in it: much
// of a small one, and little of a large one, in whose time everybody comes back anyway.
func gatherLimit(latency time.Duration, events int) time.Duration {
	base := latency * gatherEvents / time.Duration(gatherEvents+events)
	return min(base/2, latency/4, longestPause)
}

// gather waits a moment for the callers just answered: many come back at once
// with their next command. Without it callers split into two cohorts, one in the
// append and one in the queue, and batches are half as large as they could be.
func (w *Writer[D]) gather(answered int) {
	w.mu.Lock()
	want := min(len(w.queue)+answered, w.cfg.BatchEvents) * 7 / 8 // the last ones take longest
	enough := len(w.queue) >= want
	if !enough {
		w.want = want
	}
	w.mu.Unlock()
	if enough {
		return
	}
	timer := time.NewTimer(gatherLimit(w.pace.latency, answered))
	defer timer.Stop()
	select {
	case <-w.full:
	case <-timer.C:
	case <-w.ctx.Done():
	}
	w.mu.Lock()
	w.want = 0
	w.mu.Unlock()
}

// take removes up to one batch of commands from the queue: at least one event
// each is to be expected.
func (w *Writer[D]) take() (batch []*submission[D], closing bool, halted error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), w.cfg.BatchEvents)
	batch = append(batch, w.queue[:n]...)
	clear(w.queue[:n])
	w.queue = w.queue[n:]
	if len(w.queue) == 0 {
		w.queue = nil
	}
	return batch, w.closing, w.halted
}

// putBack returns commands that found no room in a batch to the front.
func (w *Writer[D]) putBack(rest []*submission[D]) {
	if len(rest) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(rest, w.queue...)
}

func (w *Writer[D]) refuse(batch []*submission[D], err error) {
	w.cut = w.cut || len(batch) > 0 && w.ctx.Err() != nil
	for _, s := range batch {
		s.reject(err)
	}
}
