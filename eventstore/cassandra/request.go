package cassandra

import (
	"context"
	"errors"
	"time"

	"github.com/gocql/gocql"
)

// Request is one request to the cluster, for metrics.
type Request struct {
	Statement string // by a short name: see statementNames
	Outcome   string // ok, timeout, unavailable, cancelled or failed
	Took      time.Duration
	Retry     bool // the driver sent it again, since the attempt before had failed
}

// statementNames are what observers call the statements; all others, those that make
// the schema above all, are "other".
var statementNames = map[string]string{
	advanceHead:     "append",
	openBucket:      "open-bucket",
	selectHead:      "head",
	selectEvents:    "events",
	selectNow:       "clock",
	selectCursor:    "load-cursor",
	insertCursor:    "save-cursor",
	selectSettings:  "load-settings",
	insertSettings:  "save-settings",
	selectManifests: "list-snapshots",
	insertManifest:  "save-snapshot",
	selectWritten:   "find-snapshot",
	deleteManifest:  "drop-snapshot",
	insertChunk:     "save-chunk",
	selectChunk:     "load-chunk",
	deleteChunk:     "drop-chunk",
	selectChunks:    "list-chunks",

	selectSubscriptions: "list-subscriptions",
	selectSubscription:  "load-subscription",
	insertSubscription:  "make-subscription",
	updateSubscription:  "save-subscription",
	deleteSubscription:  "drop-subscription",
	selectCursors:       "list-cursors",
	deleteCursor:        "drop-cursor",
}

func nameOf(cql string) string {
	if name, known := statementNames[cql]; known {
		return name
	}
	return "other"
}

// outcomeOf sums an error up.
func outcomeOf(err error) string {
	_, readTimeout := errors.AsType[*gocql.RequestErrReadTimeout](err)
	_, writeTimeout := errors.AsType[*gocql.RequestErrWriteTimeout](err)
	answer, answered := errors.AsType[gocql.RequestError](err)
	switch {
	case err == nil:
		return "ok"
	case readTimeout, writeTimeout, errors.Is(err, gocql.ErrTimeoutNoResponse), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case sessionLost(err), errors.Is(err, gocql.ErrConnectionClosed):
		return "unavailable"
	case answered && (answer.Code() == gocql.ErrCodeUnavailable || answer.Code() == gocql.ErrCodeOverloaded || answer.Code() == gocql.ErrCodeBootstrapping):
		return "unavailable"
	}
	return "failed"
}

// requestObserver tells of queries. Batches are told of by conditional: the driver
// would make a list of all their statements for it.
type requestObserver func(Request)

// ObserveQuery is called by the driver after each attempt.
func (o requestObserver) ObserveQuery(_ context.Context, q gocql.ObservedQuery) {
	o(Request{nameOf(q.Statement), outcomeOf(q.Err), q.End.Sub(q.Start), q.Attempt > 0})
}
