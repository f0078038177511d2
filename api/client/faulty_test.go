package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
)

// faulty is a network, and proxies on the way, that go wrong.
type faulty struct {
	next   func() fault // what happens to a request; nil: nothing
	faults atomic.Int64
}

// nowhere is the host of a service that there is not: faulty answers for it.
const nowhere = "x"

// fault makes an answer out of what would be one.
type fault func(r *http.Request, pass func() (*http.Response, error)) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	pass := func() (*http.Response, error) { return http.DefaultTransport.RoundTrip(r) }
	if r.URL.Host == nowhere {
		pass = func() (*http.Response, error) { return made(r, 200, "", "{}"), nil }
	}
	if happens := f.next(); happens != nil {
		f.faults.Add(1)
		return happens(r, pass)
	}
	return pass()
}

var errReset = errors.New("connection reset by peer")

// lostRequest never arrives.
func lostRequest(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
	return nil, errReset
}

// lostAnswer is one to a request that was carried out.
func lostAnswer(_ *http.Request, pass func() (*http.Response, error)) (*http.Response, error) {
	response, err := pass()
	if err == nil {
		_ = response.Body.Close()
	}
	return nil, errReset
}

// halfAnswer ends in the middle.
func halfAnswer(_ *http.Request, pass func() (*http.Response, error)) (*http.Response, error) {
	response, err := pass()
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if len(body) > 0 { // a half of nothing is nothing
		response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
	}
	return response, err
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// problem is the answer of a service that has not carried the request out.
func problem(status int, code, after string) fault {
	body := fmt.Sprintf(`{"status":%d,"code":%q,"detail":"made up"}`, status, code)
	return func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		return made(r, status, after, body), nil
	}
}

// unknown is said of a request that was carried out.
func unknown(r *http.Request, pass func() (*http.Response, error)) (*http.Response, error) {
	if response, err := pass(); err == nil {
		_ = response.Body.Close()
	}
	return problem(503, "outcome-unknown", "0")(r, nil)
}

// proxy is the answer of something on the way.
func proxy(status int) fault {
	return func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		return made(r, status, "", "<html>"), nil
	}
}

func made(r *http.Request, status int, after, body string) *http.Response {
	header := http.Header{"Content-Type": {"application/problem+json"}}
	if after != "" {
		header.Set("Retry-After", after)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader([]byte(body))), Request: r}
}

// passing are the faults that a client gets over by itself.
var passing = []fault{
	lostRequest, lostAnswer, halfAnswer, unknown, problem(503, "overloaded", "0"), problem(503, "store-unavailable", "0"), problem(503, "not-caught-up", ""),
	problem(503, "outcome-unknown", ""), problem(429, "too-many-failures", "0"), proxy(502), proxy(503), proxy(504), proxy(429),
}

// oneAfterAnother has each fault happen to one request, and lets those behind pass.
func oneAfterAnother(faults ...fault) *faulty {
	var mu sync.Mutex
	return &faulty{next: func() (next fault) {
		mu.Lock()
		defer mu.Unlock()
		if len(faults) > 0 {
			next, faults = faults[0], faults[1:]
		}
		return next
	}}
}

// atRandom has something go wrong with a part of all requests.
func atRandom(seed uint64, part float64) *faulty {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 1))
	return &faulty{next: func() fault {
		mu.Lock()
		defer mu.Unlock()
		if rng.Float64() < part {
			return passing[rng.IntN(len(passing))]
		}
		return nil
	}}
}

// proxyJSON is a success that something else has made up.
func proxyJSON(body string) fault {
	return func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		response := made(r, 200, "0", body)
		response.Header.Set("Content-Type", "application/json")
		return response, nil
	}
}
