package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// subscriber follows a subscription for as long as it lives, again and again, and holds
// what it is given against what it has acknowledged.
type subscriber struct {
	t    *testing.T
	name string
	rng  *rand.Rand

	got       []int64 // every event, the first time that it came
	confirmed int64   // the last acknowledgement that was answered
	doubtful  []int64 // those further on that were sent, and not answered

	kills, repeats, resumes int
	slowest                 time.Duration // from connecting to the first event
	acks                    []time.Duration
}

// How a subscriber's life ends.
type ending int

const (
	beforeAck ending = iota // between an event and its acknowledgement
	duringAck               // when the acknowledgement is on its way
	afterAck                // between an acknowledgement and the next event
	anyTime                 // whatever it is doing
	endings
)

// visit connects, takes so many events, acknowledges some of them, and dies as told, or
// with its node.
func (s *subscriber) visit(url string, events int, dies ending) {
	life := 20 * time.Second
	if dies == anyTime {
		life, events = time.Duration(s.rng.IntN(50))*time.Millisecond, 1000
	}
	ctx, kill := context.WithTimeout(s.t.Context(), life)
	defer kill()
	began := time.Now()
	next, err := s.connect(ctx, url, "maxUnacked=5&wait=10&limit=10")
	if err == nil || dies == anyTime {
		s.kills++
	}
	if err != nil {
		return
	}
	last := int64(0)
	for n := range events {
		seq, err := next()
		if err != nil {
			return
		}
		if n == 0 {
			s.slowest = max(s.slowest, time.Since(began))
			s.resumes++
		}
		s.check(seq, last)
		last = seq
		switch {
		case n == events-1 && dies == beforeAck:
			return
		case n == events-1 && dies == duringAck:
			cut, cancel := context.WithTimeout(ctx, time.Duration(s.rng.IntN(3000))*time.Microsecond)
			s.ack(cut, url, seq)
			cancel()
			return
		case n == events-1 || s.rng.IntN(3) > 0:
			s.ack(ctx, url, seq)
		}
	}
}

// check holds an event that has come against what was acknowledged, and against the one
// before it in this life. Which events there are between two is known at the end.
func (s *subscriber) check(seq, last int64) {
	newest := int64(0)
	if len(s.got) > 0 {
		newest = s.got[len(s.got)-1]
	}
	at, known := slices.BinarySearch(s.got, seq)
	before := int64(0) // the event that must have been given or acknowledged just before
	if at > 0 {
		before = s.got[at-1]
	}
	switch {
	case seq <= s.confirmed:
		s.t.Errorf("event %d came again, though %d was acknowledged", seq, s.confirmed)
	case seq <= last:
		s.t.Errorf("event %d came behind %d", seq, last)
	case !known && seq < newest:
		s.t.Errorf("event %d came first when %d had come already", seq, newest)
	case before > max(last, s.confirmed) && !slices.Contains(s.doubtful, before):
		s.t.Errorf("event %d came behind %d, with %d acknowledged; %d was left out", seq, last, s.confirmed, before)
	}
	if known {
		s.repeats++
	} else {
		s.got = append(s.got, seq)
	}
}

// ack acknowledges an event.
func (s *subscriber) ack(ctx context.Context, url string, seq int64) {
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, "POST", url+"/v1/subscriptions/"+s.name+"/ack", strings.NewReader(fmt.Sprintf(`{"seq":%d}`, seq)))
	if err != nil {
		s.t.Error(err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	s.doubtful = append(s.doubtful, seq)
	answer, err := plainHTTP.Do(request)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode == http.StatusServiceUnavailable {
		return
	}
	var body struct{ Acked int64 }
	if json.Unmarshal(text, &body) != nil || answer.StatusCode != http.StatusOK || body.Acked < seq {
		s.t.Errorf("acknowledging %d: %d %s", seq, answer.StatusCode, text)
		return
	}
	s.acks = append(s.acks, time.Since(began))
	s.confirmed = seq
	s.doubtful = slices.DeleteFunc(s.doubtful, func(sent int64) bool { return sent <= seq }) // one from an earlier life may still arrive
}

// connect opens the subscription in one of its forms. next gives the seq of one event
// after another.
func (s *subscriber) connect(ctx context.Context, url, query string, forms ...string) (next func() (int64, error), err error) {
	if len(forms) == 0 {
		forms = []string{"text/event-stream", "application/x-ndjson", "application/json"}
	}
	form := forms[s.rng.IntN(len(forms))]
	request, err := http.NewRequestWithContext(ctx, "GET", url+"/v1/subscriptions/"+s.name+"/events?"+query, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", form)
	answer, err := plainHTTP.Do(request)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusServiceUnavailable {
			s.t.Errorf("reading: %d %s", answer.StatusCode, text)
		}
		return nil, fmt.Errorf("%d %s", answer.StatusCode, text)
	}
	if form == "application/json" {
		return s.page(answer.Body)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return func() (int64, error) {
		for lines.Scan() {
			var ev event
			text := bytes.TrimPrefix(lines.Bytes(), []byte("data: "))
			if json.Unmarshal(text, &ev) == nil && ev.Seq > 0 {
				return ev.Seq, nil
			}
			if bytes.Contains(text, []byte(`"code":`)) {
				s.t.Errorf("goodbye: %s", text)
			}
		}
		return 0, io.ErrUnexpectedEOF
	}, nil
}

// drain takes and acknowledges all that there is.
func (s *subscriber) drain(url string) {
	for last := int64(0); ; {
		next, err := s.connect(s.t.Context(), url, "limit=1000", "application/json")
		if err != nil {
			s.t.Fatal(err)
		}
		from := last
		for seq, err := next(); err == nil; seq, err = next() {
			s.check(seq, last)
			last = seq
		}
		if last == from {
			return
		}
		s.ack(s.t.Context(), url, last)
	}
}

// page gives the events of a page.
func (s *subscriber) page(body io.Reader) (next func() (int64, error), err error) {
	var page struct{ Items []event }
	if err := json.NewDecoder(body).Decode(&page); err != nil {
		return nil, err
	}
	return func() (int64, error) {
		if len(page.Items) == 0 {
			return 0, io.EOF
		}
		seq := page.Items[0].Seq
		page.Items = page.Items[1:]
		return seq, nil
	}, nil
}
