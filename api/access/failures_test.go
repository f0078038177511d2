package access_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/api/access"
)

// fail counts failures from an address, and gives the last result.
func fail(f *access.Failures, times int, address string) (wait time.Duration, news bool) {
	for range times {
		wait, news = f.Count(address)
	}
	return wait, news
}

func TestTooManyFailuresFromOneAddressAreRefusedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := access.NewFailures(6)
		if wait, _ := fail(f, 6, "10.0.0.1:1000"); wait != 0 {
			t.Errorf("wait %s after as many as there may be", wait)
		}
		if wait, news := f.Count("10.0.0.1:2000"); wait != 10*time.Second || !news {
			t.Errorf("wait %s, news %t", wait, news)
		}
		if wait, news := fail(f, 100, "10.0.0.1:3000"); wait != 10*time.Second || news {
			t.Errorf("those that are refused count: wait %s, news %t", wait, news)
		}
		if wait, _ := f.Count("10.0.0.2:1000"); wait != 0 {
			t.Errorf("another address waits %s", wait)
		}
		<-time.After(10 * time.Second)
		if wait, _ := f.Count("10.0.0.1:1000"); wait != 0 {
			t.Errorf("wait %s after waiting", wait)
		}
		if wait, news := f.Count("10.0.0.1:1000"); wait != 10*time.Second || !news {
			t.Errorf("wait %s, news %t, the second time", wait, news)
		}
	})
}

func TestTheAddressesOfOneClientAreOne(t *testing.T) {
	for _, c := range []struct {
		one, other string
		same       bool
	}{
		{"[2001:db8::1]:1", "[2001:db8::ffff:ffff:ffff:ffff]:2", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"10.0.0.1:1", "[::ffff:10.0.0.1]:1", true},
		{"10.0.0.1:1", "10.0.0.2:1", false},
		{"@", "nonsense", true},
	} {
		f := access.NewFailures(1)
		f.Count(c.one)
		if wait, _ := f.Count(c.other); (wait > 0) != c.same {
			t.Errorf("%s, %s: wait %s", c.one, c.other, wait)
		}
	}
}

func TestTheAddressThatFailedTheLongestAgoIsForgotten(t *testing.T) {
	f := access.NewFailures(1)
	address := func(i int) string { return fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255) }
	for i := range 10_000 {
		f.Count(address(i))
	}
	f.Count(address(0)) // it has failed again since
	f.Count(address(10_000))
	if wait, _ := f.Count(address(0)); wait == 0 {
		t.Error("the one that failed just now is forgotten")
	}
	if wait, _ := f.Count(address(1)); wait != 0 {
		t.Error("the oldest is not")
	}
}
