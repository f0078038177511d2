package access

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxAddresses is how many addresses failures are counted of at once: some 300 bytes
// each.
const maxAddresses = 10_000

// Failures counts, for each address, how often a token from there was nobody's, and
// tells when that is too often. It is safe for concurrent use, and its memory is bounded:
// where there are too many addresses, the one that has not failed for the longest time is
// forgotten.
type Failures struct {
	perMinute int

	mu     sync.Mutex                     // guards what follows
	counts map[netip.Prefix]*list.Element // of *count
	order  *list.List                     // the one that failed last comes first
}

// count is that of one address.
type count struct {
	address netip.Prefix
	left    *rate.Limiter
	told    bool // that it was too often, since the last time that it was not
}

// NewFailures allows each address so many failures a minute, all at once or one by one.
func NewFailures(perMinute int) *Failures {
	return &Failures{perMinute: perMinute, counts: make(map[netip.Prefix]*list.Element), order: list.New()}
}

// Count notes a failure from address, which is HOST:PORT, and tells for how long there
// should be none: 0 if there have not been too many. news is true if that was different
// until now.
func (f *Failures) Count(address string) (wait time.Duration, news bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.countOf(Client(address))
	now := time.Now()
	r := c.left.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait == 0 {
		c.told = false
		return 0, false
	}
	r.CancelAt(now) // a failure that is refused does not count: waiting helps
	news, c.told = !c.told, true
	return wait, news
}

// countOf gives the count of an address, and makes room for it if need be. mu is held.
func (f *Failures) countOf(address netip.Prefix) *count {
	if e, known := f.counts[address]; known {
		f.order.MoveToFront(e)
		return e.Value.(*count)
	}
	if f.order.Len() == maxAddresses {
		oldest := f.order.Remove(f.order.Back()).(*count)
		delete(f.counts, oldest.address)
	}
	c := &count{address: address, left: rate.NewLimiter(rate.Limit(f.perMinute)/60, f.perMinute)}
	f.counts[address] = f.order.PushFront(c)
	return c
}

// Client is what counts as one client of those that call from address, which is
// HOST:PORT: an IPv4 address, or the network of 2^64 IPv6 addresses that is the least
// anybody is given. All that is no address is one.
func Client(address string) netip.Prefix {
	at, _ := netip.ParseAddrPort(address)
	ip := at.Addr().Unmap()
	network, _ := ip.Prefix(min(ip.BitLen(), 64))
	return network
}
