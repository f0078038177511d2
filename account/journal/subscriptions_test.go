package journal_test

import (
	"context"
	"slices"
	"testing"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/memory"
	"openpayment/eventstore/subscriptions"
)

// follow reads so many events of a subscription on a node, as anybody.
func follow(t *testing.T, n *journal.Service, name string, events int) []eventstore.Position {
	t.Helper()
	r, err := n.Subscriptions().Read(t.Context(), subscriptions.Caller{All: true}, name, subscriptions.DefaultUnacked)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var seqs []eventstore.Position
	for len(seqs) < events {
		err := r.Next(t.Context(), func(ev eventstore.Event) bool {
			seqs = append(seqs, ev.Seq)
			return len(seqs) < events
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return seqs
}

func TestASubscriptionGoesOnFromNodeToNode(t *testing.T) {
	log := memory.New()
	var nodes []*journal.Service
	for range 2 {
		s, err := journal.Start(t.Context(), log.Open(), journal.Config{Subscriptions: log.Open()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close(context.Background()) })
		nodes = append(nodes, s)
	}
	execute := func(n int, c account.Command) {
		t.Helper()
		if _, err := nodes[n].Execute(t.Context(), c, journal.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	execute(0, open("111111"))
	execute(0, open("222222"))
	execute(1, account.Deposit{Account: "111111", Amount: 10, Currency: "GBP"})
	execute(1, account.Transfer{From: "111111", To: "222222", Amount: 10, Currency: "GBP"})
	anybody := subscriptions.Caller{All: true}
	about := subscriptions.Definition{Filter: subscriptions.Filter{Subject: "accounts/222222"}}
	if _, _, err := nodes[0].Subscriptions().Put(t.Context(), anybody, "payee", about); err != nil {
		t.Fatal(err)
	}
	if got := follow(t, nodes[1], "payee", 2); !slices.Equal(got, []eventstore.Position{2, 4}) { // a transfer is about both
		t.Errorf("%v", got)
	}
	if _, err := nodes[0].Subscriptions().Ack(t.Context(), anybody, "payee", 2); err != nil {
		t.Fatal(err)
	}
	execute(0, account.Deposit{Account: "222222", Amount: 1, Currency: "GBP"})
	if got := follow(t, nodes[1], "payee", 2); !slices.Equal(got, []eventstore.Position{4, 5}) {
		t.Errorf("%v", got)
	}
}

func TestAServiceWithoutAStoreForSubscriptionsHasNone(t *testing.T) {
	s, err := journal.Start(t.Context(), memory.New().Open(), journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if s.Subscriptions() != nil {
		t.Error("it has some")
	}
}
