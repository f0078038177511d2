package journal

import (
	"context"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/internal/pause"
)

const (
	// feedRounds is how many times a second all feeds together look for news. Each
	// rests between two looks for as long as its share allows, so that one look
	// brings many events, and followers, however many, leave the machine to the
	// commands. Those that are behind, each of whose looks brings as much as there is
	// room for, share fewer.
	feedRounds, feedRoundsBehind = 5_000, 2_000
	// feedRest is the longest such rest; one of less than feedNap is not worth taking.
	feedRest, feedNap = 250 * time.Millisecond, time.Millisecond
	// feedSpan is how many events are looked through in one call of [Feed.Next].
	feedSpan = 4096
	// feedRetryMin and feedRetryMax bound the wait after the store could not be asked.
	feedRetryMin, feedRetryMax = 100 * time.Millisecond, 5 * time.Second
)

// Feed walks along the log: through what it holds, and on to what comes. It gives each
// event that its filter lets pass, once and in order, and none before it is part of
// this node's state: who was given an event can read its effect here.
//
// A feed that keeps up takes the events from memory, which all share; one that is
// behind has the log read, at its own pace. Between two calls it holds no events, so
// that a follower who is slow, or has stopped, costs next to nothing.
//
// A Feed belongs to one goroutine.
type Feed struct {
	service *Service
	filter  Filter
	at      eventstore.Position
	looked  time.Time     // when it last looked for news
	behind  bool          // then there were more than it could give at once
	retry   time.Duration // the last wait after a failure; 0 if the last look did not fail
}

// Follow makes a feed that begins behind a position. It need not be in the log yet:
// the feed begins when the log gets there. Close it.
func (s *Service) Follow(after eventstore.Position, f Filter) *Feed {
	s.feeds.Add(1)
	return &Feed{service: s, filter: f, at: after}
}

// Close ends the feed: to be called once.
func (f *Feed) Close() { f.service.feeds.Add(-1) }

// Position is where the feed stands: everything up to there that its filter lets pass
// has been given. A feed that goes on behind it misses nothing and repeats nothing.
func (f *Feed) Position() eventstore.Position { return f.at }

// Next gives the next events to take, one after another, until it returns false, which
// means that it has no room for another. It waits until the log has anything behind
// the feed's position; that may be nothing for the filter: then only the position has
// moved. The events are shared: see [eventstore.Event].
//
// Errors: ctx's own. KindUnavailable when the store can't be asked: calling again
// tries again, after a wait. Otherwise what keeps the log's events from this node for
// good, or that its log has gone back: see [Service.Serving].
func (f *Feed) Next(ctx context.Context, take func(eventstore.Event) (more bool)) error {
	if f.behind {
		f.service.behind.Add(1)
		defer f.service.behind.Add(-1) // who waits for a slow client doesn't count
	}
	if err := f.await(ctx); err != nil {
		return err
	}
	defer func() { f.looked = time.Now() }()
	applied := f.service.Applied()
	until := min(applied, f.at+feedSpan)
	events, held := f.service.poller.Recent(f.at)
	if !held {
		var err error
		if events, err = f.service.history.after(ctx, f.at, until); err != nil {
			f.retry = min(max(2*f.retry, feedRetryMin), feedRetryMax)
			return err
		}
	}
	f.retry = 0
	for i := range events {
		if events[i].Seq > until {
			break
		}
		f.at = events[i].Seq
		if f.filter.matches(&events[i], f.service.touched) && !take(events[i]) {
			break
		}
	}
	f.behind = f.at < applied
	return nil
}

// await returns nil when there is something behind the feed's position.
func (f *Feed) await(ctx context.Context) error {
	if rest := time.Until(f.looked.Add(f.rest())); rest >= feedNap && !pause.For(ctx, rest) {
		return ctx.Err()
	}
	if f.service.Applied() <= f.at {
		if err := f.service.wait(ctx, f.at+1); err != nil {
			return err
		}
	}
	return f.service.regressed()
}

// rest is how long this feed leaves the machine to others now. It is spread at random,
// so that feeds that were woken by one event don't go on in step.
func (f *Feed) rest() time.Duration {
	if f.retry > 0 {
		return f.retry/2 + pause.Random(f.retry/2)
	}
	share := time.Duration(f.service.feeds.Load()) * time.Second / feedRounds
	if f.behind {
		share = time.Duration(f.service.behind.Load()) * time.Second / feedRoundsBehind
	}
	share = min(share, feedRest)
	return share/2 + pause.Random(share+1)
}

// touched is which accounts an event touches, found out once for all feeds.
func (s *Service) touched(ev *eventstore.Event) []account.Number {
	accounts, known := s.parties.Get(ev)
	if !known {
		accounts = touched(ev)
		s.parties.Put(ev, accounts)
	}
	return accounts
}
