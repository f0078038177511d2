// Package journal ties the accounts to an event log: it writes the domain's
// events as JSON and reads them back, keeps the state that the log has made, and
// carries commands to the log's head.
//
// [Service] is the whole of it, as the HTTP API uses it. State changes in one
// place only: when the reducer receives an event from the log.
package journal
