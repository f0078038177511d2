package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

const (
	chunkRow  = "SELECT data FROM snapshot_chunks WHERE snapshot = ? AND chunk = ?"
	saveChunk = "INSERT OR REPLACE INTO snapshot_chunks (snapshot, chunk, data) VALUES (?, ?, ?)"
	// What is in a chunk is not looked at: the index has all that this needs.
	unfinishedIDs = "SELECT DISTINCT snapshot FROM snapshot_chunks WHERE snapshot NOT IN (SELECT snapshot FROM snapshots) ORDER BY snapshot"
	dropManifest  = "DELETE FROM snapshots WHERE snapshot = ?"
	dropChunks    = "DELETE FROM snapshot_chunks WHERE rowid IN (SELECT rowid FROM snapshot_chunks WHERE snapshot = ? LIMIT ?)"
)

// dropAtOnce is how many chunks one transaction removes: a few milliseconds, for
// which an append may have to wait.
const dropAtOnce = 8

// SaveChunk implements [eventstore.SnapshotStore]. An append waits for one chunk
// at most.
func (s *Store) SaveChunk(ctx context.Context, snapshot uuid.UUID, number int, data []byte) error {
	if err := eventstore.CheckChunk(data); err != nil {
		return err
	}
	return s.transaction(ctx, "save chunk", func(ctx context.Context, w *writer) error {
		_, err := w.saveChunk.ExecContext(ctx, snapshot.String(), number, data)
		return err
	})
}

// LoadChunk implements [eventstore.SnapshotStore].
func (s *Store) LoadChunk(ctx context.Context, snapshot uuid.UUID, number int) ([]byte, error) {
	const op = "load chunk"
	ctx, leave, err := s.enter(ctx, op)
	if err != nil {
		return nil, err
	}
	defer leave()
	var data []byte
	err = s.chunk.QueryRowContext(ctx, snapshot.String(), number).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, eventstore.NewError(op, eventstore.KindMissing, fmt.Errorf("there is no chunk %d of snapshot %s", number, snapshot))
	}
	return data, mapError(op, err)
}

// SaveManifest implements [eventstore.SnapshotStore].
func (s *Store) SaveManifest(ctx context.Context, m eventstore.Manifest) error {
	args := manifestArgs(m)
	return s.transaction(ctx, "save manifest", func(ctx context.Context, w *writer) error {
		_, err := w.saveManifest.ExecContext(ctx, args...)
		return err
	})
}

// Manifests implements [eventstore.SnapshotStore].
func (s *Store) Manifests(ctx context.Context) ([]eventstore.Manifest, error) {
	list, err := collect(ctx, s, "list snapshots", s.manifests, scanManifest)
	slices.SortFunc(list, eventstore.NewestFirst)
	return list, err
}

// Unfinished implements [eventstore.SnapshotStore]. Chunks whose snapshot is no
// id belong to none.
func (s *Store) Unfinished(ctx context.Context) ([]uuid.UUID, error) {
	ids, err := collect(ctx, s, "list unfinished snapshots", s.unfinished, scanID)
	return slices.DeleteFunc(ids, func(id uuid.UUID) bool { return id == uuid.Nil }), err
}

// collect reads all rows of a query without parameters.
func collect[T any](ctx context.Context, s *Store, op string, query *sql.Stmt, scan func(*sql.Rows) (T, error)) ([]T, error) {
	ctx, leave, err := s.enter(ctx, op)
	if err != nil {
		return nil, err
	}
	defer leave()
	rows, err := query.QueryContext(ctx)
	if err != nil {
		return nil, mapError(op, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, mapError(op, errors.Join(err, ctx.Err())) // ended: the rows were closed meanwhile
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, mapError(op, err)
	}
	return all, nil
}

// DropSnapshot implements [eventstore.SnapshotStore]. The chunks go a few at a
// time: one transaction for all of them would hold up appends. What a call that
// was cut off leaves is an unfinished snapshot.
func (s *Store) DropSnapshot(ctx context.Context, snapshot uuid.UUID) error {
	const op = "drop snapshot"
	err := s.transaction(ctx, op, func(ctx context.Context, w *writer) error {
		_, err := w.dropManifest.ExecContext(ctx, snapshot.String())
		return err
	})
	if err != nil {
		return err
	}
	for more := true; more; {
		err := s.transaction(ctx, op, func(ctx context.Context, w *writer) error {
			done, err := w.dropChunks.ExecContext(ctx, snapshot.String(), dropAtOnce)
			if err != nil {
				return err
			}
			n, err := done.RowsAffected()
			more = n == dropAtOnce
			return err
		})
		if err != nil { // whatever it was, the manifest is gone
			return eventstore.NewError(op, eventstore.KindUnknown, err)
		}
	}
	return nil
}
