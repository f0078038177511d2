package account_test

import (
	"testing"

	"pgregory.net/rapid"

	"openpayment/account"
)

func TestAPostponedDigestIsTheOneThatWasKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kept, later := account.NewState(), account.NewState()
		same := func() {
			t.Helper()
			_, want := kept.Digest()
			if at, got := later.Digest(); at != kept.Position() || got != want {
				t.Fatalf("at %d the digest is %s, want %s at %d", at, got, want, kept.Position())
			}
		}
		apply := func(t *rapid.T) {
			ev, stamp := events.Draw(t, "event"), at(kept.Position()+1)
			if errKept, errLater := kept.Apply(ev, stamp), later.Apply(ev, stamp); (errKept == nil) != (errLater == nil) {
				t.Fatalf("%v, postponed %v", errKept, errLater)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"an event":      apply,
			"another event": apply,
			"a foreign event": func(t *rapid.T) {
				_, _ = kept.Pass("x", at(kept.Position()+1)), later.Pass("x", at(later.Position()+1))
			},
			"postpone": func(*rapid.T) { later.PostponeDigest() },
			"settle":   func(*rapid.T) { later.SettleDigest() },
			"ask":      func(*rapid.T) { same() },
		})
		same()
		later.SettleDigest()
		same()
	})
}
