package client

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
)

// lineEnds are those of HTML's standard.
var lineEnds = regexp.MustCompile("\r\n|\r|\n")

// said is what a text/event-stream says, read as HTML's standard has it, all at once.
func said(stream string) (all []frame) {
	stream = strings.TrimPrefix(stream, "\ufeff")
	lines := lineEnds.Split(stream, -1)
	var m frame
	some, data := false, ""
	for _, line := range lines[:len(lines)-1] { // behind the last there is no end
		if line == "" {
			if some {
				m.data = []byte(strings.TrimSuffix(data, "\n"))
				all = append(all, m)
			}
			m, some, data = frame{}, false, ""
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			if strings.Contains(value, "\x00") {
				continue
			}
			m.id, some = value, true
		case "event":
			m.event, some = value, true
		case "data":
			data, some = data+value+"\n", true
		}
	}
	return all
}

// FuzzAStreamSaysWhatTheStandardHasItSay, however it is cut into pieces on its way.
func FuzzAStreamSaysWhatTheStandardHasItSay(f *testing.F) {
	for _, seed := range []string{
		"", "\n\n", ": heartbeat\nid: 6\n\n", "id: 5\ndata: {\"seq\":5", "id:1\ndata: a\ndata:b\r\n\r\nevent: goodbye\n\n",
		"data: a\r\rdata: b\r\n\r\n", "\ufeffdata: a\n\n", "data\n\n", "data: \n\n", "id: 1\x00\n\n", "retry: 5\nnothing\n\n", "data: a\n\r\ndata: b\n\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stream string) {
		want := said(stream)
		for _, r := range []io.Reader{strings.NewReader(stream), iotest.OneByteReader(strings.NewReader(stream)), iotest.DataErrReader(strings.NewReader(stream))} {
			in := newFrames(r)
			for i := 0; ; i++ {
				m, err := in.next()
				if err != nil {
					if !errors.Is(err, io.ErrUnexpectedEOF) || i != len(want) {
						t.Fatalf("%q ends with %v behind %d messages of %d", stream, err, i, len(want))
					}
					break
				}
				if i == len(want) || m.event != want[i].event || m.id != want[i].id || !bytes.Equal(m.data, want[i].data) {
					t.Fatalf("%q: message %d is %q", stream, i, m)
				}
			}
		}
	})
}

// FuzzAFeedDeliversOnceAndInOrder, whatever messages come: nothing else than events,
// each further on than the one before, and without a gap where there may be none.
func FuzzAFeedDeliversOnceAndInOrder(f *testing.F) {
	const ev = `{"seq":6,"id":"019b7c0e-5b6c-7000-8000-000000000001","type":"a.b","subject":"s","time":"2026-01-02T12:00:00.006Z","meta":{},"data":{}}`
	for _, seed := range []string{
		"id: 6\ndata: " + ev + "\n\nid: 6\ndata: " + ev + "\n\n", "data: {}\n\n", "data: " + strings.Replace(ev, "6", "9007199254740993", 1) + "\n\n",
		"data: " + ev + "\n\nid: 900\n\ndata: " + ev + "\n\n", "event: goodbye\ndata: {\"code\":\"too-slow\",\"status\":408}\n\n", "event: goodbye\ndata: x\n\n",
		"event: caught-up\ndata: {\"position\":-1}\n\nid: -5\n\n", "data: null\n\n",
	} {
		f.Add(seed, true, int64(5))
		f.Add(seed, false, int64(0))
	}
	f.Fuzz(func(t *testing.T, stream string, gapless bool, last int64) {
		feed := &feed{last: Position(last), gapless: gapless}
		told := 0
		feed.caughtUp = func(Position) { told++ }
		in := newFrames(strings.NewReader(stream))
		for at := feed.last; ; {
			m, err := in.next()
			if err == nil {
				err = feed.take(m, func(e Event) error {
					if e.Seq <= at || gapless && e.Seq != at+1 {
						t.Errorf("behind %d comes %+v", at, e)
					}
					at = e.Seq
					return nil
				})
			}
			if feed.last < at || told > 1 {
				t.Errorf("it goes on behind %d, though %d is delivered; told %d times that it has caught up", feed.last, at, told)
			}
			if err != nil {
				known := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrForeign) || errors.Is(err, ErrNoAnswer)
				if problem, ok := errors.AsType[*Error](err); !known && (!ok || problem.Code == "") {
					t.Errorf("it ends with %v", err)
				}
				return
			}
		}
	})
}

// FuzzARefusalIsAProblemOrForeign, whatever body and header an answer of that kind has;
// and nobody has to wait for less than nothing.
func FuzzARefusalIsAProblemOrForeign(f *testing.F) {
	f.Add(409, "1", []byte(`{"code":"version-mismatch","status":409,"expected":1,"actual":2}`))
	f.Add(503, "Fri, 02 Jan 2026 12:00:00 GMT", []byte(`<html>`))
	f.Add(500, "-1", []byte(`{"code":1}`))
	f.Add(429, "99999999999", []byte(`{"code":"x","errors":[{},null]}`))
	f.Fuzz(func(t *testing.T, status int, after string, body []byte) {
		err := refusal(status, http.Header{"Retry-After": {after}}, body)
		if e, ok := errors.AsType[*Error](err); ok {
			if e.Code == "" || e.Status != status || e.RetryAfter < 0 {
				t.Errorf("%+v", e)
			}
		} else if !errors.Is(err, ErrForeign) {
			t.Errorf("%v", err)
		}
		if v := judge(err, true); v.after < 0 || err.Error() == "" {
			t.Errorf("%v is judged %+v", err, v)
		}
	})
}
