package journal_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// key is that of a request, which is known by its fingerprint.
func key(text, request string) account.Key {
	return account.Key{Text: text, Fingerprint: sha256.Sum256([]byte(request))}
}

// ask executes a command with a key.
func (n *node) ask(t tb, k account.Key, c account.Command) journal.Outcome {
	t.Helper()
	out, err := n.Execute(context.Background(), c, journal.Options{Key: k})
	if err != nil {
		t.Fatalf("%+v with key %q: %v", c, k.Text, err)
	}
	return out
}

// repeats checks that a command with its key leads to nothing but the first answer.
func (n *node) repeats(t tb, k account.Key, c account.Command, first journal.Outcome) {
	t.Helper()
	sameAnswer(t, n.ask(t, k, c), first)
}

// sameAnswer checks that again is the replay of an outcome.
func sameAnswer(t tb, again, first journal.Outcome) {
	t.Helper()
	if !again.Replayed || again.Position != first.Position || !reflect.DeepEqual(again.Event, first.Event) {
		t.Errorf("repeated: %+v\nfirst: %+v", again, first)
	}
	if strings.HasPrefix(first.Event.Type, "account.") && !reflect.DeepEqual(again.Account, first.Account) {
		t.Errorf("repeated: %+v\nfirst: %+v", again.Account, first.Account)
	}
}

// later has the log's time go on: another service writes an event.
func later(t tb, n *node, by time.Duration) {
	t.Helper()
	all := allEvents(t, n.log)
	at := all[len(all)-1].Time.Add(by)
	foreign(t, n.log, 1, func(_ int, ev *eventstore.Event) { ev.Time = at })
	n.catchUp(t)
}

func TestACommandWithAKeyIsCarriedOutOnce(t *testing.T) {
	log := newLog(t)
	n := start(t, log)
	commands := []account.Command{
		open("000001"), patch("000001", "405060"), deposit("000001", 5), open("000002"), transfer("000001", "000002", 2),
		account.Withdraw(deposit("000001", 3)), account.Close{Account: "000001"}, account.Open{SortCode: "10-20-30", Propose: func() account.Number { return "000003" }},
	}
	var firsts []journal.Outcome
	for i, c := range commands {
		k := key(fmt.Sprint(i), "x")
		first := n.ask(t, k, c)
		if first.Replayed {
			t.Errorf("%+v is new", c)
		}
		n.repeats(t, k, c, first)
		firsts = append(firsts, first)
	}
	for i, c := range commands { // whatever has become of the accounts
		n.repeats(t, key(fmt.Sprint(i), "x"), c, firsts[i])
	}
	if head := headOf(t, log); int(head) != len(commands) || n.Status().Keys != len(commands) {
		t.Errorf("%d events and %d keys of %d commands", head, n.Status().Keys, len(commands))
	}
}

func TestAnEventTellsTheKeyAndItsFingerprint(t *testing.T) {
	n := start(t, newLog(t))
	meta := map[string]string{"requestId": "r"}
	out, err := n.Execute(t.Context(), open("000001"), journal.Options{Meta: eventstore.MetaOf(meta), Key: key("k", "x")})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"requestId": "r", "idempotencyKey": "k", "idempotencyFingerprint": fmt.Sprintf("%x", sha256.Sum256([]byte("x")))}
	if !maps.Equal(out.Event.Meta.Map(), want) || len(meta) != 1 {
		t.Errorf("%v, of %v", out.Event.Meta, meta)
	}
}

func TestAKeyOfAnotherRequestIsRefusedOnEveryNode(t *testing.T) {
	log := newLog(t)
	a, b := start(t, log), start(t, log)
	for i := range 20 { // b has not heard of it
		k := fmt.Sprint(i)
		first := a.ask(t, key(k, "x"), open(number(i)))
		for _, n := range []*node{b, a} {
			_, err := n.Execute(t.Context(), open(number(100+i)), journal.Options{Key: key(k, "y")})
			wantCode(t, err, account.CodeKeyReused)
			_, err = n.Execute(t.Context(), patch("999999", "405060"), journal.Options{Key: key(k, "y")}) // before every other reason
			wantCode(t, err, account.CodeKeyReused)
			n.repeats(t, key(k, "x"), open(number(i)), first)
		}
		a, b = b, a
	}
	sameState(t, a, b)
	if headOf(t, log) != 20 {
		t.Errorf("%d events", headOf(t, log))
	}
}

