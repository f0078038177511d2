package journal

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/eventstore/memory"
)

// wanderer makes up a log, event by event, and brings each to several reducers:
// one from the first event on, and others from snapshots taken on the way.
type wanderer struct {
	t        *rapid.T
	now      time.Time
	seq      eventstore.Position
	whole    *reducer
	restored []*reducer
}

func (w *wanderer) key() account.Key {
	text := rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(w.t, "key")
	return account.Key{Text: text, Fingerprint: account.Fingerprint{1}}
}

// receive brings events of one command to everybody.
func (w *wanderer) receive(key account.Key, proposals ...eventstore.Proposal) {
	for _, p := range proposals {
		w.seq++
		ev := eventstore.Event{Seq: w.seq, Type: p.Type, Subject: p.Subject, Time: w.now, Meta: withKey(p.Meta, key), Data: p.Data,
			Hash: eventstore.Hash{byte(w.seq), byte(w.seq >> 8)}}
		for _, r := range append([]*reducer{w.whole}, w.restored...) {
			if err := r.receive(context.Background(), ev); err != nil {
				w.t.Fatalf("event %d (%s): %v", ev.Seq, ev.Type, err)
			}
		}
	}
}

func (w *wanderer) number() account.Number {
	return account.Number(fmt.Sprintf("%06d", rapid.IntRange(0, 5).Draw(w.t, "number")))
}

func (w *wanderer) command() account.Command {
	n, amount := w.number(), rapid.Int64Range(1, 3).Draw(w.t, "amount")
	sortCode := "40-50-60"
	switch rapid.IntRange(0, 6).Draw(w.t, "command") {
	case 0, 1:
		return account.Open{Number: string(n), SortCode: "10-20-30"}
	case 2:
		return account.Update{Account: n, SortCode: &sortCode}
	case 3:
		return account.Close{Account: n}
	case 4:
		return account.Withdraw{Account: n, Amount: amount, Currency: "GBP"}
	case 5:
		return account.Transfer{From: n, To: w.number(), Amount: amount, Currency: "GBP"}
	}
	return account.Deposit{Account: n, Amount: amount, Currency: "GBP"}
}

// commands carries out some at once, those that are possible.
func (w *wanderer) commands(most int) {
	draft := account.NewDraft(w.whole.state.Load())
	key, seq := w.key(), w.seq
	var proposals []eventstore.Proposal
	for range rapid.IntRange(1, most).Draw(w.t, "commands") {
		ev, err := account.Decide(draft, w.command())
		if err != nil {
			continue
		}
		seq++
		p, err := Encode(ev, nil)
		if err == nil {
			err = draft.Apply(ev, account.Stamp{Seq: int64(seq), Time: w.now, Key: key})
		}
		if err != nil {
			w.t.Fatal(err)
		}
		proposals = append(proposals, p)
	}
	w.receive(key, Atomic(proposals)...)
}

func (w *wanderer) one(*rapid.T)   { w.commands(1) }
func (w *wanderer) group(*rapid.T) { w.commands(5) }

func (w *wanderer) foreign(t *rapid.T) {
	p := eventstore.Proposal{Type: "customer.renamed", Subject: "customers/1", Data: "{}"}
	w.receive(w.key(), []eventstore.Proposal{p, p, p}[:rapid.IntRange(1, 3).Draw(t, "events")]...)
}

func (w *wanderer) pause(t *rapid.T) {
	w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, 8 * time.Hour, account.KeyLife,
		account.KeyLife + time.Millisecond, account.KeyLife - time.Millisecond, 3 * account.KeyLife}).Draw(t, "pause"))
}

func (w *wanderer) snapshot(*rapid.T) {
	if len(w.restored) == 6 {
		return
	}
	store := memory.New().Open()
	from := append([]*reducer{w.whole}, w.restored...)[rapid.IntRange(0, len(w.restored)).Draw(w.t, "of")]
	m, err := newSnapshotter(SnapshotConfig{Store: store}, from, notLost, nil).take(context.Background(), false)
	if err != nil {
		w.t.Fatal(err)
	}
	state, err := load(context.Background(), store, m)
	if err != nil {
		w.t.Fatal(err)
	}
	w.restored = append(w.restored, newReducer(state, m.At))
}

func (w *wanderer) compare(*rapid.T) {
	position, digest := w.whole.state.Load().Digest()
	for _, r := range w.restored {
		if p, d := r.state.Load().Digest(); p != position || d != digest || r.tail != w.whole.tail {
			w.t.Fatalf("at %d with %s, and at %d with %s", position, digest, p, d)
		}
	}
}

func TestAStateRestoredAnywhereGoesOnAsTheOneThatReadTheWholeLog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &wanderer{t: rt, now: time.UnixMilli(1_800_000_000_000).UTC(), whole: newReducer(account.NewState(), eventstore.Tail{})}
		rt.Repeat(map[string]func(*rapid.T){
			"command": w.one, "more": w.one, "group": w.group, "foreign": w.foreign,
			"pause": w.pause, "snapshot": w.snapshot, "": w.compare,
		})
		for _, r := range w.restored {
			sameRecords(t, w.whole.state.Load(), r.state.Load())
		}
		if t.Failed() {
			rt.FailNow()
		}
	})
}
