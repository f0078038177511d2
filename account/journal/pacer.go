package journal

import (
	"context"
	"time"

	"openpayment/eventstore"
	"openpayment/internal/pause"
)

// pacer makes room for commands: work that can wait takes a pause as long as it
// has worked, as long as commands are carried out meanwhile. It is one goroutine's.
type pacer struct {
	applied func() eventstore.Position // of the live state

	began time.Time
	last  eventstore.Position
}

// workSpan is how long is worked without a pause.
const workSpan = 2 * time.Millisecond

// breathe takes a pause, if it is time for one.
func (p *pacer) breathe(ctx context.Context) {
	worked := time.Since(p.began)
	if worked < workSpan {
		return
	}
	if at := p.applied(); at != p.last {
		p.last = at
		pause.For(ctx, min(worked, 10*workSpan))
	}
	p.began = time.Now()
}
