package eventstoretest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"openpayment/eventstore"
)

var none eventstore.NamedSubscription

var subscriptionCases = []testCase{
	{"a store without subscriptions lists none", 0, func(r *rig) {
		b := r.open()
		r.wantSubscriptions(b)
		r.wantNoSubscription(b, "mail")
	}},
	{"a subscription comes back as it was made, through every handle", 0, func(r *rig) {
		a, b := r.open(), r.open()
		full := r.subscribe(a, "full")
		bare := eventstore.NamedSubscription{Name: "bare", ID: newID(), Created: full.Created}
		r.swap(b, none, bare)
		for _, b := range []eventstore.SubscriptionStore{a, b, r.open()} {
			r.wantSubscriptions(b, bare, full)
		}
	}},
	{"subscriptions and what they acknowledged are there when it is opened again", 0, func(r *rig) {
		b := r.open()
		sub := r.subscribe(b, "mail")
		r.ack(b, sub, 18)
		r.close(b)
		r.wantSubscriptions(r.open(), acked(sub, 18))
	}},
	{"names, however alike, are different names, and sort by their bytes", 0, alikeNames},
	{"a name that is taken is a conflict, and its subscription stays", 0, func(r *rig) {
		a, b := r.open(), r.open()
		sub := r.subscribe(a, "mail")
		r.mustNotSwap(b, none, subscription("mail"))
		r.wantSubscriptions(b, sub)
	}},
	{"a change shows in type, subject, reader and passed", 0, func(r *rig) {
		a, b := r.open(), r.open()
		sub := r.subscribe(a, "mail")
		next := claimed(sub)
		next.Type, next.Subject, next.Passed = "", "customers/1", eventstore.Head{Position: 1 << 52, Hash: eventstore.Hash{1}}
		r.swap(b, sub, next)
		r.wantSubscriptions(a, next)
		r.swap(a, next, further(next))
		r.wantSubscriptions(b, further(next))
	}},
	{"a swap of what is not there any more is a conflict and changes nothing", 0, staleSwaps},
	{"a swap that was done is done again without harm", 0, repeatedSwaps},
	{"of swaps from one state exactly one succeeds", 0, racingSwaps},
	{"what is acknowledged moves forward only, whoever says so in whatever order", 0, racingAcks},
	{"what one has acknowledged is nothing to another", 0, func(r *rig) {
		b := r.open()
		one, two, three := r.subscribe(b, "1"), r.subscribe(b, "2"), r.subscribe(b, "3")
		r.ack(b, one, 20)
		r.ack(b, two, 1<<52)
		r.wantSubscriptions(b, acked(one, 20), acked(two, 1<<52), three)
	}},
	{"a change leaves alone what was acknowledged, and the other way round", 0, func(r *rig) {
		b := r.open()
		sub := r.subscribe(b, "mail")
		r.ack(b, sub, 20)
		next := claimed(sub)
		r.swap(b, sub, next)
		r.wantSubscriptions(b, acked(next, 20))
		r.swap(b, next, acked(further(next), 500)) // Acked is not the swap's to set
		r.wantSubscriptions(b, acked(further(next), 20))
	}},
	{"a subscription that is dropped takes along what was acknowledged", 0, func(r *rig) {
		a, b := r.open(), r.open()
		stays, old := r.subscribe(a, "a"), r.subscribe(a, "mail")
		r.ack(a, old, 20)
		r.swap(b, old, none)
		r.wantSubscriptions(a, stays)
		r.wantNoSubscription(a, "mail")
		again := r.subscribe(b, "mail")
		r.ack(a, old, 30) // from somebody who has not heard of it
		r.wantSubscriptions(b, stays, again)
		r.ack(b, again, 18)
		r.wantSubscriptions(a, stays, acked(again, 18))
	}},
	{"subscriptions, cursors and the log leave each other alone", 0, func(r *rig) {
		b := r.open()
		all := r.write(b, 3)
		sub := r.subscribe(b, "mail")
		r.saveCursor(b, "mail", all[1].Head())
		r.ack(b, sub, 20)
		r.wantCursor(b, "mail", all[1].Head())
		r.wantSubscriptions(b, acked(sub, 20))
		r.wantLog(b, all)
	}},
	{"a list of hundreds is whole", 0, func(r *rig) {
		b := r.open()
		var all []eventstore.NamedSubscription
		for i := range 300 {
			all = append(all, r.subscribe(b, fmt.Sprintf("n%03d", i)))
		}
		r.wantSubscriptions(b, all...)
	}},
	{"subscriptions are unavailable to a context that has ended, and after Close", 0, func(r *rig) {
		b, other := r.open(), r.open()
		sub := r.subscribe(b, "mail")
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		r.subscriptionsUnavailable(b, ctx, sub)
		r.close(b)
		r.subscriptionsUnavailable(b, r.Context(), sub)
		r.wantSubscriptions(other, sub)
	}},
}

