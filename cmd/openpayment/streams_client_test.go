package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"openpayment/internal/pause"
)

// watcher is a client of a stream, as cheap as can be: it keeps the positions of the
// events that it gets, and resumes behind the last one whenever a connection ends.
type watcher struct {
	t      testing.TB
	p      *process
	typ    string // of the events that it wants; empty: all
	about  int    // the account that they are to be about; none if negative
	ndjson bool
	slow   bool // reads in gulps, with pauses
	stuck  bool // stops to read once, until it is thrown out

	seqs        []int64      // of one run's goroutine; to be read when it has ended
	at          atomic.Int64 // the last id or seq
	got         atomic.Int64 // events
	caughtUp    atomic.Bool  // since the last connection was made
	hurry       *atomic.Bool // no more pauses
	connections int          // that were made
	thrownOut   int          // of these, ended by the service
	goodbyes    int          // of these, with a reason
	unstuck     bool         // it has been stuck before
}

func (w *watcher) query() string {
	q := ""
	if w.typ != "" {
		q += "&type=" + w.typ
	}
	if w.about >= 0 {
		q += "&subject=accounts/" + aNumber(w.about)
	}
	return q
}

// wants is the filter again, in the test's own words.
func (w *watcher) wants(kind string, from, to int) bool {
	return (w.typ == "" || w.typ == kind) && (w.about < 0 || w.about == from || w.about == to)
}

// run follows the stream until ctx ends.
func (w *watcher) run(ctx context.Context) {
	for {
		w.connections++
		if w.connect(ctx); ctx.Err() != nil {
			return
		}
		w.thrownOut++
		pause.For(ctx, 50*time.Millisecond)
	}
}

// connect follows one connection to its end.
func (w *watcher) connect(ctx context.Context) {
	w.caughtUp.Store(false)
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(w.p.URL, "http://"))
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	media := "text/event-stream"
	if w.ndjson {
		media = "application/x-ndjson"
	}
	var from io.Reader = conn
	if w.slow || w.stuck {
		_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10) // less makes TCP itself stall
		from = &gulps{ctx, w, conn, 0}
	}
	fmt.Fprintf(conn, "GET /v1/events/stream?after=0%s HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nLast-Event-ID: %d\r\n\r\n", w.query(), media, w.at.Load())
	answer, err := http.ReadResponse(bufio.NewReaderSize(from, 8<<10), nil)
	if err != nil {
		return
	}
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		w.t.Errorf("%s: %s", answer.Status, text)
		return
	}
	if w.ndjson {
		applied, _ := strconv.ParseInt(answer.Header.Get("Applied-Position"), 10, 64)
		w.readLines(bufio.NewReader(answer.Body), applied)
	} else {
		w.readFrames(bufio.NewReader(answer.Body))
	}
}

// gulps reads little, and then nothing for a while.
type gulps struct {
	ctx  context.Context
	w    *watcher
	conn net.Conn
	n    int
}

// Read implements [io.Reader].
func (g *gulps) Read(p []byte) (int, error) {
	if g.n++; !g.w.hurry.Load() {
		switch {
		case g.w.stuck && g.n >= 20 && !g.w.unstuck:
			g.w.unstuck = true
			pause.For(g.ctx, 4*streamsWriteTimeout)
		case !g.w.slow:
		case g.n%100 == 0:
			pause.For(g.ctx, time.Second)
		default:
			pause.For(g.ctx, 50*time.Millisecond)
		}
	}
	return g.conn.Read(p)
}

// readFrames reads server-sent events.
func (w *watcher) readFrames(r *bufio.Reader) {
	var id int64
	var data bool
	var name string
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		switch {
		case bytes.HasPrefix(line, []byte("id: ")):
			id = number(line[4:])
		case bytes.HasPrefix(line, []byte("data: ")):
			data = true
		case bytes.HasPrefix(line, []byte("event: ")):
			name = string(line[7:])
		case len(line) == 1:
			switch {
			case name == "caught-up\n":
				w.caughtUp.Store(true)
			case name == "goodbye\n":
				w.goodbyes++
			case data:
				w.take(id)
			}
			w.at.Store(id)
			data, name = false, ""
		}
	}
}

// readLines reads NDJSON, where an empty line is a heartbeat. It has no sign that all of
// the past has come: near the place where the node was will do.
func (w *watcher) readLines(r *bufio.Reader, applied int64) {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		seq, isEvent := bytes.CutPrefix(line, []byte(`{"seq":`))
		switch {
		case isEvent:
			id := number(seq)
			w.take(id)
			w.at.Store(id)
			if id > applied-streamsNear {
				w.caughtUp.Store(true)
			}
		case len(line) > 1:
			w.goodbyes++
		}
	}
}

// number reads the digits at the beginning of b.
func number(b []byte) (n int64) {
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

func (w *watcher) take(seq int64) {
	if n := len(w.seqs); n > 0 && seq <= w.seqs[n-1] {
		w.t.Errorf("a client with %q got event %d behind event %d", w.query(), seq, w.seqs[n-1])
	}
	w.seqs = append(w.seqs, seq)
	w.got.Add(1)
}

// check demands that a client has got every event that it wants, once and in order.
func (w *watcher) check(all []event, postings []posting) {
	i := 0
	for n, ev := range all {
		if from, to := postings[n].accounts(ev.Type); !w.wants(ev.Type, from, to) {
			continue
		}
		if i == len(w.seqs) || w.seqs[i] != ev.Seq {
			got := "nothing"
			if i < len(w.seqs) {
				got = strconv.FormatInt(w.seqs[i], 10)
			}
			w.t.Errorf("a client with %q got %s where event %d belongs", w.query(), got, ev.Seq)
			return
		}
		i++
	}
	if i < len(w.seqs) {
		w.t.Errorf("a client with %q got event %d, which it does not want", w.query(), w.seqs[i])
	}
}
