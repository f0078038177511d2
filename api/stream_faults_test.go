package api_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

func TestAStreamGoesOnWhenTheStoreIsBack(t *testing.T) {
	log := memory.New()
	foreign(t, log, 600, nil)
	store := eventstoretest.NewFaulty(log.Open())
	bubbleOn(t, log, func() eventstore.Backend { return store }, func(n *inBubble) {
		store.OnRead(eventstoretest.FailRead)
		s := newSink()
		n.stream(s, "/v1/events/stream?after=100") // which is not in memory
		<-time.After(40 * time.Second)
		store.OnRead(nil)
		<-time.After(10 * time.Second)
		synctest.Wait()
		f := frames(t, s.text())
		f.want("heartbeat@100 heartbeat@100")
		for seq := 101; seq <= 600; seq++ {
			f.want(strconv.Itoa(seq))
		}
		f.want("caught-up@600 heartbeat@600")
	})
}

func TestAStreamEndsWithAReasonWhenTheLogIsDamaged(t *testing.T) {
	log := memory.New()
	foreign(t, log, 600, nil)
	store := eventstoretest.NewFaulty(log.Open())
	bubbleOn(t, log, func() eventstore.Backend { return store }, func(n *inBubble) {
		store.OnRead(forgeAt(150))
		s := newSink()
		n.stream(s, "/v1/events/stream?after=100")
		synctest.Wait()
		n.ended("log-damaged")
		if p := frames(t, s.text()).goodbye(); p.Code != "log-damaged" || p.Status != 503 {
			t.Errorf("%+v", p)
		}
		store.OnRead(nil)
	})
}

func TestStreamsEndWithAReasonWhenTheLogGoesBack(t *testing.T) {
	log := memory.New()
	foreign(t, log, 6, nil)
	store := eventstoretest.NewSwitchable(log.Open())
	bubbleOn(t, log, func() eventstore.Backend { return store }, func(n *inBubble) {
		s := newSink()
		n.stream(s, "/v1/events/stream")
		synctest.Wait()
		store.Switch(memory.New().Open())
		<-time.After(30 * time.Second)
		synctest.Wait()
		n.ended("log-damaged")
		store.Switch(log.Open())
	})
}

// TestRandomClientsGetExactlyWhatTheyWant has clients follow a log that two nodes share,
// leave at any time, and go on where they were, on either node.
func TestRandomClientsGetExactlyWhatTheyWant(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			log := memory.New()
			bubbleOn(t, log, func() eventstore.Backend { return log.Open() }, func(one *inBubble) {
				r := rand.New(rand.NewPCG(seed, 0))
				two := startInBubble(one.T, log, log.Open())
				clients := make([]*wanderer, 12)
				for i := range clients {
					clients[i] = &wanderer{t: t, subject: []string{"", "notes/0", "notes/1"}[i%3], typ: []string{"", "note.made", "note.kept"}[i%5%3]}
				}
				for range 60 {
					foreign(one.T, log, r.IntN(40), func(ev *eventstore.Event) {
						ev.Type = []string{"note.made", "note.kept"}[r.IntN(2)]
						ev.Subject = fmt.Sprintf("notes/%d", r.IntN(4))
					})
					for _, c := range clients {
						switch r.IntN(6) {
						case 0:
							c.connect([]*inBubble{one, two}[r.IntN(2)])
						case 1:
							c.leave()
						}
					}
					<-time.After(rand.N(time.Second))
				}
				for _, c := range clients {
					c.connect(one)
				}
				<-time.After(time.Minute)
				for _, c := range clients {
					c.check(log)
				}
				two.handler.EndStreams()
				synctest.Wait()
			})
		})
	}
}

// wanderer is a client that comes and goes.
type wanderer struct {
	t            *testing.T
	typ, subject string
	sink         *sink // nil when it is away
	away         func()
	last         int64
	seqs         []int64
}

func (w *wanderer) connect(n *inBubble) {
	w.leave()
	path := "/v1/events/stream?after=0"
	if w.typ != "" {
		path += "&type=" + w.typ
	}
	if w.subject != "" {
		path += "&subject=" + w.subject
	}
	ctx, cancel := context.WithCancel(context.Background())
	req := httptest.NewRequestWithContext(ctx, "GET", path, nil)
	req.Header.Set("Last-Event-ID", strconv.FormatInt(w.last, 10))
	w.sink = newSink()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.handler.ServeHTTP(w.sink, req)
	}()
	w.away = func() {
		cancel()
		<-ended
	}
}

// leave goes in the middle of whatever is under way, and keeps whole frames.
func (w *wanderer) leave() {
	if w.sink == nil {
		return
	}
	w.away()
	text := w.sink.text()
	caughtUp := 0
	for f := frames(w.t, text[:strings.LastIndex("\n\n"+text, "\n\n")]); ; {
		fr, ok := f.next()
		if !ok {
			break
		}
		w.last, _ = strconv.ParseInt(fr.id, 10, 64)
		switch fr.event {
		case "caught-up":
			caughtUp++
		case "":
			if fr.data != "" {
				w.seqs = append(w.seqs, w.last)
			}
		default:
			w.t.Errorf("%+v", fr)
		}
	}
	if caughtUp > 1 {
		w.t.Errorf("caught up %d times", caughtUp)
	}
	w.sink = nil
}

func (w *wanderer) check(log *memory.Log) {
	w.leave()
	var want []int64
	for ev, err := range log.Open().Read(context.Background(), 0, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		if (w.typ == "" || w.typ == ev.Type) && (w.subject == "" || w.subject == ev.Subject) {
			want = append(want, int64(ev.Seq))
		}
	}
	if !slices.Equal(w.seqs, want) {
		w.t.Errorf("a client of %q, %q got %v, want %v", w.typ, w.subject, w.seqs, want)
	}
}

// forgeAt is a reader that gets other data at one position than was written.
func forgeAt(at eventstore.Position) eventstoretest.ReadHook {
	return func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			for ev, err := range next(ctx, after, limit) {
				if ev.Seq == at {
					ev.Data = `{"forged":true}`
				}
				if !yield(ev, err) {
					return
				}
			}
		}
	}
}