func alikeNames(r *rig) {
	b := r.open()
	names := []string{"mail", "Mail", "mail ", "mail.1", "mail-1", "mail_1", "MAIL", "é", "e\u0301", "漢字", "😀", "'; DROP TABLE subscriptions; --", strings.Repeat("n", 64)}
	want := make([]eventstore.NamedSubscription, len(names))
	for i, name := range names {
		want[i] = r.subscribe(b, name)
	}
	slices.SortFunc(want, func(a, b eventstore.NamedSubscription) int { return strings.Compare(a.Name, b.Name) })
	r.wantSubscriptions(r.open(), want...)
}

func staleSwaps(r *rig) {
	a, b := r.open(), r.open()
	made := r.subscribe(a, "mail")
	now := claimed(made)
	r.swap(a, made, now)
	for name, was := range map[string]eventstore.NamedSubscription{
		"the turn before": made, "a turn that never was": claimed(made), "another subscription": claimed(subscription("mail")),
		"another place": further(now),
	} {
		r.Logf("from %s", name)
		r.mustNotSwap(b, was, claimed(was))
		r.mustNotSwap(b, was, further(was))
		r.mustNotSwap(b, was, none)
		r.wantSubscriptions(b, now)
	}
	r.swap(a, now, none)
	r.mustNotSwap(b, now, claimed(now))
	r.mustNotSwap(b, now, further(now))
	r.wantSubscriptions(b)
}

func repeatedSwaps(r *rig) {
	a, b := r.open(), r.open()
	made := subscription("mail")
	next := claimed(made)
	for range 3 {
		r.swap(a, none, made)
		r.wantSubscriptions(b, made)
	}
	for range 3 {
		r.swap(b, made, next)
		r.wantSubscriptions(a, next)
	}
	r.mustNotSwap(a, none, made) // that is long over
	for range 3 {
		r.swap(b, next, further(next))
		r.wantSubscriptions(a, further(next))
	}
	next = further(next)
	for range 3 {
		r.swap(a, next, none)
		r.wantSubscriptions(b)
	}
}

// racingSwaps has readers take turns at random: each turn follows from the one
// before, and nobody is told that he has it who hasn't.
func racingSwaps(r *rig) {
	const readers, rounds = 4, 15
	var group errgroup.Group
	sub := r.subscribe(r.open(), "mail")
	var swapped atomic.Int64
	followed := make([][]uuid.UUID, readers) // the turns that each has ended
	for i := range readers {
		b := r.open()
		group.Go(func() error {
			for done := 0; done < rounds; {
				now, err := b.Subscription(r.Context(), "mail")
				if err != nil {
					return err
				}
				switch err := b.SwapSubscription(r.Context(), now, claimed(now)); eventstore.KindOf(err) {
				case eventstore.KindConflict:
				default:
					if err != nil {
						return err
					}
					done++
					swapped.Add(1)
					followed[i] = append(followed[i], now.Reader)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
	ended := make(map[uuid.UUID]bool)
	for _, turn := range slices.Concat(followed...) {
		if ended[turn] {
			r.Fatalf("the turn %s was ended twice", turn)
		}
		ended[turn] = true
	}
	if !ended[sub.Reader] || swapped.Load() != readers*rounds {
		r.Fatalf("%d swaps, the first turn ended: %t", swapped.Load(), ended[sub.Reader])
	}
}

// racingAcks acknowledges the numbers up to 200, each once, from several handles.
func racingAcks(r *rig) {
	b := r.open()
	sub := r.subscribe(b, "mail")
	highest := eventstore.Position(0)
	for _, p := range []eventstore.Position{3, 9, 9, 5, 1, 8} {
		r.ack(b, sub, p)
		highest = max(highest, p)
		r.wantSubscriptions(r.open(), acked(sub, highest))
	}
	const most = 200
	order := rand.Perm(most)
	var group errgroup.Group
	for part := range slices.Chunk(order, most/4) {
		b := r.open()
		group.Go(func() error {
			for _, p := range part {
				at := eventstore.Position(p + 1)
				if err := b.Acknowledge(r.Context(), sub.ID, ackAt(at)); err != nil {
					return err
				}
				now, err := b.Subscription(r.Context(), "mail")
				if err != nil {
					return err
				}
				if now.Acked.Position < at || now.Acked != ackAt(now.Acked.Position) {
					return fmt.Errorf("%d is acknowledged, then %v", at, now.Acked)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
	r.wantSubscriptions(b, acked(sub, most))
}

// subscriptionsUnavailable tries every call, none of which may do anything.
func (r *rig) subscriptionsUnavailable(b eventstore.SubscriptionStore, ctx context.Context, sub eventstore.NamedSubscription) {
	r.Helper()
	_, err := b.Subscriptions(ctx)
	r.wantKind(err, eventstore.KindUnavailable)
	_, err = b.Subscription(ctx, sub.Name)
	r.wantKind(err, eventstore.KindUnavailable)
	r.wantKind(b.SwapSubscription(ctx, sub, none), eventstore.KindUnavailable)
	r.wantKind(b.Acknowledge(ctx, sub.ID, ackAt(20)), eventstore.KindUnavailable)
}
