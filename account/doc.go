// Package account is the domain: payment accounts, the commands that are asked
// of them, and the events that are all that ever changes them.
//
// It is pure. A command is decided by [Decide] on some view of the accounts and
// becomes an event or a [Refusal]; an event becomes part of the accounts by
// [Evolve]; [State] is what all events of a log have made. Nothing here reads a
// clock, a random number, a file or a socket, and only the standard library is
// imported.
//
//	command ──Decide(view)──► event ──(log)──► event ──Evolve──► account
package account