func TestRefusalsAreNotRemembered(t *testing.T) {
	n := start(t, newLog(t))
	k := key("k", "x")
	for range 2 {
		_, err := n.Execute(t.Context(), deposit("000001", 5), journal.Options{Key: k})
		wantCode(t, err, account.CodeAccountNotFound)
	}
	_, err := n.Execute(t.Context(), deposit("000001", -5), journal.Options{Key: k})
	wantCode(t, err, account.CodeInvalid)
	n.must(t, open("000001"))
	n.repeats(t, k, deposit("000001", 5), n.ask(t, k, deposit("000001", 5)))
}

func TestADryRunIgnoresKeys(t *testing.T) {
	n := start(t, newLog(t))
	k := key("k", "x")
	dry := func() journal.Outcome {
		out, err := n.Execute(t.Context(), open("000001"), journal.Options{Key: k, DryRun: true})
		if err != nil || out.Replayed || out.Event.Meta.Get("idempotencyKey") != "" {
			t.Fatalf("%+v, %v", out, err)
		}
		return out
	}
	dry()
	if n.Status().Keys != 0 {
		t.Error("it is remembered")
	}
	n.ask(t, k, open("000002"))
	if dry().Position != 2 {
		t.Error("it is not as if")
	}
}

func TestKeysSurviveARestartASnapshotAndAReplay(t *testing.T) {
	log := newLog(t)
	n := startWith(t, log, withSnapshots(log, &notes{}))
	k := func(i int) account.Key { return key(fmt.Sprint(i), "x") }
	firsts := make(map[int]journal.Outcome)
	for i := range 20 {
		firsts[i] = n.ask(t, k(i), open(number(i)))
		if i == 10 {
			n.snapshot(t)
		}
		n.must(t, patch(number(i), "405060"))
	}
	check := func(n *node) {
		t.Helper()
		for i, first := range firsts {
			n.repeats(t, k(i), open(number(i)), first)
		}
		if s := n.Status(); s.Keys != 20 || s.Applied != 40 {
			t.Errorf("%+v", s)
		}
	}
	check(n)
	for _, from := range []journal.ReplayFrom{journal.ReplayFromStart, journal.ReplayFromSnapshot} {
		if r := n.replayed(t, journal.ReplayOptions{From: from, Swap: true}); !r.Match() || !r.Swapped || r.DifferingKeys != 0 {
			t.Errorf("%+v", r)
		}
		check(n)
	}
	n.stop()
	var told notes
	n = startWith(t, log, withSnapshots(log, &told))
	if told.from != firsts[10].Position {
		t.Errorf("started from %d", told.from)
	}
	check(n)
	n.stop()
	check(start(t, log)) // from the log alone
}

func TestAReplaySaysThatKeysDiffer(t *testing.T) {
	n := start(t, newLog(t))
	n.must(t, open("000001"))
	n.ask(t, key("k", "x"), open("000002"))
	n.ForgetKeys()
	r := n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart, Swap: true})
	if r.Match() || r.DifferingKeys != 1 || r.Differing != 0 || r.Digest == r.LiveDigest || !r.Swapped {
		t.Errorf("%+v", r)
	}
	if r = n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart}); !r.Match() || n.Status().Keys != 1 {
		t.Errorf("after the swap: %+v", r)
	}
}

func TestAKeyIsForgottenADayLaterByTheTimesOfTheLog(t *testing.T) {
	n := start(t, newLog(t))
	k := key("k", "x")
	first := n.ask(t, k, open("000001"))
	later(t, n, account.KeyLife)
	n.repeats(t, k, open("000001"), first)
	later(t, n, time.Millisecond)
	if n.Status().Keys != 0 {
		t.Errorf("%d keys", n.Status().Keys)
	}
	_, err := n.Execute(t.Context(), open("000001"), journal.Options{Key: k})
	wantCode(t, err, account.CodeAccountExists)
	if out := n.ask(t, key("k", "y"), open("000002")); out.Replayed {
		t.Errorf("%+v", out)
	}
}

// keysAt starts a node that remembers at most so many keys.
func keysAt(t *testing.T, most int) *node {
	log := newLog(t)
	n := startWith(t, log, journal.Config{
		MaxKeys: most, Poller: eventstore.PollerConfig{MaxInterval: time.Hour, HeadCheck: time.Hour}, // for days in a bubble
	})
	for i := range most {
		n.ask(t, key(fmt.Sprint(i), "x"), open(number(i)))
	}
	return n
}

