// Package client talks to an OpenPayment service: for programs that move money, read
// accounts, or live from the log. It needs nothing of the service's own packages.
//
//	c, err := client.New("https://payments.example:8080", client.Token(token))
//	…
//	event, err := c.Deposit(ctx, "12345678", client.Payment{Amount: 1250, Currency: "GBP"})
//	if client.IsCode(err, client.CodeAccountClosed) {
//		…
//	}
//
// # Guarantees
//
// A command is carried out once, however often it has to be sent: each has an
// Idempotency-Key, its own or a new one, and is sent again with it after a lost
// connection and after the answers that ask for that (429, 502, 503, 504), to another
// node if there is one, until there is an answer, the [RetryPolicy] has had enough or
// the context ends. The service's refusals are final and come back as an [*Error].
// Where it is not known in the end whether a command was, or will be, carried out, the
// error is an [*UnsureError], which has the key to ask again with.
//
// A stream gives each event of the log once, in order, and goes on by itself behind
// the last one after whatever has cut it off. A subscription gives each at least once.
//
// # Units
//
// Amounts and balances are whole minor units: 1250 of GBP is £12.50. Positions count
// events from 1; an account's version is the position of the last event that touched
// it. Times are UTC, exact to the millisecond.
//
// # Concurrency
//
// A [Client] may be used by any number of goroutines at once. It starts none of its
// own, but those of net/http and, while [Client.Follow] runs, one.
package client
