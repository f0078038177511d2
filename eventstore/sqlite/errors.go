package sqlite

import (
	"context"
	"errors"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"openpayment/eventstore"
)

// mapError is the one place that knows the driver's errors. It must not be used
// for an error of COMMIT, which is always [eventstore.KindUnknown]: up to there
// SQLite has promised nothing and kept nothing, so that whatever went wrong,
// nothing was done.
func mapError(op string, err error) error {
	if err == nil {
		return nil
	}
	if own, ok := errors.AsType[*eventstore.Error](err); ok {
		return own
	}
	return eventstore.NewError(op, kindOf(err), err)
}

func kindOf(err error) eventstore.Kind {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return eventstore.KindUnavailable
	}
	foreign, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return eventstore.KindUnavailable // database/sql's own: the connection is gone
	}
	switch foreign.Code() & 0xff { // the primary code; the rest says where it came from
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return eventstore.KindDamaged
	case lib.SQLITE_CONSTRAINT, lib.SQLITE_TOOBIG, lib.SQLITE_MISMATCH:
		return eventstore.KindInvalid
	default: // busy, locked, full, read-only, cannot open, I/O error, interrupted, …
		return eventstore.KindUnavailable
	}
}

// isBusy says whether another connection's lock was in the way.
func isBusy(err error) bool { return primaryCode(err) == lib.SQLITE_BUSY }

// cannotOpen says whether the file could not be opened or made, or not written.
func cannotOpen(err error) bool {
	code := primaryCode(err)
	return code == lib.SQLITE_CANTOPEN || code == lib.SQLITE_READONLY
}

// notSQLite says whether the file is something else.
func notSQLite(err error) bool { return primaryCode(err) == lib.SQLITE_NOTADB }

func primaryCode(err error) int {
	if foreign, ok := errors.AsType[*driver.Error](err); ok {
		return foreign.Code() & 0xff
	}
	return -1
}
