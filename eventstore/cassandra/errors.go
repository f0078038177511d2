package cassandra

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
)

// All errors of the driver are judged in this file.
//
// Only an append is hard to judge. Its request travels through Paxos: a majority
// of replicas promises, accepts, and is then told that the batch is decided. From
// the first acceptance on, the batch may come true at any later time, because the
// next one who asks must finish what it finds. So a failure is definite only if
// it can be said that no replica has accepted:
//
//	where it failed                           what the driver reports      kind
//	before anything was written               anything                     unavailable
//	coordinator refuses: not enough replicas  unavailable at SERIAL        unavailable
//	coordinator refuses: request or rights    syntax, invalid, unauth…     unavailable
//	coordinator is still starting             bootstrapping                unavailable
//	replicas promised or accepted too late    write timeout CAS            unknown
//	outbid after some replicas had accepted   write timeout CAS, at once   unknown
//	decided, too few replicas confirmed       write timeout SIMPLE,        unknown
//	                                          unavailable at QUORUM,
//	                                          overloaded (hints)
//	protocol 5's word for all of these        CAS write unknown            unknown
//	replica failed while accepting            write failure                unknown
//	no answer in time, connection gone,       timeout, closed, any error   unknown
//	context ended                             of the network
//
// Unavailable and overloaded look definite and are not: with the first variant of
// Paxos the coordinator counts living replicas, and its hints, once more after the
// batch is decided. The level in the error tells which count failed.

// appendKind judges the error of a conditional batch. sent is false if it is
// certain that the request was never written to a connection.
func appendKind(err error, sent bool) eventstore.Kind {
	if !sent || definitelyRefused(err) {
		return eventstore.KindUnavailable
	}
	return eventstore.KindUnknown
}

// definitelyRefused reports whether the server said no before any replica could
// have accepted the batch.
func definitelyRefused(err error) bool {
	if unavailable, ok := errors.AsType[*gocql.RequestErrUnavailable](err); ok {
		return unavailable.Consistency == gocql.Consistency(gocql.Serial) ||
			unavailable.Consistency == gocql.Consistency(gocql.LocalSerial)
	}
	answer, ok := errors.AsType[gocql.RequestError](err)
	if !ok {
		return false
	}
	switch answer.Code() {
	case gocql.ErrCodeBootstrapping, gocql.ErrCodeSyntax, gocql.ErrCodeUnauthorized,
		gocql.ErrCodeInvalid, gocql.ErrCodeConfig, gocql.ErrCodeCredentials, gocql.ErrCodeUnprepared:
		return true
	}
	return false
}

// conditionalError makes the error of an append, or of another conditional change.
func conditionalError(op string, err error, sent bool) error {
	return eventstore.NewError(op, appendKind(err, sent), err)
}

// readError makes the error of anything that may be done again without harm. It
// is always KindUnavailable, whatever the server's reason: the store as it stands
// cannot be asked, and asking later may help.
func readError(op string, err error) error {
	return eventstore.NewError(op, eventstore.KindUnavailable, err)
}

// writeError makes the error of an ordinary write, which may be repeated.
func writeError(op string, err error) error {
	// A value that its column cannot hold: the driver says so before it sends.
	if _, ok := errors.AsType[gocql.MarshalError](err); ok {
		return eventstore.NewError(op, eventstore.KindInvalid, err)
	}
	return eventstore.NewError(op, eventstore.KindUnknown, err)
}

// sessionLost reports whether err means that the session has no connection left,
// or is closed, so that another one has to be made.
func sessionLost(err error) bool {
	return errors.Is(err, gocql.ErrNoConnections) || errors.Is(err, gocql.ErrSessionClosed)
}

// connectError judges why no session could be made: err is what the driver says,
// attempt why its last connection failed, which is nil if none did.
func connectError(err, attempt error, cfg Config) error {
	cause := err
	if attempt != nil {
		cause = attempt
	}
	kind, advice := connectKind(cause, cfg)
	if advice != "" {
		cause = fmt.Errorf("%w (%s)", cause, advice)
	}
	return eventstore.NewError("open", kind, cause)
}

// connectKind separates what is wrong with the configuration, which waiting does
// not cure, from servers that cannot be reached yet.
func connectKind(err error, cfg Config) (eventstore.Kind, string) {
	if errors.Is(err, errNoCredentials) {
		return eventstore.KindInvalid, "put user:password@ before the first host"
	}
	if answer, ok := errors.AsType[gocql.RequestError](err); ok {
		switch answer.Code() {
		case gocql.ErrCodeCredentials, gocql.ErrCodeUnauthorized:
			return eventstore.KindInvalid, "check user name, password and the role's permissions"
		case gocql.ErrCodeInvalid:
			return eventstore.KindInvalid, ""
		case gocql.ErrCodeProtocol:
			return eventstore.KindInvalid, "protocol version 4 is needed: use Cassandra 4.0 or later"
		}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return eventstore.KindInvalid, "check ca and server-name"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return eventstore.KindInvalid, "that port does not speak TLS"
	}
	if refusedByTLS(err) {
		return eventstore.KindInvalid, "the server does not take this client's certificate, or its TLS: check cert and key"
	}
	if errors.Is(err, gocql.ErrNoConnectionsStarted) && cfg.DataCentre != "" {
		return eventstore.KindUnavailable, "is dc=" + cfg.DataCentre + " the name of a data centre?"
	}
	return eventstore.KindUnavailable, ""
}

// refusedByTLS reports whether the other side has ended a handshake with an alert.
// Those have no type that could be named; crypto/tls wraps them like this.
func refusedByTLS(err error) bool {
	alert, ok := errors.AsType[*net.OpError](err)
	return ok && alert.Op == "remote error"
}

// schemaError judges an error while tables are looked for or created.
func schemaError(err error) error {
	if answer, ok := errors.AsType[gocql.RequestError](err); ok {
		switch answer.Code() {
		case gocql.ErrCodeUnauthorized:
			return eventstore.NewError("open", eventstore.KindInvalid, fmt.Errorf("%w (check the role's permissions)", err))
		case gocql.ErrCodeSyntax, gocql.ErrCodeConfig:
			return eventstore.NewError("open", eventstore.KindInvalid, err)
		}
	}
	return eventstore.NewError("open", eventstore.KindUnavailable, err)
}

// inMotion reports whether err may come from a schema that is being changed: the
// server answered that it cannot do this, such as for a table it does not know.
func inMotion(err error) bool {
	answer, ok := errors.AsType[gocql.RequestError](err)
	return ok && (answer.Code() == gocql.ErrCodeInvalid || answer.Code() == gocql.ErrCodeServer ||
		answer.Code() == gocql.ErrCodeConfig || answer.Code() == gocql.ErrCodeAlreadyExists)
}

// ended reports whether ctx, or the store it works for, has ended, as the error
// of a call that has not begun.
func ended(op string, ctx context.Context, closed bool) error {
	switch {
	case ctx.Err() != nil:
		return eventstore.NewError(op, eventstore.KindUnavailable, ctx.Err())
	case closed:
		return eventstore.NewError(op, eventstore.KindUnavailable, errors.New("the store is closed"))
	}
	return nil
}
