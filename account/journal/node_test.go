package journal_test

import (
	"context"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// tb is what these helpers need of a test, a rapid one included.
type tb interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// newLog is an empty log. When the test is over, and the nodes on it are closed,
// it must still be what every log must be.
func newLog(t testing.TB) *memory.Log {
	log := memory.New()
	t.Cleanup(func() { eventstoretest.CheckInvariants(t, log.Open()) })
	return log
}

// node is a Service with a handle of its own on a log, as a process would be.
type node struct {
	*journal.Service
	log  *memory.Log
	stop func() // may be called twice
}

// launch starts a node without waiting for it. When the test is over, its state
// must be what replaying the log gives.
func launch(t tb, log *memory.Log, cfg journal.Config) *node {
	t.Helper()
	store := log.Open()
	s, err := journal.Start(context.Background(), store, cfg)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	n := &node{Service: s, log: log}
	n.stop = sync.OnceFunc(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
		checkReplay(t, n)
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// untilCaughtUp has cfg close what it gives when the node has read the log.
func untilCaughtUp(cfg *journal.Config) <-chan struct{} {
	caughtUp := make(chan struct{})
	cfg.Progress = func(_, _ eventstore.Position, done bool) {
		if done {
			close(caughtUp)
		}
	}
	return caughtUp
}

// start starts a node and waits until it has read the log.
func start(t tb, log *memory.Log) *node {
	t.Helper()
	n := startWith(t, log, journal.Config{})
	if err := n.Ready(); err != nil || n.Serving() != nil {
		t.Fatalf("not ready, though caught up: %v", err)
	}
	return n
}

// allEvents is the log as another process would read it.
func allEvents(t tb, log *memory.Log) []eventstore.Event {
	t.Helper()
	var all []eventstore.Event
	for ev, err := range log.Open().Read(context.Background(), 0, 0) {
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		all = append(all, ev)
	}
	return all
}

// replay builds the state of the events, in the plainest way.
func replay(t tb, events []eventstore.Event) *account.State {
	t.Helper()
	state := account.NewState()
	for _, ev := range events {
		decoded, err := journal.Decode(ev)
		at := account.Stamp{Seq: int64(ev.Seq), Time: ev.Time, Key: keyIn(ev)}
		switch {
		case err != nil:
		case decoded == nil:
			err = state.Pass(ev.Subject, at)
		default:
			err = state.Apply(decoded, at)
		}
		if err != nil {
			t.Fatalf("replay of event %d: %v", ev.Seq, err)
		}
	}
	return state
}

var (
	keyText        = regexp.MustCompile(`^[ -~]{1,255}$`)
	keyFingerprint = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// keyIn is the key that an event says it came with.
func keyIn(ev eventstore.Event) (k account.Key) {
	text, fingerprint := ev.Meta.Get("idempotencyKey"), ev.Meta.Get("idempotencyFingerprint")
	if keyText.MatchString(text) && keyFingerprint.MatchString(fingerprint) {
		k.Text = text
		_, _ = hex.Decode(k.Fingerprint[:], []byte(fingerprint)) // it is hexadecimal
	}
	return k
}

// checkReplay compares a node's state with a replay up to where it stands.
func checkReplay(t tb, n *node) {
	t.Helper()
	status := n.Status()
	_, want := replay(t, allEvents(t, n.log)[:status.DigestAt]).Digest()
	if status.Digest != want || status.DigestAt != status.Applied {
		t.Errorf("at %d (applied %d) the digest is %s, a replay's is %s", status.DigestAt, status.Applied, status.Digest, want)
	}
}

// foreign appends events that no Service wrote.
func foreign(t tb, log *memory.Log, n int, change func(i int, ev *eventstore.Event)) eventstore.Position {
	t.Helper()
	store := log.Open()
	for {
		head, err := store.Head(context.Background())
		if err != nil {
			t.Fatalf("head: %v", err)
		}
		batch := eventstoretest.NewBatch(head, time.Now(), n, change)
		err = store.Append(context.Background(), head, batch)
		if err == nil {
			return batch[n-1].Seq
		}
		if eventstore.KindOf(err) != eventstore.KindConflict {
			t.Fatalf("append: %v", err)
		}
	}
}

func headOf(t tb, log *memory.Log) eventstore.Position {
	t.Helper()
	head, err := log.Open().Head(context.Background())
	if err != nil {
		t.Fatalf("head: %v", err)
	}
	return head.Position
}

func open(n account.Number) account.Open {
	return account.Open{Number: string(n), SortCode: "10-20-30"}
}

func patch(n account.Number, sortCode string) account.Update {
	return account.Update{Account: n, SortCode: &sortCode}
}

// must executes a command that is accepted.
func (n *node) must(t tb, c account.Command) journal.Outcome {
	t.Helper()
	out, err := n.Execute(context.Background(), c, journal.Options{})
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	return out
}

// catchUp makes the node as new as the log.
func (n *node) catchUp(t tb) {
	t.Helper()
	if err := n.CatchUp(context.Background()); err != nil {
		t.Fatalf("catch up: %v", err)
	}
}

func codeOf(err error) account.Code {
	if r, ok := errors.AsType[*account.Refusal](err); ok {
		return r.Code
	}
	return ""
}

func wantCode(t tb, err error, want account.Code) {
	t.Helper()
	if codeOf(err) != want {
		t.Fatalf("%v (code %q), want the refusal %q", err, codeOf(err), want)
	}
}

func wantKind(t tb, err error, want eventstore.Kind) {
	t.Helper()
	if err == nil || eventstore.KindOf(err) != want {
		t.Fatalf("%v (kind %q), want kind %q", err, eventstore.KindOf(err), want)
	}
}

func numbersOf(all []*account.Account) []account.Number {
	numbers := make([]account.Number, len(all))
	for i, a := range all {
		numbers[i] = a.Number
	}
	return numbers
}

func seqsOf(all []eventstore.Event) []eventstore.Position {
	seqs := make([]eventstore.Position, len(all))
	for i, ev := range all {
		seqs[i] = ev.Seq
	}
	return seqs
}

func wantEqual[T comparable](t tb, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}
