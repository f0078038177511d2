package soak

import (
	"fmt"
	"os/exec"
	"strings"
	"text/tabwriter"

	"openpayment/api/client"
)

// report is what a run has counted.
type report struct {
	Seed      uint64  `json:"seed"`
	Minutes   float64 `json:"minutes"`
	Requests  int64   `json:"requests"`
	Accepted  int64   `json:"commands accepted"`
	Repeated  int64   `json:"commands repeated"`
	Refused   int64   `json:"commands refused"`
	Unsure    int64   `json:"commands unanswered"`
	Late      int     `json:"unanswered but carried out"`
	Reads     int64   `json:"reads"`
	Unread    int64   `json:"reads unanswered"`
	Events    int64   `json:"events"`
	Snapshots int64   `json:"snapshots"`
	Replays   int64   `json:"replays"`
	Swaps     int64   `json:"states replaced"`
	Old       float64 `json:"live heap at the end (MiB)"` // of the larger node
	New       float64 `json:"live heap of a new node (MiB)"`
	Tenths    []tenth `json:"tenths"`
}

// level waits until everybody has come to the end of the log, and gives that.
func (s *soak) level() client.Position {
	s.t.Helper()
	ctx := s.t.Context()
	head, err := s.nodes[0].api.Head(ctx, client.Strong())
	if err != nil {
		s.t.Fatal(err)
	}
	s.nodes[0].Eventually("the stream has come to the end", func() bool { return s.books.position() == head })
	s.nodes[subscriber].Eventually("the subscription has come to the end", func() bool {
		b, err := s.nodes[subscriber].api.Subscription(ctx, named)
		return err == nil && b.Acked == head
	})
	return head
}

// check demands, with nothing under way any more, that nothing was lost and nothing has
// grown.
func (s *soak) check(head client.Position) report {
	t := s.t
	if s.delivered != head {
		t.Errorf("the subscription has given %d events of %d", s.delivered, head)
	}
	s.books.close()
	r := report{
		Seed: s.seed, Minutes: round(duration.Minutes(), 100), Requests: s.done.Load(), Accepted: s.accepted.Load(), Repeated: s.repeated.Load(),
		Refused: s.refused.Load(), Unsure: s.unsure.Load(), Late: s.books.late, Reads: s.read.Load(), Unread: s.unread.Load(),
		Events: int64(head), Replays: s.replays.Load(), Swaps: s.swaps.Load(), Tenths: tenths(s.samples),
	}
	for _, n := range s.nodes {
		if err := n.replay(t.Context(), false); err != nil {
			t.Error(err)
		}
	}
	fresh := s.start()
	digest := s.shows(fresh, head)
	r.New = s.collected(fresh).heap / (1 << 20)
	for i, n := range s.nodes {
		if d := s.shows(n, head); d != digest {
			t.Errorf("node %d has the state %s, one that has just started %s", i, d, digest)
		}
		f := s.collected(n)
		r.Old, r.Snapshots = max(r.Old, f.heap/(1<<20)), r.Snapshots+int64(f.snapshots)
	}
	r.Old, r.New = round(r.Old, 10), round(r.New, 10)
	for _, n := range append(s.nodes, fresh) {
		n.stop()
	}
	if out, err := exec.CommandContext(t.Context(), s.program, "log", "verify", "--store", s.store).CombinedOutput(); err != nil {
		t.Errorf("log verify: %v: %s", err, out)
	}
	t.Logf("what the nodes were like, in tenths of the time:\n%s", table(r.Tenths))
	s.enough(r)
	for _, complaint := range judge(s.samples) {
		t.Error(complaint)
	}
	if limit := r.New*1.25 + (spareHeap+window(float64(head)))/(1<<20); r.Old > limit {
		t.Errorf("a node that has run all the time has %.1f MiB alive, one that has just started %.1f", r.Old, r.New)
	}
	return r
}

// shows demands that a node has the log up to the end and the accounts that it makes, and
// gives the digest of its state.
func (s *soak) shows(n *node, head client.Position) string {
	s.t.Helper()
	status, err := n.api.Status(s.t.Context(), client.Strong())
	if err != nil || status.AppliedPosition != head || status.DigestPosition != head {
		s.t.Errorf("a node is at %d, its digest at %d, the log at %d; %v", status.AppliedPosition, status.DigestPosition, head, err)
	}
	if err := s.books.compare(n.api.Accounts(s.t.Context(), client.AccountQuery{PageSize: 1000}, client.Strong())); err != nil {
		s.t.Error(err)
	}
	return status.StateDigest
}

// collected gives a node's figures when its garbage collector has run twice more, for
// which it is given something to do.
func (s *soak) collected(n *node) (f figuresOf) {
	s.t.Helper()
	before, err := scrape(s.t.Context(), n)
	if err != nil {
		s.t.Fatal(err)
	}
	n.Eventually("garbage is collected", func() bool {
		for range 20 {
			if _, _, _, err := n.request(s.t.Context(), "GET", "/v1/events?limit=1000", ""); err != nil {
				s.t.Fatal(err)
			}
		}
		f, err = scrape(s.t.Context(), n)
		return err == nil && f.collections >= before.collections+2
	})
	return f
}

// enough wants something to have been done, and little to have failed.
func (s *soak) enough(r report) {
	if wanted := float64(s.rate) * duration.Seconds() / 4; float64(r.Requests) < wanted || r.Accepted < r.Requests/4 {
		s.t.Errorf("%d requests, %d commands carried out: %.0f requests are the least that says anything", r.Requests, r.Accepted, wanted)
	}
	if r.Repeated == 0 || r.Refused == 0 || r.Snapshots < 2 || r.Replays < 3 || r.Swaps == 0 || len(s.samples) < 20 {
		s.t.Errorf("%d repeated, %d refused, %d snapshots, %d replays, %d samples: too few to say anything", r.Repeated, r.Refused, r.Snapshots, r.Replays, len(s.samples))
	}
	if r.Unsure+r.Unread > 10+r.Requests/1000 {
		s.t.Errorf("%d commands and %d reads got no answer", r.Unsure, r.Unread)
	}
}

// table is for the test's log.
func table(rows []tenth) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "minute\trequests/s\tevents\theap, MiB\tresident, MiB\tgoroutines\tfiles\tlag\tlargest lag\tsubscription\tp50, ms\tp99, ms\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%.2f\t%.0f\t%.0f\t%v\t%v\t%v\t%v\t%v\t%v\t%.0f\t%.1f\t%.1f\t\n", r.Minute, r.Requests, r.Events, r.Heap, r.Resident,
			r.Goroutines, r.Files, r.Lag, r.LargestLag, r.SubscriptionLag, r.P50, r.P99)
	}
	w.Flush()
	return b.String()
}
