package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"openpayment/api/client"
)

// script is what a made-up service sends over one connection.
type script func(w *connection)

// connection is one, seen from the service.
type connection struct {
	w     http.ResponseWriter
	r     *http.Request
	after int64 // where the client wants to go on
}

func (c *connection) send(format string, args ...any) {
	fmt.Fprintf(c.w, format, args...)
	_ = http.NewResponseController(c.w).Flush()
}

func (c *connection) events(seqs ...int) {
	for _, seq := range seqs {
		c.send("id: %d\ndata: {\"seq\":%d,\ndata: \"type\":\"a.b\",\"subject\":\"s\"}\n\n", seq, seq)
	}
}

func (c *connection) goodbye(code string) {
	status := map[string]int{"too-slow": 408, "superseded": 409, "subscription-deleted": 410, "shutting-down": 503, "log-damaged": 503}[code]
	c.send("event: goodbye\ndata: {\"status\":%d,\"code\":%q,\"detail\":\"made up\"}\n\n", status, code)
}

// streaming is a service that sends one script after another, and then closes each
// connection at once. Where a script asks for more than there is, it is the test's
// fault.
func streaming(t testing.TB, options []client.Option, scripts ...script) (*client.Client, *[]*http.Request) {
	t.Helper()
	requests := new([]*http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := len(*requests)
		*requests = append(*requests, r)
		if n >= len(scripts) {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		after, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
		if err != nil {
			after, _ = strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		}
		scripts[n](&connection{w, r, after})
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return newClient(t, server.URL, nil, options...), requests
}

// impatient gives up a silent stream at once.
var impatient = client.Retry(client.RetryPolicy{For: time.Minute, MinPause: time.Millisecond, MaxPause: 4 * time.Millisecond, Silence: 50 * time.Millisecond})
