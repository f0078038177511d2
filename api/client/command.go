package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"
)

// Position counts the events of the log: the first is 1. An account's version is one.
type Position int64

// headerKey is the header that makes a command the same one when it is sent again.
const headerKey = "Idempotency-Key"

// Receipt is what is told of a command beside its result.
type Receipt struct {
	Position  Position // of its last event; 0 of a dry run
	Key       string   // its Idempotency-Key: given again with the same command, it is answered the same
	Replayed  bool     // it had been carried out before, by an earlier request with its key
	RequestID string   // by which the service's log and the event's meta know it
	Tries     int      // how often it was sent
}

// CommandOption changes how a command is given.
type CommandOption func(*order)

// order is what is said with a command beside what it is about.
type order struct {
	key, requestID string
	ifMatch        Position
	matches        bool
	dryRun         bool
	receipt        *Receipt
}

// Key is the command's Idempotency-Key, 1 to 255 printable ASCII characters, instead
// of one that is made for it. The service remembers keys for 24 hours at least: until
// then the same command with the same key is carried out once, also if this program
// ends in between. With another command the key is refused, [CodeKeyReused].
func Key(key string) CommandOption { return func(o *order) { o.key = key } }

// IfMatch has the command refused, [CodeVersionMismatch], unless the account is at this
// version; of a transfer it is the payer.
func IfMatch(version Position) CommandOption {
	return func(o *order) { o.ifMatch, o.matches = version, true }
}

// DryRun has the command decided upon and answered as if, but nothing is done. Keys
// have no meaning then.
func DryRun() CommandOption { return func(o *order) { o.dryRun = true } }

// RequestID is the id by which the service's log and the event's meta will know the
// command: 1 to 128 printable ASCII characters.
func RequestID(id string) CommandOption { return func(o *order) { o.requestID = id } }

// Into has r filled in when the command has succeeded.
func Into(r *Receipt) CommandOption { return func(o *order) { o.receipt = r } }

func orderOf(options []CommandOption) order {
	var o order
	for _, option := range options {
		option(&o)
	}
	return o
}

// check finds what headers can't carry.
func (o *order) check() error {
	if o.key != "" && !printable(o.key, maxKey) {
		return fmt.Errorf("Idempotency-Key %q: 1 to %d printable ASCII characters are expected", o.key, maxKey)
	}
	if o.requestID != "" && !printable(o.requestID, maxRequestID) {
		return fmt.Errorf("X-Request-Id %q: 1 to %d printable ASCII characters are expected", o.requestID, maxRequestID)
	}
	return nil
}

// newKey is one that nobody else has.
func newKey() string {
	if id, err := uuid.NewV7(); err == nil {
		return id.String()
	}
	return uuid.NewString()
}

// command gives a command, with body as JSON unless it is nil. into takes what comes
// back, unless it is nil.
func (c *Client) command(ctx context.Context, method, path string, body any, into checked, options []CommandOption) (Receipt, error) {
	o := orderOf(options)
	if o.key == "" && !o.dryRun {
		o.key = newKey()
	}
	r, err := o.request(method, path, body)
	if err != nil {
		return Receipt{}, err
	}
	a, err := c.ask(ctx, r, into)
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := c.receive(a, o)
	if err != nil {
		return receipt, r.unsure(err)
	}
	return receipt, nil
}

// request is what is sent for a command. With its key it may be sent again and again,
// and a dry run changes nothing.
func (o *order) request(method, path string, body any) (request, error) {
	if err := o.check(); err != nil {
		return request{}, err
	}
	r := request{method: method, path: path, header: make(http.Header), changes: !o.dryRun, repeatable: o.key != "" || o.dryRun}
	if o.key != "" {
		r.header.Set(headerKey, o.key)
	}
	if o.requestID != "" {
		r.header.Set("X-Request-Id", o.requestID)
	}
	if o.matches {
		r.header.Set("If-Match", `"`+strconv.FormatInt(int64(o.ifMatch), 10)+`"`)
	}
	if o.dryRun {
		r.query = url.Values{"dryRun": {"true"}}
	}
	if body == nil {
		return r, nil
	}
	return r, r.setBody(body)
}

// setBody has body sent as JSON, of the type that the method takes.
func (r *request) setBody(body any) (err error) {
	media := "application/json"
	if r.method == http.MethodPatch {
		media = "application/merge-patch+json"
	}
	r.header.Set("Content-Type", media)
	r.body, err = encode(body)
	return err
}

// encode gives JSON in which text stands as it is.
func encode(body any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(body)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// receive takes what the headers of an answer say.
func (c *Client) receive(a answer, o order) (Receipt, error) {
	r := Receipt{Key: o.key, Replayed: a.header.Get("Idempotency-Replayed") == "true", RequestID: a.header.Get("Request-Id"), Tries: a.tries}
	if !o.dryRun {
		position, err := strconv.ParseInt(a.header.Get("Event-Position"), 10, 64)
		if err != nil || position < 1 {
			return r, foreign("its answer has no Event-Position")
		}
		r.Position = Position(position)
		c.wrote(r.Position)
	}
	if o.receipt != nil {
		*o.receipt = r
	}
	return r, nil
}

// wrote notes how far the log goes at least.
func (c *Client) wrote(p Position) {
	for known := c.newest.Load(); int64(p) > known && !c.newest.CompareAndSwap(known, int64(p)); known = c.newest.Load() {
	}
}
