package api_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// firstFrame reads a stream to the end of its first frame: what is seen of it where
// all answers are looked at in one way.
type firstFrame struct {
	io.Reader
	last byte
	over bool
}

// Read implements [io.Reader].
func (f *firstFrame) Read(p []byte) (int, error) {
	if f.over {
		return 0, io.EOF
	}
	n, err := f.Reader.Read(p[:1])
	if n == 1 {
		f.over = f.last == '\n' && p[0] == '\n'
		f.last = p[0]
	}
	return n, err
}

// follower is a client of a stream.
type follower struct {
	testing.TB
	answer *http.Response
	lines  *bufio.Reader
	leave  context.CancelFunc
}

// follow opens a stream, which ends with the test. The answer must be a success.
func (r *rig) follow(path string, headers ...string) *follower {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", r.url+path, nil)
	if err != nil {
		r.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	if answer.StatusCode != 200 {
		text, _ := io.ReadAll(answer.Body)
		r.Fatalf("%s: %d %s", path, answer.StatusCode, text)
	}
	return &follower{r.TB, answer, newLines(answer.Body), cancel}
}

// frame is what stands between two empty lines of server-sent events.
type frame struct{ id, event, data, comment string }

// next reads one frame. ok is false at the end of the stream.
func (f *follower) next() (fr frame, ok bool) {
	f.Helper()
	for {
		line, err := f.lines.ReadString('\n')
		if err != nil {
			if fr != (frame{}) {
				f.Errorf("the stream ends in the middle of a frame: %+v", fr)
			}
			return fr, false
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n":
			return fr, true
		case name == "":
			fr.comment = value
		case name == "id":
			fr.id = value
		case name == "event":
			fr.event = value
		case name == "data":
			fr.data = value
		default:
			f.Errorf("%q is no field", line)
		}
	}
}

// want reads so many frames and compares what stands for them: the seq of an event,
// the name of anything else with its id, as in "caught-up@3".
func (f *follower) want(all string) {
	f.Helper()
	for _, want := range strings.Fields(all) {
		fr, ok := f.next()
		got := fr.id
		switch {
		case !ok:
			got = "the end"
		case fr.event != "":
			got = fr.event + "@" + fr.id
		case fr.comment != "":
			got = fr.comment + "@" + fr.id
		default:
			var ev eventBody
			response{TB: f.TB, text: []byte(fr.data)}.decode(&ev)
			if strconv.FormatInt(ev.Seq, 10) != fr.id {
				f.Errorf("id %s of %s", fr.id, fr.data)
			}
		}
		if got != want {
			f.Fatalf("%s instead of %s: %+v", got, want, fr)
		}
	}
}

// goodbye reads the last frame and gives its problem.
func (f *follower) goodbye() problem {
	f.Helper()
	fr, ok := f.next()
	if !ok || fr.event != "goodbye" {
		f.Fatalf("%+v instead of a goodbye", fr)
	}
	p := response{TB: f.TB, text: []byte(fr.data)}.problem()
	met.Store(p.Code, true)
	if fr, ok := f.next(); ok {
		f.Errorf("behind the goodbye stands %+v", fr)
	}
	return p
}

func newLines(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, 64<<10) }
