package account_test

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"openpayment/account"
)

// The digest's input is a stored format: states of different versions of this
// program are compared by it. If this fails, old digests mean something else.
func TestTheDigestOfAKnownAccountNeverChanges(t *testing.T) {
	a := account.Account{
		Number: "00123456", SortCode: "10-20-30",
		CustomerURLs: []string{"https://customers.example/1", "https://customers.example/2"},
		CardURLs:     []string{"https://cards.example/9"},
		Currency:     "GBP", Balance: 1250, Status: account.StatusOpen, Version: 1 << 33,
		OpenedAt:  time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC),
		UpdatedAt: time.Date(2027, 12, 31, 23, 59, 59, 999_000_000, time.UTC),
	}
	const want = "9dcf9580b96c42c2c2e649985977250637a749144e18a436afe73f244f35d992"
	if got := account.DigestOf(&a).String(); got != want {
		t.Errorf("the digest is %s, was %s", got, want)
	}
	if (account.Digest{}).String() != "0000000000000000000000000000000000000000000000000000000000000000" {
		t.Error("the digest of no accounts is not zero")
	}
}

func TestTheDigestOfAKnownStateNeverChanges(t *testing.T) {
	s := stateOf(t, opened("000001"), opened("000002"), account.Closed{Number: "000001"})
	const want = "f0d7099c1a133b5bd999c8f1385b2207120d118a68557f40b804efcf1b6ee7d5"
	if _, got := s.Digest(); got.String() != want {
		t.Errorf("the digest is %s, was %s", got, want)
	}
}

func TestEveryFieldCountsInTheDigest(t *testing.T) {
	changes := map[string]func(*account.Account){
		"Number":       func(a *account.Account) { a.Number = "012345678" },
		"SortCode":     func(a *account.Account) { a.SortCode = "10-20-31" },
		"CustomerURLs": func(a *account.Account) { a.CustomerURLs = a.CustomerURLs[:1] },
		"CardURLs":     func(a *account.Account) { a.CardURLs = nil },
		"Currency":     func(a *account.Account) { a.Currency = "EUR" },
		"Balance":      func(a *account.Account) { a.Balance++ },
		"Status":       closed,
		"Version":      func(a *account.Account) { a.Version += 1 << 32 },
		"OpenedAt":     func(a *account.Account) { a.OpenedAt = a.OpenedAt.Add(time.Millisecond) },
		"UpdatedAt":    func(a *account.Account) { a.UpdatedAt = a.UpdatedAt.Add(time.Millisecond) },
	}
	fields := reflect.TypeFor[account.Account]()
	for i := range fields.NumField() {
		if _, ok := changes[fields.Field(i).Name]; !ok {
			t.Errorf("nobody has tried field %s", fields.Field(i).Name)
		}
	}
	// Where one thing ends and the next begins counts too.
	changes["the order of URLs"] = func(a *account.Account) {
		a.CustomerURLs = []string{a.CustomerURLs[1], a.CustomerURLs[0]}
	}
	changes["the end of a list"] = func(a *account.Account) {
		a.CustomerURLs, a.CardURLs = a.CustomerURLs[:1], []string{a.CustomerURLs[1], a.CardURLs[0]}
	}
	changes["the end of a URL"] = func(a *account.Account) {
		first, second := a.CustomerURLs[0], a.CustomerURLs[1]
		a.CustomerURLs = []string{first + second[:1], second[1:]}
	}
	seen := map[account.Digest]string{account.DigestOf(new(known())): "nothing"}
	for name, change := range changes {
		d := account.DigestOf(new(but(change)))
		if other, twice := seen[d]; twice {
			t.Errorf("changing %s gives the digest that changing %s gives", name, other)
		}
		seen[d] = name
	}
}

func TestTheZoneOfATimeDoesNotCountInTheDigest(t *testing.T) {
	elsewhere := but(func(a *account.Account) { a.OpenedAt = a.OpenedAt.In(time.FixedZone("", 3600)) })
	if account.DigestOf(&elsewhere) != account.DigestOf(new(known())) {
		t.Error("it does")
	}
}

// The digest is a sum: the order does not matter, and what was added can be
// taken away, whatever the carries.
func TestTheDigestIsIndependentOfTheOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	parts := make([]account.Digest, 50)
	for i := range parts {
		for j := range parts[i] {
			parts[i][j] = byte(r.UintN(256))
		}
	}
	for i := range parts[0] {
		parts[0][i], parts[1][i] = 0xff, 0xff // carries all the way
	}
	sum := func() (d account.Digest) {
		for _, p := range parts {
			d.Add(p)
		}
		return d
	}
	want := sum()
	for range 20 {
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		if got := sum(); got != want {
			t.Fatalf("in another order the sum is %s, not %s", got, want)
		}
	}
	for _, p := range parts {
		want.Subtract(p)
	}
	if want != (account.Digest{}) {
		t.Errorf("nothing is left, and the sum is %s", want)
	}
}

// Two logs with the same events at the same positions of each account differ in
// nothing, so their states may not either.
func TestIndependentEventsMayComeInAnyOrder(t *testing.T) {
	// Versions and times are part of an account: events keep their stamps only if
	// the positions between are passed over.
	apply := func(order ...account.Event) account.Digest {
		s := account.NewState()
		for i, ev := range order {
			if ev == nil {
				if err := s.Pass("x", at(int64(i+1))); err != nil {
					t.Fatal(err)
				}
				continue
			}
			mustApply(t, s, ev, at(int64(i+1)))
		}
		_, d := s.Digest()
		if last := s.ForeignVersion("x"); last > 0 {
			d.Subtract(account.DigestOfSubject(account.SubjectVersion{Subject: "x", Version: last}))
		}
		return d
	}
	first := apply(opened("000001"), nil, nil)
	second := apply(nil, opened("000002"), nil)
	third := apply(nil, nil, opened("000003"))
	sum := first
	sum.Add(third)
	sum.Add(second)
	if all := apply(opened("000001"), opened("000002"), opened("000003")); all != sum {
		t.Errorf("together %s, added up %s", all, sum)
	}
}
