package bench

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// synthetic is a log that is made while it is read, and not kept: so that what a state takes
// is not lost in what its log takes. Every account has two customers and a card, and as many
// events as is said. What is appended behind that is kept.
type synthetic struct {
	accounts, each int
	head           eventstore.Head // of what is made

	mu       sync.Mutex // guards appended
	appended []eventstore.Event
}

func newSynthetic(ctx context.Context, accounts, each int) (*synthetic, error) {
	s := &synthetic{accounts: accounts, each: each}
	for ev, err := range s.made(ctx) {
		if err != nil {
			return nil, err
		}
		s.head = ev.Head()
	}
	return s, nil
}

var syntheticBegin = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// made yields the events that are made, from the first.
func (s *synthetic) made(ctx context.Context) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		var head eventstore.Head
		for round := range s.each {
			for i := range s.accounts {
				p, err := journal.Encode(event(i, round), nil)
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(eventstore.Event{}, eventstore.NewError("read", eventstore.KindUnavailable, err))
					return
				}
				ev := eventstore.Event{
					Seq: head.Position + 1, ID: uuid.UUID{6: 0x70, 8: 0x80, 14: byte(i >> 8), 15: byte(i)}, Type: p.Type, Subject: p.Subject,
					Time: syntheticBegin.Add(time.Duration(head.Position) * time.Millisecond), Meta: p.Meta, Data: p.Data,
				}
				ev.Hash = ev.ChainHash(head.Hash)
				head = ev.Head()
				if !yield(ev, nil) {
					return
				}
			}
		}
	}
}

// event is what happens to an account in a round.
func event(i, round int) account.Event {
	n := number(i)
	if round > 0 {
		return account.Deposited{Number: n, Amount: int64(1 + round), Currency: account.DefaultCurrency, Reference: reference(int64(i))}
	}
	url := func(of string) string {
		return fmt.Sprintf("https://%s.example/%s/%08x", of, n, i*2_654_435_761%(1<<32))
	}
	return account.Opened{
		Number: n, SortCode: fmt.Sprintf("%02d-%02d-%02d", 10+i%50, i%90, i%7*10),
		CustomerURLs: []string{url("customers1"), url("customers2")}, CardURLs: []string{url("cards1")}, Currency: account.DefaultCurrency,
	}
}

var _ eventstore.Backend = (*synthetic)(nil)

// Append implements [eventstore.Backend].
func (s *synthetic) Append(_ context.Context, head eventstore.Head, batch []eventstore.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if head != s.end() {
		return eventstore.NewError("append", eventstore.KindConflict, nil)
	}
	s.appended = append(s.appended, batch...)
	return nil
}

// end is the log's head; with mu held.
func (s *synthetic) end() eventstore.Head {
	if n := len(s.appended); n > 0 {
		return s.appended[n-1].Head()
	}
	return s.head
}

// Head implements [eventstore.Backend].
func (s *synthetic) Head(context.Context) (eventstore.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(), nil
}

// Read implements [eventstore.Backend].
func (s *synthetic) Read(ctx context.Context, after eventstore.Position, limit int) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		n := 0
		more := func(ev eventstore.Event, err error) bool {
			n++
			return yield(ev, err) && (limit == 0 || n < limit)
		}
		if after < s.head.Position {
			for ev, err := range s.made(ctx) {
				if (err != nil || ev.Seq > after) && !more(ev, err) {
					return
				}
			}
		}
		s.mu.Lock()
		rest := s.appended[max(after-s.head.Position, 0):]
		s.mu.Unlock()
		for _, ev := range rest {
			if !more(ev, nil) {
				return
			}
		}
	}
}

// Close implements [eventstore.Backend].
func (*synthetic) Close() error { return nil }
