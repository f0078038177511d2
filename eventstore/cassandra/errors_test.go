package cassandra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
)

// answer is an error of the server with nothing but its code.
type answer int

func (a answer) Code() int       { return int(a) }
func (a answer) Message() string { return a.Error() }
func (a answer) Error() string   { return fmt.Sprintf("code %#x", int(a)) }

func unavailableAt(level gocql.Consistency) error {
	return &gocql.RequestErrUnavailable{Consistency: level, Required: 2, Alive: 1}
}

// The table in errors.go, row by row.
func TestAnAppendThatFailedIsUnknownUnlessItIsCertainNot(t *testing.T) {
	const (
		unknown     = eventstore.KindUnknown
		unavailable = eventstore.KindUnavailable
	)
	for _, c := range []struct {
		name string
		err  error
		want eventstore.Kind
	}{
		{"too few replicas for Paxos", unavailableAt(gocql.Consistency(gocql.Serial)), unavailable},
		{"too few replicas for Paxos, locally", unavailableAt(gocql.Consistency(gocql.LocalSerial)), unavailable},
		{"too few replicas to tell of the decision", unavailableAt(gocql.Quorum), unknown},
		{"too few replicas to tell, locally", unavailableAt(gocql.LocalQuorum), unknown},
		{"write timeout in Paxos", &gocql.RequestErrWriteTimeout{WriteType: "CAS"}, unknown},
		{"write timeout after Paxos", &gocql.RequestErrWriteTimeout{WriteType: "SIMPLE"}, unknown},
		{"write timeout of the batch log", &gocql.RequestErrWriteTimeout{WriteType: "BATCH_LOG"}, unknown},
		{"write failure", &gocql.RequestErrWriteFailure{WriteType: "CAS"}, unknown},
		{"CAS write unknown", &gocql.RequestErrCASWriteUnknown{}, unknown},
		{"read timeout", &gocql.RequestErrReadTimeout{}, unknown},
		{"read failure", &gocql.RequestErrReadFailure{}, unknown},
		{"CDC is full", &gocql.RequestErrCDCWriteFailure{}, unknown},
		{"overloaded", answer(gocql.ErrCodeOverloaded), unknown},
		{"server error", answer(gocql.ErrCodeServer), unknown},
		{"truncate error", answer(gocql.ErrCodeTruncate), unknown},
		{"protocol error", answer(gocql.ErrCodeProtocol), unknown},
		{"a code not known here", answer(0x7777), unknown},
		{"bootstrapping", answer(gocql.ErrCodeBootstrapping), unavailable},
		{"syntax error", answer(gocql.ErrCodeSyntax), unavailable},
		{"unauthorized", answer(gocql.ErrCodeUnauthorized), unavailable},
		{"invalid, such as a table that is gone", answer(gocql.ErrCodeInvalid), unavailable},
		{"configuration error", answer(gocql.ErrCodeConfig), unavailable},
		{"unprepared", answer(gocql.ErrCodeUnprepared), unavailable},
		{"no answer in time", gocql.ErrTimeoutNoResponse, unknown},
		{"connection closed", gocql.ErrConnectionClosed, unknown},
		{"connection reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, unknown},
		{"end of file", io.EOF, unknown},
		{"context cancelled", context.Canceled, unknown},
		{"deadline passed", context.DeadlineExceeded, unknown},
		{"anything else", errors.New("anything"), unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err)} {
				if got := appendKind(err, true); got != c.want {
					t.Errorf("sent: %q, want %q", got, c.want)
				}
				if got := appendKind(err, false); got != unavailable {
					t.Errorf("not sent: %q, want %q", got, unavailable)
				}
			}
		})
	}
}

func TestOnlyWhatWaitingDoesNotCureIsInvalidAtOpen(t *testing.T) {
	for _, c := range []struct {
		err  error
		want eventstore.Kind
	}{
		{answer(gocql.ErrCodeCredentials), eventstore.KindInvalid},
		{answer(gocql.ErrCodeUnauthorized), eventstore.KindInvalid},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, eventstore.KindInvalid},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, eventstore.KindUnavailable},
		{errNoCredentials, eventstore.KindInvalid},
		{answer(gocql.ErrCodeProtocol), eventstore.KindInvalid},
		{answer(gocql.ErrCodeOverloaded), eventstore.KindUnavailable},
		{answer(gocql.ErrCodeServer), eventstore.KindUnavailable},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, eventstore.KindUnavailable},
		{&net.DNSError{Name: "h", IsNotFound: true}, eventstore.KindUnavailable},
		{gocql.ErrNoConnectionsStarted, eventstore.KindUnavailable},
	} {
		if got := eventstore.KindOf(connectError(errors.New("unable to create session"), c.err, Config{})); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

func TestASessionIsMadeAnewOnlyIfItHasNoConnectionLeft(t *testing.T) {
	for err, want := range map[error]bool{
		gocql.ErrNoConnections: true, gocql.ErrSessionClosed: true,
		gocql.ErrTimeoutNoResponse: false, gocql.ErrConnectionClosed: false, context.Canceled: false,
	} {
		if got := sessionLost(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}
