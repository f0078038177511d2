package histories

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// answerLimit is how long a client waits, mostly; sometimes it has less patience.
const (
	answerLimit = 4 * time.Second
	impatient   = 150 * time.Millisecond
)

// client sends operations, one after another, and keeps what it was told. One goroutine uses it.
type client struct {
	http  *http.Client
	urls  []string // of the nodes
	began time.Time
	name  string // begins all its keys and request ids
	id    int
	rng   *rand.Rand
	told  []*told       // by group
	done  *atomic.Int64 // commands that succeeded, of all clients
	ops   []Operation
}

// told is what clients tell one another of a group: where they may read.
type told struct {
	numbers []string
	newest  atomic.Int64 // the largest position of an event of this group that anybody was told of
}

// attempt sends an operation to a node, once, and keeps and returns what came of it.
func (c *client) attempt(node, group int, in Input) Output {
	in.Request = fmt.Sprintf("%s-%d", c.name, len(c.ops))
	op := Operation{Client: c.id, Node: node, Group: group, Input: in}
	limit := answerLimit
	if c.rng.IntN(12) == 0 {
		limit = impatient
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	request := in.request(ctx, c.urls[node])
	op.Call = time.Since(c.began).Nanoseconds()
	response, err := c.http.Do(request)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(response.Body)
		response.Body.Close()
	}
	op.Return = time.Since(c.began).Nanoseconds()
	if err != nil {
		op.Output = noAnswer(in, err)
	} else {
		op.Output = read(in, response.StatusCode, response.Header, body)
	}
	c.ops = append(c.ops, op)
	if p := op.Output.Position; p > 0 {
		c.done.Add(1)
		for old := c.told[group].newest.Load(); old < p && !c.told[group].newest.CompareAndSwap(old, p); {
			old = c.told[group].newest.Load()
		}
	}
	return op.Output
}

// noAnswer is what is known then. Whoever could not connect has asked for nothing.
func noAnswer(in Input, err error) Output {
	out := Output{Outcome: Unknown, Code: err.Error()}
	if o, ok := errors.AsType[*net.OpError](err); ok && o.Op == "dial" || in.Kind.Reads() {
		out.Outcome = NotDone
	}
	return out
}

// request is the HTTP request for an operation.
func (in Input) request(ctx context.Context, url string) *http.Request {
	method, path, body := in.call()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, url+path, reader)
	if err != nil {
		panic(err) // it is made of nothing that can be wrong
	}
	r.GetBody = nil // or the transport would send it again, unseen
	r.Header.Set("X-Request-Id", in.Request)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if in.Kind == Update {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	if in.Key != "" {
		// In this spelling the transport doesn't know it: with the usual one it would send what
		// has no body again, unseen.
		r.Header["idempotency-key"] = []string{in.Key}
	}
	if in.IfMatch != 0 {
		r.Header.Set("If-Match", fmt.Sprintf("%q", strconv.FormatInt(in.IfMatch, 10)))
	}
	switch in.Kind {
	case ReadStrong:
		r.Header.Set("Consistency", "strong")
	case ReadFrom, ReadAt:
		r.Header.Set("Min-Position", strconv.FormatInt(in.Bound, 10))
	}
	return r
}

func (in Input) call() (method, path, body string) {
	account := "/v1/accounts/" + in.Account
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	list := func(url string) []string {
		if url == "" {
			return []string{}
		}
		return []string{url}
	}
	type fields = map[string]any
	money := fields{"amount": in.Amount, "currency": "GBP"}
	details := fields{"sortCode": in.Details.SortCode, "customerURLs": list(in.Details.Customer), "cardURLs": list(in.Details.Card)}
	switch in.Kind {
	case Open:
		details["accountNumber"] = in.Account
		return http.MethodPost, "/v1/accounts", text(details)
	case Update:
		return http.MethodPatch, account, text(fields{"cardURLs": details["cardURLs"]})
	case Replace:
		return http.MethodPut, account, text(details)
	case Close:
		return http.MethodDelete, account, ""
	case Deposit:
		return http.MethodPost, account + "/deposits", text(money)
	case Withdraw:
		return http.MethodPost, account + "/withdrawals", text(money)
	case Transfer:
		money["from"], money["to"] = in.Account, in.To
		return http.MethodPost, "/v1/transfers", text(money)
	case ReadAt:
		return http.MethodGet, account + "?at=" + strconv.FormatInt(in.Bound, 10), ""
	}
	return http.MethodGet, account, ""
}

// read makes sense of an answer.
func read(in Input, status int, header http.Header, body []byte) Output {
	var text struct {
		Code, Status, SortCode   string
		Actual, Balance, Version int64
		CustomerURLs, CardURLs   []string
	}
	out := Output{Applied: number(header, "Applied-Position"), Replayed: header.Get("Idempotency-Replayed") == "true"}
	if len(body) > 0 {
		// status is text in an account and a number in a problem.
		if err := json.Unmarshal(body, &text); err != nil && status < 400 {
			return Output{Outcome: Unknown, Code: fmt.Sprintf("%d %v: %s", status, err, body)}
		}
	}
	switch {
	case status < 300:
		out.Outcome, out.Position = OK, number(header, "Event-Position")
		if text.Version > 0 {
			out.View = &View{Status: text.Status, Balance: text.Balance, Version: text.Version,
				Details: Details{text.SortCode, first(text.CustomerURLs), first(text.CardURLs)}}
		}
	case status == http.StatusServiceUnavailable && text.Code == "outcome-unknown" && !in.Kind.Reads():
		out.Outcome, out.Code = Unknown, text.Code
	case status == http.StatusServiceUnavailable && text.Code != "log-damaged":
		out.Outcome, out.Code = NotDone, text.Code
	case status >= 400 && status < 500:
		out.Outcome, out.Code, out.Actual = Refused, text.Code, text.Actual
	default:
		out.Outcome, out.Code = Unknown, fmt.Sprintf("%s%d: %s", wrong, status, body)
	}
	return out
}

// wrong begins the code of an answer that must not be.
const wrong = "wrong answer: "

func number(h http.Header, name string) int64 {
	n, _ := strconv.ParseInt(h.Get(name), 10, 64) // 0 if it is not there
	return n
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
