package api

import (
	"context"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/subscriptions"
)

// Service is what the handler serves: accounts on a log. It is safe for
// concurrent use. *[journal.Service] is the one there is; its methods' contracts
// are what this package relies on.
type Service interface {
	Commander
	Appender
	AccountReader
	EventReader
	Progress
	Inspector
	Snapshotter
	Replayer
	Subscriber
}

// Commander carries commands to the head of the log.
type Commander interface {
	Replayed(ctx context.Context, k account.Key) (out journal.Outcome, found bool, err error)
	Execute(ctx context.Context, c account.Command, o journal.Options) (journal.Outcome, error)
	ReplayedAll(ctx context.Context, k account.Key) (outs []journal.Outcome, found bool, err error)
	ExecuteAll(ctx context.Context, commands []account.Command, o journal.Options) ([]journal.Outcome, error)
	ExecuteEach(ctx context.Context, requests []journal.Request, o journal.Options) []journal.Result
}

// Appender puts events of other services into the log.
type Appender interface {
	Append(ctx context.Context, f journal.Foreign, o journal.Options) ([]journal.Outcome, error)
}

// AccountReader shows accounts, as they are and as they were.
type AccountReader interface {
	Account(n account.Number) (*account.Account, error)
	AccountAt(ctx context.Context, n account.Number, m journal.Moment) (*account.Account, error)
	List(after account.Number, limit int, f account.Filter) []*account.Account
}

// EventReader shows the log as far as it is applied.
type EventReader interface {
	Event(ctx context.Context, seq eventstore.Position) (eventstore.Event, error)
	Events(ctx context.Context, after, applied eventstore.Position, limit int) ([]eventstore.Event, error)
	Follow(after eventstore.Position, f journal.Filter) *journal.Feed
	History(ctx context.Context, n account.Number, from eventstore.Position, descending bool, limit int) (events []eventstore.Event, more bool, err error)
}

// Progress tells how much of the log the state includes, and waits for more.
type Progress interface {
	Serving() error
	Applied() eventstore.Position
	Wait(ctx context.Context, pos eventstore.Position) error
	CatchUp(ctx context.Context) error
}

// Inspector gives operators a picture.
type Inspector interface {
	Status() journal.Status
}

// Snapshotter takes and lists snapshots of the state.
type Snapshotter interface {
	TakeSnapshot(ctx context.Context) (eventstore.Manifest, error)
	Snapshots(ctx context.Context) ([]eventstore.Manifest, error)
}

// Replayer builds the state anew beside the live one.
type Replayer interface {
	StartReplay(o journal.ReplayOptions) (journal.Replay, error)
	Replay(id uuid.UUID) (journal.Replay, error)
	CancelReplay(ctx context.Context, id uuid.UUID) error
}

// Subscriber keeps named subscriptions; nil if there is no store for them.
type Subscriber interface {
	Subscriptions() *subscriptions.Registry
}

var _ Service = (*journal.Service)(nil)
