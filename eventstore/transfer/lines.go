package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"openpayment/eventstore"
)

// maxLine bounds a line: the largest event, with every character escaped.
const maxLine = 6*(eventstore.MaxDataBytes+eventstore.MaxMetaBytes+2*eventstore.MaxNameBytes) + 1024

// Write writes the events as lines, and gives the head they lead to: of what was
// written whole, when there is an error.
func Write(w io.Writer, events iter.Seq2[eventstore.Event, error]) (eventstore.Head, error) {
	var head eventstore.Head
	var buf []byte
	out := bufio.NewWriterSize(w, 1<<16)
	for ev, err := range events {
		if err != nil {
			return head, errors.Join(err, out.Flush())
		}
		if buf, err = AppendLine(buf[:0], ev); err != nil {
			return head, err
		}
		if _, err := out.Write(append(buf, '\n')); err != nil {
			return head, err
		}
		head = ev.Head()
	}
	return head, out.Flush()
}

// Read yields the events of lines, as they stand there: [Verified] checks them.
// Errors name the line.
func Read(r io.Reader) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		in := bufio.NewReaderSize(r, maxLine+1)
		for number := 1; ; number++ {
			text, err := in.ReadSlice('\n')
			switch {
			case err == io.EOF && len(text) == 0:
				return
			case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
				err = errors.New("the file ends in the middle of it: it is not whole")
			case errors.Is(err, bufio.ErrBufferFull):
				err = errors.New("too long for an event")
			}
			var ev eventstore.Event
			if err == nil {
				ev, err = ParseLine(bytes.TrimSuffix(text, []byte("\n")))
			}
			if err != nil {
				yield(eventstore.Event{}, fmt.Errorf("line %d: %w", number, err))
				return
			}
			if !yield(ev, nil) {
				return
			}
		}
	}
}
