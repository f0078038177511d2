package journal

import (
	"context"
	"time"

	"openpayment/eventstore"
	"openpayment/internal/pause"
)

// pacer makes room for commands: work that can wait takes a pause several times as
// long as it has worked, as long as commands are carried out meanwhile. Who would
// never get done like that, because commands come in as fast, takes shorter and
// shorter pauses. It is one goroutine's.
type pacer struct {
	began time.Time
	last  eventstore.Position // of the live state, when last looked at
	// lap is how far the work was behind when it had last done what there was to do
	// before; haste shortens the pauses: each is a 1<<haste-th of the work.
	lap   eventstore.Position
	haste int
}

const (
	// workSpan is how long is worked without a pause.
	workSpan = 2 * time.Millisecond
	// restShare is how many times as long as the work a pause is: what reads ahead of
	// the work, and collects the garbage of both, takes about as much again.
	restShare = 3
)

// breathe takes a pause, if it is time for one. live is where the live state is.
func (p *pacer) breathe(ctx context.Context, live eventstore.Position) {
	worked := time.Since(p.began)
	if worked < workSpan {
		return
	}
	if live != p.last {
		p.last = live
		pause.For(ctx, restShare*min(worked, 10*workSpan)>>p.haste)
	}
	p.began = time.Now()
}

// caughtUp notes that all is done that there was to do, and how much has come
// meanwhile: unless that gets less by half each time, there is too much rest.
func (p *pacer) caughtUp(behind eventstore.Position) {
	if behind > p.lap/2 && p.lap > 0 {
		p.haste = min(p.haste+1, 20)
	}
	p.lap = behind
}
