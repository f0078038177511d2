package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"openpayment/internal/pause"
)

// RetryPolicy says how long a client goes on trying where the service can't be
// reached, or asks to be asked again. Zero fields take their defaults. The context of
// a call bounds it too.
type RetryPolicy struct {
	// For is how long, from the first try on; no try begins after it. Default: 30 s.
	// Negative: there is one try only.
	For time.Duration
	// MinPause is about how long to wait before the second try; it doubles with each.
	// All nodes are tried before the first pause. Default: 100 ms.
	MinPause time.Duration
	// MaxPause is the longest pause, unless the service asks for more. Default: 5 s.
	MaxPause time.Duration
	// Try is how long one try may take. Default: 15 s, more than the service gives
	// itself.
	Try time.Duration
	// Silence is how long a stream may say nothing before it is taken for dead; the
	// service says something every 15 s. Default: 45 s.
	Silence time.Duration
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	for field, fallback := range map[*time.Duration]time.Duration{
		&p.For: 30 * time.Second, &p.MinPause: 100 * time.Millisecond, &p.MaxPause: 5 * time.Second,
		&p.Try: 15 * time.Second, &p.Silence: 45 * time.Second,
	} {
		if *field == 0 {
			*field = fallback
		}
	}
	return p
}

// pause is how long to wait before the given round, the second being 1: random, so
// that clients that were cut off together do not come back together.
func (p RetryPolicy) pause(round int) time.Duration {
	longest := p.MaxPause
	if doubled := p.MinPause << min(round-1, 30); doubled > 0 && doubled < longest {
		longest = doubled
	}
	return longest/2 + rand.N(longest/2+1)
}

// verdict is what an error says about the request that has met with it.
type verdict struct {
	again  bool          // another try may do better
	unsure bool          // the request may have been carried out, or may still be
	after  time.Duration // how long the service wants to be left alone
}

// judge looks at the error of one try. What was never sent was not carried out.
func judge(err error, sent bool) verdict {
	if e, ok := errors.AsType[*Error](err); ok {
		v := verdict{after: e.RetryAfter}
		switch {
		case e.Code == CodeLogDamaged, e.Code == CodeSuperseded: // it would come to the same
		case e.Code == CodeShuttingDown, e.Code == CodeTooSlow: // of a stream
			v.again = true
		case e.Code == CodeOutcomeUnknown:
			v.again, v.unsure = true, true
		case e.Status == http.StatusServiceUnavailable, e.Status == http.StatusTooManyRequests:
			v.again = true
		case e.Status >= http.StatusInternalServerError: // a defect of the service, anywhere on the way
			v.unsure = true
		}
		return v
	}
	if e, ok := errors.AsType[*statusError](err); ok {
		switch e.status {
		case http.StatusTooManyRequests:
			return verdict{again: true, after: e.retryAfter}
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return verdict{again: true, unsure: true, after: e.retryAfter}
		}
		return verdict{unsure: e.status >= http.StatusInternalServerError}
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return verdict{again: !untrusted && !errors.Is(err, ErrForeign), unsure: sent}
}

// patience is how far one call has come with its policy.
type patience struct {
	policy RetryPolicy
	nodes  int
	begun  time.Time
	tries  int
}

func (c *Client) patience() patience {
	return patience{policy: c.retry, nodes: len(c.nodes.urls), begun: time.Now()}
}

// next waits until it is time for another try; false when there is to be none. It
// doesn't wait for what would come to nothing.
func (p *patience) next(ctx context.Context, after time.Duration) bool {
	wait := p.wait(after)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait || p.over(wait) {
		return false
	}
	return sleep(ctx, wait)
}

// over tells whether the time of the policy will be, after another wait.
func (p *patience) over(wait time.Duration) bool {
	return time.Since(p.begun)+wait > p.policy.For
}

// sleep waits; false when ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool { return pause.For(ctx, d) && ctx.Err() == nil }

// wait counts a try that has failed, and gives the time before the next one.
func (p *patience) wait(after time.Duration) time.Duration {
	p.tries++
	round := p.tries / p.nodes
	if p.tries%p.nodes > 0 {
		return 0
	}
	wait := p.policy.pause(round)
	if after > wait {
		wait = after + wait/4
	}
	return wait
}
