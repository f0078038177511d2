// Package api is the service's HTTP side: routes, what goes over the wire, and
// problem details. It decides nothing about accounts; it asks a [Service].
//
// # Guarantees
//
// Every request gets exactly one answer, encoded before its first byte is sent.
// Every answer that is no success and no redirection is a problem of RFC 9457,
// whoever refused: router, middleware, domain, store or a defect. Its code is
// one of the list below. What drivers and other libraries say goes to the log and
// never to a client.
//
// The checks of a request come in one order, and the first that fails answers: length
// of the URL; path and method; token, its scopes, and the subjects it is bound to, as far
// as the URL names some; whether there is a service; length, type, parameters, headers
// and syntax of the request; whether its idempotency key has been used; all rules for its
// body, every fault at once; the subjects that the body names; then what the service says.
//
// A read says in Applied-Position how much of the log its answer holds at least.
// A command is answered when its event is durable and applied here, so that a
// read that follows shows it.
//
// A command with an Idempotency-Key that was carried out before is answered with the
// same status and body, Location, ETag and Event-Position again, made from the log, and
// Idempotency-Replayed: true. The request is the same if its method, path, query,
// If-Match and body are, byte by byte.
//
// A bulk is one request with many commands (docs/bulk.md). An atomic one is like a single
// command, its problem that of the first command that is refused. Otherwise each
// command has a result of its own, and the answer is 200 whatever these are; only the
// faults of the body's shape are told for all.
//
// Events of other services are appended all or none, on condition of a subject's version
// if one is named (docs/appending.md). What came as a CloudEvent goes out as that
// CloudEvent.
//
// A stream (docs/streams.md) is the one answer that has no end of its own: history, then
// what comes. Its problems stand before its first byte, or in its goodbye.
//
// A handler keeps nothing between two requests but the newest events as JSON, and starts
// no goroutines.
//
// # Codes
//
//	400  bad-json               not one JSON document, or it did not arrive whole and in time
//	400  bad-parameter          in the query
//	400  bad-header
//	401  unauthenticated
//	403  forbidden              the token lacks a scope, or is bound to other subjects
//	404  route-not-found
//	404  account-not-found      also for what can't be an account number
//	404  event-not-found
//	404  subscription-not-found
//	404  replay-not-found       or no longer known: the last 20 are
//	405  method-not-allowed     Allow says what is
//	408  too-slow               the goodbye of a stream whose client does not read
//	409  account-exists
//	409  account-not-empty
//	409  subscription-exists    and begins elsewhere
//	409  too-many-subscriptions
//	409  superseded             another reader of the subscription has come: the answer to
//	                            a page, and the goodbye of a stream
//	409  replay-running         with the member replay, its id
//	410  account-closed
//	410  subscription-deleted   while it was being read
//	412  version-mismatch       with the members expected and actual; expected is 0 for
//	                            a tag that is no version, and a subject that is to be new
//	413  body-too-large
//	414  uri-too-long
//	415  unsupported-media-type
//	422  invalid                with a list of errors
//	422  idempotency-key-reused the key came with another request before
//	422  same-account           of a transfer
//	422  currency-mismatch
//	422  insufficient-funds
//	422  type-reserved          of an event to append, if that is all that is wrong
//	422  amount-out-of-range    the balance would be; an amount that is none is invalid
//	429  too-many-failures      wrong tokens came from this address; right ones are taken
//	500  internal               a defect; the log has the rest under the request id
//	503  not-caught-up          the node has not applied what is needed
//	503  overloaded             nothing was done
//	503  store-unavailable      nothing was done
//	503  outcome-unknown        it may have been done
//	503  log-damaged            an operator is needed
//	503  shutting-down          the goodbye of a stream, and the answer to a new one then
//
// Every 429 and 503 has Retry-After.
//
// # Choices
//
// Query parameters that nobody knows are passed over, but not those that differ
// from a known one only in case: ?dryrun=true must not move money. An empty
// parameter is refused. An Accept header never makes an answer fail: what is not
// understood gets JSON.
package api
