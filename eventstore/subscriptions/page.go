package subscriptions

import (
	"context"
	"time"

	"openpayment/eventstore"
)

// pageTime is how long a page may look through what the filter leaves out, at least.
// What it has come past is saved, and so the next page goes on from there.
const pageTime = time.Second

// Page gives the next events, up to limit, none if there are none: it waits for the
// first as long as wait. ctx is one of [Reader.Bind]. Errors: why the reader has ended;
// those of [Feed.Next].
func (r *Reader) Page(ctx context.Context, limit int, wait time.Duration) ([]eventstore.Event, error) {
	began := time.Now()
	waiting, cancel := context.WithDeadline(ctx, began.Add(wait))
	defer cancel()
	looking, cancel := context.WithDeadline(ctx, began.Add(max(wait, pageTime)))
	defer cancel()
	var events []eventstore.Event
	for len(events) < limit {
		now := looking
		if r.Position() >= r.registry.cfg.Source.Applied() {
			if now = waiting; len(events) > 0 || now.Err() != nil {
				break
			}
		}
		err := r.Next(now, func(ev eventstore.Event) bool {
			events = append(events, ev)
			return len(events) < limit
		})
		if now.Err() != nil {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return events, nil
}
