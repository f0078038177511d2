package cassandra_test

import (
	"context"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/internal/cassandratest"
)

// untilKnown appends the identical batch again and again, as the Writer does,
// until the answer is definite, and gives that.
func untilKnown(t *testing.T, s *cassandra.Store, head eventstore.Head, batch []eventstore.Event) error {
	t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := s.Append(t.Context(), head, batch)
		switch eventstore.KindOf(err) {
		case eventstore.KindUnknown, eventstore.KindUnavailable:
		default:
			return err
		}
		select {
		case <-again.C:
		case <-t.Context().Done():
			t.Fatal(err)
		}
	}
}

// wantStoredOnce requires that batch is in the log exactly once, whichever of
// several attempts it was.
func wantStoredOnce(t *testing.T, s *cassandra.Store, definite error, batch []eventstore.Event) {
	t.Helper()
	if definite != nil {
		wantKind(t, definite, eventstore.KindConflict)
		for ev, err := range s.Read(t.Context(), batch[0].Seq-1, 1) {
			if err != nil || ev.ID != batch[0].ID {
				t.Fatalf("lost, but the log has %v, %v", ev.ID, err)
			}
		}
	}
	wantLog(t, s, batch[len(batch)-1].Head())
}

// syncedCommits makes a server acknowledge only what is in its files. By default
// it does so up to 100 ms before, and a lone server that is killed in that time
// forgets what it acknowledged: with one copy, the log then goes backwards.
var syncedCommits = []cassandratest.Option{
	cassandratest.Setting("commitlog_sync", "batch"),
	cassandratest.Setting("commitlog_sync_period", ""),
}

func TestAStoreRecoversByItselfAfterAllOfCassandraWasKilled(t *testing.T) {
	node := cassandratest.StartNode(t, syncedCommits...)
	cfg := configFor(node.Host(), "ks")
	cfg.Timeout, cfg.ConnectTimeout = 5*time.Second, 2*time.Second
	cfg.Log = func(line string) { t.Log(line) }
	s, err := cassandra.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	head, _ := write(t, s, 5)

	node.Kill()
	batch := batchAfter(head, 3)
	if err := s.Append(t.Context(), head, batch); err == nil {
		t.Fatal("an append was acknowledged by nobody")
	} else if k := eventstore.KindOf(err); k != eventstore.KindUnknown && k != eventstore.KindUnavailable {
		t.Fatalf("%v is of kind %q", err, k)
	}
	// Until the driver has given up on its last connection, and long after.
	for range 50 {
		_, err := s.Head(t.Context())
		wantKind(t, err, eventstore.KindUnavailable)
	}
	node.Start()
	wantStoredOnce(t, s, untilKnown(t, s, head, batch), batch)
}

func TestAnAppendToAServerThatHangsIsUnknownAndIsSettledByRepeatingIt(t *testing.T) {
	node := cassandratest.StartNode(t)
	cfg := configFor(node.Host(), "ks")
	cfg.Timeout = time.Second
	s, err := cassandra.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	write(t, s, 5)
	head, _ := write(t, s, 5) // now the driver has prepared all statements

	node.Pause()
	batch := batchAfter(head, 3)
	wantKind(t, s.Append(t.Context(), head, batch), eventstore.KindUnknown)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantKind(t, s.Append(ctx, head, batch), eventstore.KindUnknown)
	_, err = s.Head(t.Context())
	wantKind(t, err, eventstore.KindUnavailable)
	node.Resume()
	wantStoredOnce(t, s, untilKnown(t, s, head, batch), batch)
}

// With one of three nodes nothing can be decided, and the one that is asked says
// so before anything is proposed: that is definite. With two, nothing is amiss.
func TestARingOfThreeSurvivesOneNodeAndRefusesDefinitelyWithoutTwo(t *testing.T) {
	ring := cassandratest.StartRing(t, syncedCommits...)
	cfg := configFor(ring.Nodes[0].Host(), "ks")
	cfg.Replication = "3"
	s := open(t, cfg)
	_, _ = write(t, s, 5)
	head, _ := write(t, s, 5)

	ring.Nodes[2].Kill()
	batch := batchAfter(head, 5)
	wantStoredOnce(t, s, untilKnown(t, s, head, batch), batch)
	head = batch[4].Head()

	ring.Nodes[1].Kill()
	batch = batchAfter(head, 5)
	refused := false
	for range 50 { // unknown, until the last node knows that it is alone
		if err := s.Append(t.Context(), head, batch); eventstore.KindOf(err) == eventstore.KindUnavailable {
			t.Log(err)
			refused = true
			break
		}
	}
	if !refused {
		t.Error("the append was never refused for lack of replicas")
	}
	ring.Nodes[1].Start()
	ring.Nodes[2].Start()
	wantStoredOnce(t, s, untilKnown(t, s, head, batch), batch)
}
