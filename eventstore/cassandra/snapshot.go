package cassandra

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

const (
	insertChunk  = `INSERT INTO snapshot_chunks (log, snapshot, chunk, data) VALUES (?, ?, ?, ?)`
	selectChunk  = `SELECT data FROM snapshot_chunks WHERE log = ? AND snapshot = ? AND chunk = ?`
	deleteChunk  = `DELETE FROM snapshot_chunks WHERE log = ? AND snapshot = ? AND chunk = ?`
	selectChunks = `SELECT DISTINCT log, snapshot, chunk FROM snapshot_chunks`
)

// chunkRows is how many partitions one page of selectChunks names.
const chunkRows = 5000

// SaveChunk is [eventstore.SnapshotStore.SaveChunk].
func (s *Store) SaveChunk(ctx context.Context, snapshot uuid.UUID, number int, data []byte) error {
	if err := eventstore.CheckChunk(data); err != nil {
		return err
	}
	return s.save(ctx, "save chunk", insertChunk, s.log, driverUUID(snapshot), number, data)
}

// SaveManifest is [eventstore.SnapshotStore.SaveManifest].
func (s *Store) SaveManifest(ctx context.Context, m eventstore.Manifest) error {
	return s.save(ctx, "save manifest", insertManifest, append([]any{s.log}, manifestArgs(m)...)...)
}

// save is one ordinary write.
func (s *Store) save(ctx context.Context, op, cql string, args ...any) error {
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return err
	}
	defer done()
	return s.write(ctx, op, cql, args...)
}

// write is save within a call that has begun. Timestamps are the handle's own, so
// that of two writes the later one wins also when the machine's clock was set
// back in between.
func (s *Store) write(ctx context.Context, op, cql string, args ...any) error {
	session := s.link.session()
	if err := session.write(ctx, s.clock.next(), cql, args...); err != nil {
		s.link.check(session, err)
		return writeError(op, err)
	}
	return nil
}

// LoadChunk is [eventstore.SnapshotStore.LoadChunk].
func (s *Store) LoadChunk(ctx context.Context, snapshot uuid.UUID, number int) ([]byte, error) {
	const op = "load chunk"
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	session := s.link.session()
	var data []byte
	found, err := session.row(ctx, selectChunk, []any{s.log, driverUUID(snapshot), number}, &data)
	if err != nil {
		s.link.check(session, err)
		return nil, readError(op, err)
	}
	if !found {
		return nil, eventstore.NewError(op, eventstore.KindMissing, fmt.Errorf("there is no chunk %d of snapshot %s", number, snapshot))
	}
	return data, nil
}

// Manifests is [eventstore.SnapshotStore.Manifests].
func (s *Store) Manifests(ctx context.Context) ([]eventstore.Manifest, error) {
	const op = "list snapshots"
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return s.manifests(ctx, op)
}

func (s *Store) manifests(ctx context.Context, op string) ([]eventstore.Manifest, error) {
	session := s.link.session()
	r := session.query(ctx, manifestRows, selectManifests, s.log)
	var list []eventstore.Manifest
	var row manifestRow
	for r.scan(row.dest()...) {
		list = append(list, row.manifest())
	}
	if err := r.close(); err != nil {
		s.link.check(session, err)
		return nil, readError(op, err)
	}
	slices.SortFunc(list, eventstore.NewestFirst)
	return list, nil
}

// Unfinished is [eventstore.SnapshotStore.Unfinished].
//
// The chunks are looked for first: a snapshot that is being completed meanwhile is
// then finished. The other way round it would be called unfinished, and dropped.
func (s *Store) Unfinished(ctx context.Context) ([]uuid.UUID, error) {
	const op = "list unfinished snapshots"
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	found := make(map[uuid.UUID]bool)
	if err := s.eachChunk(ctx, op, func(snapshot uuid.UUID, _ int) { found[snapshot] = true }); err != nil {
		return nil, err
	}
	finished, err := s.manifests(ctx, op)
	if err != nil {
		return nil, err
	}
	for _, m := range finished {
		delete(found, m.ID)
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }), nil
}

// eachChunk names every chunk of every snapshot of this log. Nothing else knows
// those of an unfinished one. It asks for the keys of the whole table, which are
// some thousands, and for no data.
func (s *Store) eachChunk(ctx context.Context, op string, found func(snapshot uuid.UUID, number int)) error {
	session := s.link.session()
	r := session.query(ctx, chunkRows, selectChunks)
	var log string
	var snapshot driverUUID
	var number int
	for r.scan(&log, &snapshot, &number) {
		if log == s.log {
			found(uuid.UUID(snapshot), number)
		}
	}
	if err := r.close(); err != nil {
		s.link.check(session, err)
		return readError(op, err)
	}
	return nil
}

// DropSnapshot is [eventstore.SnapshotStore.DropSnapshot]. What a call that was cut
// off leaves is an unfinished snapshot.
func (s *Store) DropSnapshot(ctx context.Context, snapshot uuid.UUID) error {
	const op = "drop snapshot"
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := s.outlast(ctx, op, snapshot); err != nil {
		return err
	}
	if err := s.write(ctx, op, deleteManifest, s.log, driverUUID(snapshot)); err != nil {
		return err
	}
	var numbers []int
	err = s.eachChunk(ctx, op, func(id uuid.UUID, number int) {
		if id == snapshot {
			numbers = append(numbers, number)
		}
	})
	if err != nil {
		return writeError(op, err) // the manifest is gone
	}
	for _, number := range numbers {
		if err := s.write(ctx, op, deleteChunk, s.log, driverUUID(snapshot), number); err != nil {
			return err
		}
	}
	return nil
}

// outlast makes what this handle writes from now on later than a manifest of a
// node whose clock may be ahead, and so later than its chunks: else they would
// survive their deletion.
func (s *Store) outlast(ctx context.Context, op string, snapshot uuid.UUID) error {
	session := s.link.session()
	var written int64
	if _, err := session.row(ctx, selectWritten, []any{s.log, driverUUID(snapshot)}, &written); err != nil {
		s.link.check(session, err)
		return readError(op, err)
	}
	s.clock.atLeast(written)
	return nil
}
