package subscriptions

import (
	"context"

	"openpayment/eventstore"
)

// Filter chooses among the events of the log. An empty field lets everything pass.
type Filter struct{ Type, Subject string }

// Source is the log as far as this node shows it. It is safe for concurrent use.
type Source interface {
	// Applied is the last event that is shown, Newest the last that was heard of.
	Applied() eventstore.Position
	Newest() eventstore.Position
	// CatchUp returns nil when everything is shown that was in the log when it was
	// called. KindRegressed: the log has lost events that were shown.
	CatchUp(ctx context.Context) error
	// HeadAt gives the head that the log had at a position that is shown.
	HeadAt(ctx context.Context, at eventstore.Position) (eventstore.Head, error)
	// Follow gives the events behind a position, as far as they are shown, and goes on
	// with those to come. Close it.
	Follow(after eventstore.Position, f Filter) Feed
}

// Feed walks along the log. It belongs to one goroutine.
type Feed interface {
	// Next gives the next events to take, one after another, until it returns false,
	// which means that it has no room for another. It waits until there is anything
	// behind the feed's position, be it nothing that the filter lets pass. Errors:
	// ctx's own; KindUnavailable, after which it may be called again.
	Next(ctx context.Context, take func(eventstore.Event) (more bool)) error
	// Position is how far it has come: what the filter lets pass up to there was given.
	Position() eventstore.Position
	Close()
}
