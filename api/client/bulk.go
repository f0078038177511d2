package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// Bulk gathers commands, up to 1,000 in 1 MiB of JSON, for [Client.ExecuteAll] and
// [Client.ExecuteEach]. Each is carried out on what those before it have left. The zero
// one is empty and ready to use. It is not for concurrent use.
//
// Of the options, [Key] and [IfMatch] are for single commands of a bulk: Key not in one
// that is carried out as a whole, where it is the request's. Versions move from command
// to command.
type Bulk struct {
	commands []bulkCommand
	failed   error // of the first that could not be added
}

// bulkCommand is one of them, as JSON without its closing brace, and its key.
type bulkCommand struct {
	text []byte
	key  string
}

// Len is how many commands there are.
func (b *Bulk) Len() int { return len(b.commands) }

// Open adds what [Client.OpenAccount] does.
func (b *Bulk) Open(details AccountDetails, options ...CommandOption) {
	b.add("open", "", details, options)
}

// Replace adds what [Client.ReplaceAccount] does.
func (b *Bulk) Replace(number string, details AccountDetails, options ...CommandOption) {
	b.add("replace", number, details, options)
}

// Patch adds what [Client.PatchAccount] does.
func (b *Bulk) Patch(number string, patch AccountPatch, options ...CommandOption) {
	b.add("patch", number, patch, options)
}

// Close adds what [Client.CloseAccount] does.
func (b *Bulk) Close(number string, options ...CommandOption) {
	b.add("close", number, struct{}{}, options)
}

// Deposit adds what [Client.Deposit] does.
func (b *Bulk) Deposit(number string, p Payment, options ...CommandOption) {
	b.add("deposit", number, p, options)
}

// Withdraw adds what [Client.Withdraw] does.
func (b *Bulk) Withdraw(number string, p Payment, options ...CommandOption) {
	b.add("withdraw", number, p, options)
}

// Transfer adds what [Client.Transfer] does.
func (b *Bulk) Transfer(t Transfer, options ...CommandOption) {
	b.add("transfer", "", t, options)
}

// add puts what every command of a bulk has before its body's members.
func (b *Bulk) add(kind, account string, body any, options []CommandOption) {
	o := orderOf(options)
	if o.dryRun || o.requestID != "" || o.receipt != nil {
		b.fail(fmt.Errorf("command %d of the bulk: of the options only Key and IfMatch are for single commands", len(b.commands)))
		return
	}
	members := struct {
		Kind    string    `json:"kind"`
		Account string    `json:"account,omitzero"`
		IfMatch *Position `json:"ifMatch,omitzero"`
	}{Kind: kind, Account: account}
	if o.matches {
		members.IfMatch = &o.ifMatch
	}
	head, err := encode(members)
	if err == nil {
		err = o.check()
	}
	own, ownErr := encode(body)
	if err = errors.Join(err, ownErr); err != nil {
		b.fail(err)
		return
	}
	text := head[:len(head)-1]
	if len(own) > len("{}") {
		text = append(append(text, ','), own[1:len(own)-1]...)
	}
	b.commands = append(b.commands, bulkCommand{text, o.key})
}

func (b *Bulk) fail(err error) {
	if b.failed == nil {
		b.failed = err
	}
}

// bulkBody is a bulk as it is sent.
type bulkBody struct {
	Atomic   bool              `json:"atomic,omitzero"`
	Commands []json.RawMessage `json:"commands"`
}

// Result is what became of one command of a bulk.
type Result struct {
	Status   int      `json:"status"`            // that it would have had by itself
	Position Position `json:"position,omitzero"` // of its event
	Replayed bool     `json:"replayed,omitzero"` // it had been carried out before
	Account  *Account `json:"account,omitzero"`  // of what opens or changes one
	Event    *Event   `json:"event,omitzero"`    // of what moves money
	Problem  *Error   `json:"problem,omitzero"`  // why it was refused; nil: it was not
	Key      string   `json:"-"`                 // its own, of [Client.ExecuteEach]
}

// ExecuteAll carries out all commands of a bulk, or none: no decision on any node is
// ever taken between two of them. The error is that of the first that was refused; its
// Faults say which. The [Receipt] is of all together.
func (c *Client) ExecuteAll(ctx context.Context, b *Bulk, options ...CommandOption) ([]Result, error) {
	if b.failed != nil {
		return nil, b.failed
	}
	body := bulkBody{Atomic: true}
	for i, one := range b.commands {
		if one.key != "" {
			return nil, fmt.Errorf("command %d of the bulk has a Key: what is carried out as a whole has one of its own", i)
		}
		body.Commands = append(body.Commands, slices.Concat(one.text, []byte("}")))
	}
	results := results{want: len(b.commands)}
	_, err := c.command(ctx, http.MethodPost, bulkPath, body, &results, options)
	return results.Items, err
}

const bulkPath = "/v1/commands"

// results are those of a bulk, one for each command.
type results struct {
	page[Result]
	want int
}

func (r *results) complete() bool { return len(r.Items) == r.want && r.want > 0 }
