package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// take does what a message says.
func (f *feed) take(m frame, deliver func(Event) error) error {
	switch m.event {
	case "", "message":
		if len(m.data) > 0 {
			return f.deliver(m.data, deliver)
		}
	case "caught-up":
		f.tellCaughtUp(m.data)
	case "goodbye":
		e := &Error{}
		if err := json.Unmarshal(m.data, e); err != nil || e.Code == "" {
			return errCutOff
		}
		f.skip(m.id)
		return e
	}
	f.skip(m.id)
	return nil
}

// deliver gives an event to whoever wants it, once.
func (f *feed) deliver(data []byte, to func(Event) error) error {
	var ev Event
	if err := json.Unmarshal(data, &ev); err != nil || !ev.complete() {
		return foreign("what it streams is no event")
	}
	if ev.Seq <= f.last {
		return nil
	}
	if f.gapless && ev.Seq != f.last+1 {
		return foreign(fmt.Sprintf("event %d comes behind event %d", ev.Seq, f.last))
	}
	if f.refused = to(ev); f.refused != nil {
		return f.refused
	}
	f.last = ev.Seq
	return nil
}

// tellCaughtUp tells the first time.
func (f *feed) tellCaughtUp(data []byte) {
	var at struct {
		Position Position `json:"position"`
	}
	if f.caughtUp != nil && json.Unmarshal(data, &at) == nil {
		f.caughtUp(at.Position)
		f.caughtUp = nil
	}
}

// skip takes note that there is nothing wanted up to a position. Where everything is
// wanted there is nothing to skip.
func (f *feed) skip(id string) {
	if at, err := strconv.ParseInt(id, 10, 64); err == nil && !f.gapless {
		f.last = max(f.last, Position(at))
	}
}

// maxRefusal is how much is read of an answer that is not the one hoped for.
const maxRefusal = 1 << 20

// readRefusal is the error that an answer stands for, which is no stream.
func readRefusal(response *http.Response) error {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	if err != nil {
		return err
	}
	return refusal(response.StatusCode, response.Header, body)
}