func TestWhenNoMoreKeysCanBeRememberedNewOnesAreRefused(t *testing.T) {
	n := keysAt(t, 3)
	full := func(k string) {
		t.Helper()
		_, err := n.Execute(t.Context(), open("000100"), journal.Options{Key: key(k, "x")})
		wantKind(t, err, eventstore.KindOverloaded)
		if !errors.Is(err, journal.ErrKeysFull) {
			t.Error(err)
		}
	}
	full("3")
	n.must(t, open("000003")) // without a key
	for i := range 3 {
		if out := n.ask(t, key(fmt.Sprint(i), "x"), open(number(i))); !out.Replayed {
			t.Errorf("%+v", out)
		}
	}
	_, err := n.Execute(t.Context(), open("000100"), journal.Options{Key: key("0", "y")})
	wantCode(t, err, account.CodeKeyReused)
	full("4")
	later(t, n, account.KeyLife-time.Minute)
	full("5")
	later(t, n, time.Minute+time.Millisecond)
	n.ask(t, key("6", "x"), open("000100"))
}

// Room must be made by the command that needs it: there may be no other.
func TestKeysThatANewCommandWouldEndAreInNobodysWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := keysAt(t, 3)
		<-time.After(account.KeyLife + time.Second)
		n.ask(t, key("new", "x"), open("000100"))
		if n.Status().Keys != 1 {
			t.Errorf("%d keys", n.Status().Keys)
		}
	})
}

func TestMetaThatIsNoKeyIsPassedOver(t *testing.T) {
	n := start(t, newLog(t))
	good := fmt.Sprintf("%x", sha256.Sum256([]byte("x")))
	metas := []map[string]string{
		{"idempotencyKey": "a"},
		{"idempotencyFingerprint": good},
		{"idempotencyKey": "", "idempotencyFingerprint": good},
		{"idempotencyKey": "é", "idempotencyFingerprint": good},
		{"idempotencyKey": strings.Repeat("k", 256), "idempotencyFingerprint": good},
		{"idempotencyKey": "b", "idempotencyFingerprint": good[2:]},
		{"idempotencyKey": "c", "idempotencyFingerprint": good + "00"},
		{"idempotencyKey": "d", "idempotencyFingerprint": strings.ToUpper(good)},
		{"idempotencyKey": "e", "idempotencyFingerprint": "zz" + good[2:]},
		{"idempotencyKey": "f", "idempotencyFingerprint": good}, // this one is
	}
	foreign(t, n.log, len(metas), func(i int, ev *eventstore.Event) { ev.Meta = eventstore.MetaOf(metas[i]) })
	n.catchUp(t)
	if n.Status().Keys != 1 {
		t.Errorf("%d keys", n.Status().Keys)
	}
	_, err := n.Execute(t.Context(), open("000001"), journal.Options{Key: key("f", "y")})
	wantCode(t, err, account.CodeKeyReused) // though another service's
	if out := n.ask(t, key("f", "x"), open("000001")); !out.Replayed || out.Event.Type != "test.happened" || out.Account != nil {
		t.Errorf("%+v", out)
	}
	n.ask(t, key("a", "x"), open("000001"))
}

// A command that is known must never be carried out as if it were new, even if what
// it led to can't be read.
func TestAReplayThatCannotBeReadIsAnErrorOfReading(t *testing.T) {
	log := newLog(t)
	faulty := eventstoretest.NewFaulty(log.Open())
	n := node{Service: startOn(t, faulty), log: log}
	k := key("k", "x")
	first := n.ask(t, k, deposit(n.must(t, open("000001")).Account.Number, 5))
	faulty.OnRead(eventstoretest.FailRead)
	_, err := n.Execute(t.Context(), deposit("000001", 5), journal.Options{Key: k})
	wantKind(t, err, eventstore.KindUnavailable)
	_, found, err := n.Replayed(t.Context(), k)
	if wantKind(t, err, eventstore.KindUnavailable); found {
		t.Error("found, with an error")
	}
	faulty.OnRead(nil)
	n.repeats(t, k, deposit("000001", 5), first)
	if headOf(t, log) != 2 {
		t.Errorf("%d events", headOf(t, log))
	}
}
