package generator_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/account/generator"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/transfer"
)

// made is a whole log, and what it has made of the accounts.
type made struct {
	head   eventstore.Head
	last   time.Time
	count  map[string]int // by type
	ids    map[uuid.UUID]bool
	state  *account.State
	events int
}

// replayed is the log of c as a service that reads it sees it.
func replayed(t *testing.T, c generator.Config) made {
	t.Helper()
	m := made{count: map[string]int{}, ids: map[uuid.UUID]bool{}, state: account.NewState()}
	for ev, err := range transfer.Verified(generator.Events(c), eventstore.Head{}) {
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := journal.Decode(ev)
		if err == nil {
			err = m.state.Apply(decoded, account.Stamp{Seq: int64(ev.Seq), Time: ev.Time})
		}
		if err != nil {
			t.Fatal(err)
		}
		if at := time.UnixMilli(int64(ev.ID[0])<<40 | int64(ev.ID[1])<<32 | int64(ev.ID[2])<<24 | int64(ev.ID[3])<<16 | int64(ev.ID[4])<<8 | int64(ev.ID[5])); ev.ID.Version() != 7 || ev.ID.Variant() != uuid.RFC4122 || !at.Equal(ev.Time) {
			t.Fatalf("event %d at %s has id %s", ev.Seq, ev.Time, ev.ID)
		}
		m.ids[ev.ID] = true
		m.count[ev.Type]++
		m.events++
		m.head, m.last = ev.Head(), ev.Time
	}
	return m
}

// The bytes of a log are a promise: measurements of different days are of the same
// log. Whoever adds kinds of events breaks it, and says so in the changelog.
func TestTheSameSeedGivesTheSameLogForEver(t *testing.T) {
	for seed, want := range map[uint64]string{
		1: "109a7710c6398168d32e6d01422906eb59d9904a54fa4138f992f0fadf3b9d8a",
		2: "4bd2fe272cf9d3f76a14e6677803a7a19974867c531e6f17cdd703aac4df2987",
	} {
		if got := replayed(t, generator.Config{Accounts: 100, Events: 2000, Seed: seed}).head.Hash.String(); got != want {
			t.Errorf("seed %d: the head's hash is %s, want %s", seed, got, want)
		}
	}
}

func TestALogHasExactlyTheAccountsAndEventsAskedFor(t *testing.T) {
	for _, c := range []generator.Config{
		{Accounts: 1, Events: 1}, {Accounts: 1, Events: 500}, {Accounts: 2, Events: 500}, {Accounts: 500, Events: 500},
		{Accounts: 499, Events: 500}, {Accounts: 50, Events: 5000}, {Accounts: 500, Events: 5000}, {Accounts: 4900, Events: 5000},
	} {
		for c.Seed = range 2 {
			m := replayed(t, c)
			if m.events != c.Events || m.count[journal.TypeOpened] != c.Accounts || len(m.ids) != c.Events {
				t.Errorf("%+v: %d events with %d ids, %d accounts", c, m.events, len(m.ids), m.count[journal.TypeOpened])
			}
			if open := c.Accounts - m.count[journal.TypeClosed]; m.state.Open() != open || open < 1 {
				t.Errorf("%+v: %d accounts are open, want %d", c, m.state.Open(), open)
			}
		}
	}
}

func TestALogIsMostlyMoneyAndFewAccountsAreClosed(t *testing.T) {
	m := replayed(t, generator.Config{Accounts: 2000, Events: 20_000, Seed: 7})
	for kind, least := range map[string]int{
		journal.TypeDeposited: 5000, journal.TypeWithdrawn: 1500, journal.TypeTransferred: 5000, journal.TypeUpdated: 2000,
	} {
		if n := m.count[kind]; n < least {
			t.Errorf("%d of %s", n, kind)
		}
	}
	if n := m.count[journal.TypeClosed]; n < 30 || n > 100 {
		t.Errorf("%d accounts are closed", n)
	}
}

func TestAccountsAreOpenedAllAlongTheLog(t *testing.T) {
	opened, seen := 0, 0
	for ev, err := range generator.Events(generator.Config{Accounts: 1000, Events: 10_000}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; ev.Type == journal.TypeOpened {
			opened++
		}
		if seen == 5000 && (opened < 400 || opened > 600) {
			t.Errorf("%d of 1000 accounts are opened in the first half", opened)
		}
	}
}

func TestTimeRunsAtAMillisecondAnEventFromAFixedDay(t *testing.T) {
	m := replayed(t, generator.Config{Accounts: 10, Events: 10_000})
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if took := m.last.Sub(begin); took < 9*time.Second || took > 11*time.Second {
		t.Errorf("10,000 events end after %s", took)
	}
}

func TestALogThatCannotBeIsRefused(t *testing.T) {
	for _, c := range []generator.Config{
		{}, {Accounts: 1}, {Events: 1}, {Accounts: 2, Events: 1}, {Accounts: -1, Events: 5},
		{Accounts: 1, Events: generator.MaxEvents + 1}, {Accounts: generator.MaxAccounts + 1, Events: generator.MaxEvents},
	} {
		if c.Check() == nil {
			t.Errorf("%+v is accepted", c)
		}
		for ev, err := range generator.Events(c) {
			if err == nil {
				t.Errorf("%+v gives event %d", c, ev.Seq)
				break
			}
		}
	}
}

func BenchmarkEvents(b *testing.B) {
	c := generator.Config{Accounts: max(b.N/10, 1), Events: b.N}
	for ev, err := range generator.Events(c) {
		if err != nil {
			b.Fatal(err)
		}
		runtime.KeepAlive(ev)
	}
}
