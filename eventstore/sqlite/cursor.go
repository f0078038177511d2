package sqlite

import (
	"context"

	"openpayment/eventstore"
)

const cursorRow = "SELECT position, hash FROM cursors WHERE subscriber = ?"

// LoadCursor implements [eventstore.CursorStore].
func (s *Store) LoadCursor(ctx context.Context, name string) (eventstore.Head, error) {
	const op = "load cursor"
	ctx, leave, err := s.enter(ctx, op)
	if err != nil {
		return eventstore.Head{}, err
	}
	defer leave()
	at, err := scanHead(s.cursor.QueryRowContext(ctx, name))
	return at, mapError(op, err)
}

// SaveCursor implements [eventstore.CursorStore].
func (s *Store) SaveCursor(ctx context.Context, name string, at eventstore.Head) error {
	return s.transaction(ctx, "save cursor", func(ctx context.Context, w *writer) error {
		_, err := w.saveCursor.ExecContext(ctx, name, int64(at.Position), at.Hash.String())
		return err
	})
}
