package journal

import (
	"context"

	"openpayment/eventstore"
	"openpayment/eventstore/subscriptions"
)

// Subscriptions are the named subscriptions to this log; nil without a store for them.
func (s *Service) Subscriptions() *subscriptions.Registry { return s.subscriptions }

// SeenSubscriptions are all named subscriptions as this node saw them last: see
// [subscriptions.Registry.Seen]. Without a store for them there are none.
func (s *Service) SeenSubscriptions() []subscriptions.Status {
	if s.subscriptions == nil {
		return nil
	}
	return s.subscriptions.Seen()
}

// source is the Service as subscriptions see it: the log as far as the state includes
// it.
type source struct{ *Service }

var _ subscriptions.Source = source{}

// Newest implements [subscriptions.Source].
func (s source) Newest() eventstore.Position { return max(s.poller.Newest(), s.Applied()) }

// HeadAt implements [subscriptions.Source]. Mostly it is asked about events that have
// just been delivered, which are in memory.
func (s source) HeadAt(ctx context.Context, at eventstore.Position) (eventstore.Head, error) {
	if recent, ok := s.poller.Recent(at - 1); ok && len(recent) > 0 {
		return recent[0].Head(), nil
	}
	return s.log.HeadAt(ctx, at)
}

// Follow implements [subscriptions.Source].
func (s source) Follow(after eventstore.Position, f subscriptions.Filter) subscriptions.Feed {
	return s.Service.Follow(after, Filter(f))
}
