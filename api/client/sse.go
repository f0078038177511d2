package client

import (
	"bufio"
	"bytes"
	"io"
	"time"
)

// frame is one message of a text/event-stream.
type frame struct {
	event string // what it is; empty: an event of the log
	id    string
	data  []byte // valid until the next frame is read
}

// maxLine is more than any event has, however it is written.
const maxLine = 4 << 20

// frames reads the messages of a text/event-stream, as HTML's standard defines it.
type frames struct {
	lines *bufio.Scanner
	data  bytes.Buffer
	begun bool // behind the first line
	cr    bool // the line before ended with one: a line feed behind it belongs to it
}

func newFrames(r io.Reader) *frames {
	f := &frames{lines: bufio.NewScanner(r)}
	f.lines.Buffer(nil, maxLine)
	f.lines.Split(f.line)
	return f
}

// line cuts off a line, which ends with CR, LF or both. It does not wait for what comes
// behind a CR: that may take until the next event. What has no end is no line.
func (f *frames) line(data []byte, _ bool) (advance int, line []byte, err error) {
	if len(data) == 0 {
		return 0, nil, nil
	}
	if f.cr && data[0] == '\n' {
		advance = 1
	}
	f.cr = false
	end := bytes.IndexAny(data[advance:], "\r\n")
	if end < 0 {
		return advance, nil, nil
	}
	line = data[advance:][:end]
	advance += end + 1
	f.cr = data[advance-1] == '\r'
	if !f.begun {
		f.begun = true
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return advance, line, nil
}

// next gives the next message. What the end of the stream has cut off is none.
func (f *frames) next() (frame, error) {
	var m frame
	f.data.Reset()
	for some := false; f.lines.Scan(); {
		line := f.lines.Bytes()
		if len(line) == 0 {
			if some {
				m.data = bytes.TrimSuffix(f.data.Bytes(), []byte("\n"))
				return m, nil
			}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "id":
			if !bytes.ContainsRune(value, 0) {
				m.id, some = string(value), true
			}
		case "event":
			m.event, some = string(value), true
		case "data":
			f.data.Write(value)
			f.data.WriteByte('\n')
			some = true
		}
	}
	if err := f.lines.Err(); err != nil {
		return m, err
	}
	return m, io.ErrUnexpectedEOF
}

// watched is a stream that is given up when a read of it takes too long. While nobody
// reads, nobody waits: a slow handler of events is no sign of a dead connection.
type watched struct {
	io.Reader
	silence time.Duration
	dead    *time.Timer // gives up
}

func (w watched) Read(p []byte) (int, error) {
	w.dead.Reset(w.silence)
	defer w.dead.Stop()
	return w.Reader.Read(p)
}
