package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"openpayment/eventstore"
	"openpayment/internal/mutant"
)

// Append implements [eventstore.Backend]. A context that ends before the COMMIT
// leaves nothing behind and is KindUnavailable; the COMMIT itself is not
// interrupted, because it would then be anyone's guess whether it happened.
func (s *Store) Append(ctx context.Context, head eventstore.Head, batch []eventstore.Event) error {
	rows, err := encodeRows(batch) // before the lock is taken
	if err != nil {
		return eventstore.NewError("append", eventstore.KindInvalid, err)
	}
	defer rows.free()
	return s.transaction(ctx, "append", func(ctx context.Context, w *writer) error {
		at, err := scanHead(w.newest.QueryRowContext(ctx))
		if err != nil {
			return err
		}
		if at != head && !mutant.On(mutant.AppendsAnywhere) {
			return eventstore.NewError("append", eventstore.KindConflict, fmt.Errorf("the head is %d (%s), not %d (%s)", at.Position, at.Hash, head.Position, head.Hash))
		}
		return w.insert(ctx, rows.values)
	})
}

// transaction runs do inside BEGIN IMMEDIATE and COMMIT, or undoes all of it.
// While others write it waits, as long as ctx and the busy timeout let it. Once
// begun it is not interrupted: do waits for nothing but the disk.
func (s *Store) transaction(ctx context.Context, op string, do func(context.Context, *writer) error) error {
	ctx, leave, err := s.enter(ctx, op)
	if err != nil {
		return err
	}
	defer leave()
	select {
	case <-ctx.Done():
		return mapError(op, ctx.Err())
	case w := <-s.writer:
		defer func() { s.writer <- w }()
		return w.transaction(ctx, op, do)
	}
}

func (w *writer) transaction(ctx context.Context, op string, do func(context.Context, *writer) error) error {
	steady := context.WithoutCancel(ctx)
	committed := false
	defer func() {
		if !committed {
			// Without effect where no transaction is open. After a BEGIN that
			// reported a cancellation, one may be.
			_, _ = w.rollback.ExecContext(steady)
		}
	}()
	if _, err := w.begin.ExecContext(ctx); err != nil {
		return mapError(op, err)
	}
	if err := do(steady, w); err != nil {
		return mapError(op, err)
	}
	if err := ctx.Err(); err != nil { // the last moment to turn back
		return mapError(op, err)
	}
	if _, err := w.commit.ExecContext(steady); err != nil {
		// It may be in the log file already, and come to life when that is
		// next recovered.
		return eventstore.NewError(op, eventstore.KindUnknown, err)
	}
	committed = true
	return nil
}

// scanHead reads the newest row's seq and hash.
func scanHead(row *sql.Row) (head eventstore.Head, err error) {
	var hash string
	switch err := row.Scan(&head.Position, &hash); {
	case errors.Is(err, sql.ErrNoRows):
		return eventstore.Head{}, nil
	case err != nil:
		return eventstore.Head{}, err
	}
	if head.Hash, err = eventstore.ParseHash(hash); err != nil {
		return eventstore.Head{}, eventstore.NewError("head", eventstore.KindDamaged, fmt.Errorf("event %d: %w", head.Position, err))
	}
	return head, nil
}
