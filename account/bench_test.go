package account_test

import (
	"runtime"
	"sync"
	"testing"

	"openpayment/account"
)

// million is how many accounts the benchmarks of a State work on.
const million = 1_000_000

// bigState is built once for all benchmarks that only read or update it.
var bigState = sync.OnceValue(func() *account.State {
	s := account.NewState()
	for i := range million {
		if err := s.Apply(usual(number(i)), at(int64(i+1))); err != nil {
			panic(err)
		}
	}
	return s
})

// usual is an account with as much in it as most have.
func usual(n account.Number) account.Opened {
	return account.Opened{
		Number: n, SortCode: "10-20-30", CustomerURLs: []string{"https://customers.example/" + string(n)},
		CardURLs: []string{"https://cards.example/" + string(n)}, Currency: "GBP",
	}
}

// BenchmarkStateApplyOpen opens accounts on a state that holds a million, and
// tells what those take.
func BenchmarkStateApplyOpen(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := account.NewState()
	for i := range million {
		mustApply(b, s, usual(number(2*i)), at(int64(i+1)))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	for b.Loop() {
		seq := s.Position() + 1
		mustApply(b, s, usual(number(int(seq-million)*2-1)), at(seq))
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/million, "B/account")
	runtime.KeepAlive(s)
}

func BenchmarkStateApplyUpdate(b *testing.B) {
	s := bigState()
	b.ReportAllocs()
	urls := []string{"https://customers.example/1"}
	for i := 0; b.Loop(); i++ {
		seq := s.Position() + 1
		n := number(int(uint32(i) * 2654435761 % million))
		mustApply(b, s, account.Updated{Number: n, SortCode: "40-50-60", CustomerURLs: urls, CardURLs: urls}, at(seq))
	}
}

// BenchmarkFreeze freezes and thaws a million accounts: that long events wait.
func BenchmarkFreeze(b *testing.B) {
	s := bigState()
	for b.Loop() {
		freeze(s).Thaw()
	}
}

// BenchmarkStateApplyUpdateFrozen is BenchmarkStateApplyUpdate while the state is
// frozen, and with it every account is changed for the first time since.
func BenchmarkStateApplyUpdateFrozen(b *testing.B) {
	s := bigState()
	b.ReportAllocs()
	urls := []string{"https://customers.example/1"}
	f := freeze(s)
	for i := 0; b.Loop(); i++ {
		if i%million == million-1 {
			f.Thaw()
			f = freeze(s)
		}
		seq := s.Position() + 1
		n := number(int(uint32(i) * 2654435761 % million))
		mustApply(b, s, account.Updated{Number: n, SortCode: "40-50-60", CustomerURLs: urls, CardURLs: urls}, at(seq))
	}
	f.Thaw()
}

// BenchmarkList asks for a page of 100 among a million.
func BenchmarkList(b *testing.B) {
	s := bigState()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if page := s.List(number(i*100%(million-200)), 100, account.Filter{}); len(page) != 100 {
			b.Fatalf("a page of %d", len(page))
		}
	}
}

// BenchmarkListWithoutMatch looks at all of the million, once for each page.
func BenchmarkListWithoutMatch(b *testing.B) {
	s := bigState()
	for b.Loop() {
		if page := s.List("", 100, account.Filter{SortCode: "999999"}); len(page) != 0 {
			b.Fatalf("a page of %d", len(page))
		}
	}
}

func BenchmarkStateAccountParallel(b *testing.B) {
	s := bigState()
	b.RunParallel(func(pb *testing.PB) {
		for i := uint32(0); pb.Next(); i++ {
			if s.Account(number(int(i*2654435761%million))) == nil {
				b.Error("missing")
			}
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	v := show(known(), rich("87654321", "GBP", 1000))
	urls := []string{"https://customers.example/1", "https://customers.example/2"}
	for name, c := range map[string]account.Command{
		"Open":     account.Open{Number: "000001", SortCode: "102030", CustomerURLs: urls, CardURLs: urls},
		"Update":   account.Update{Account: "12345678", CustomerURLs: &urls, CardURLs: &urls},
		"Deposit":  account.Deposit{Account: "12345678", Amount: 5, Currency: "GBP"},
		"Transfer": account.Transfer{From: "87654321", To: "12345678", Amount: 5, Currency: "GBP"},
		"Close":    account.Close{Account: "12345678"},
		"Refused":  account.Close{Account: "12345678", Match: &account.Match{Version: 1}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			valid, err := account.Check(c)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				_, _ = valid.Decide(v)
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	urls := []string{"https://customers.example/1", "https://customers.example/2"}
	c := account.Open{Number: "000001", SortCode: "102030", CustomerURLs: urls, CardURLs: urls}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = account.Check(c)
	}
}

func BenchmarkDraft(b *testing.B) {
	v := stateOf(b, opened("12345678"))
	up := account.Updated{Number: "12345678", SortCode: "40-50-60", CustomerURLs: []string{}, CardURLs: []string{}}
	b.ReportAllocs()
	for b.Loop() {
		d := account.NewDraft(v)
		if err := d.Apply(up, at(18)); err != nil {
			b.Fatal(err)
		}
	}
}
