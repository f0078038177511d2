package main

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"net/http"
	"os"
	"strings"
	"testing"

	"openpayment/account/generator"
	"openpayment/eventstore"
)

func TestGenerateFillsAnEmptyStoreWithTheSameLogEachTime(t *testing.T) {
	other := stores["sqlite"](t)
	succeed(t, "generate", "--accounts", "200", "--events", "2500", "--seed", "3", "--store", other)
	want := succeed(t, "log", "export", "-", "--store", other)
	if n := strings.Count(want, "\n"); n != 2500 || strings.Count(want, "account.opened") != 200 {
		t.Errorf("%d events, %d accounts", n, strings.Count(want, "account.opened"))
	}
	onEachStore(t, func(t *testing.T, store string) {
		out := succeed(t, "generate", "--accounts", "200", "--events", "2500", "--seed", "3", "--store", store)
		if !strings.Contains(out, "generated 2500 events on 200 accounts") || !strings.Contains(out, "head: event 2500, hash ") {
			t.Error(out)
		}
		if got := succeed(t, "log", "export", "-", "--store", store); got != want {
			t.Error("the logs differ")
		}
		verified(t, store, exitOK)
		fail(t, exitFailed, "needs an empty log", "generate", "--accounts", "1", "--events", "1", "--store", store)
	})
}

func TestAServiceRunsOnAGeneratedLog(t *testing.T) {
	store := stores["sqlite"](t)
	succeed(t, "generate", "--accounts", "20", "--events", "300", "--store", store)
	p := start(t, "--store", store)
	p.must(http.StatusCreated, "POST", "/v1/accounts", `{"accountNumber":"12345678","sortCode":"10-20-30"}`)
	if all := p.wholeLog(); len(all) != 301 {
		t.Errorf("%d events", len(all))
	}
}

func TestGenerateSaysWhatIsWrongWithItsFlags(t *testing.T) {
	store := stores["sqlite"](t)
	for says, flags := range map[string]string{
		"both needed":           "--accounts 5",
		"too few":               "--accounts 5 --events 4",
		"a number from 1":       "--accounts -5 --events 4",
		"a whole number":        "--accounts 5 --events 5 --seed x",
		"nothing is expected":   "--accounts 5 --events 5 x",
		"ends with the process": "--accounts 5 --events 5 --store memory:",
	} {
		fail(t, exitUsage, says, append([]string{"generate", "--store", store}, strings.Fields(flags)...)...)
	}
	if _, err := os.Stat(strings.TrimPrefix(store, "sqlite:")); err == nil {
		t.Error("a store was created all the same")
	}
}

func TestGenerateEndsWhenItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var taken int
	events, stop := ahead(ctx, generator.Events(generator.Config{Accounts: 1, Events: 100_000}))
	defer stop()
	for ev, err := range events {
		if err != nil {
			if !errors.Is(err, errInterrupted) {
				t.Error(err)
			}
			break
		}
		if taken = int(ev.Seq); taken == 10 {
			cancel()
		}
	}
	if taken == 100_000 {
		t.Error("all events were made")
	}
	var stdout, stderr bytes.Buffer
	if code := run(ctx, []string{"generate", "--accounts", "1", "--events", "9", "--store", stores["sqlite"](t)}, &stdout, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
}

func TestEventsMadeAheadAreTheSameAndEndWithTheirError(t *testing.T) {
	broken := errors.New("broken")
	upTo := func(n int, last error) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			for i := range n {
				if !yield(eventstore.Event{Seq: eventstore.Position(i + 1)}, nil) {
					return
				}
			}
			if last != nil {
				yield(eventstore.Event{}, last)
			}
		}
	}
	for _, n := range []int{0, 1, 999, 1000, 1001, 12_345} {
		for _, last := range []error{nil, broken} {
			events, stop := ahead(t.Context(), upTo(n, last))
			var got int
			var failed error
			for ev, err := range events {
				if failed = err; err == nil {
					if got++; ev.Seq != eventstore.Position(got) {
						t.Fatalf("event %d comes as number %d", ev.Seq, got)
					}
				}
			}
			stop()
			if got != n || !errors.Is(failed, last) {
				t.Errorf("%d of %d events, then %v, want %v", got, n, failed, last)
			}
		}
	}
}
