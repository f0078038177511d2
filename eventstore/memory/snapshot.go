package memory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// SaveChunk implements [eventstore.SnapshotStore].
func (s *Store) SaveChunk(ctx context.Context, snapshot uuid.UUID, number int, data []byte) error {
	if err := s.usable(ctx, "save chunk"); err != nil {
		return err
	}
	if err := eventstore.CheckChunk(data); err != nil {
		return err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if s.log.chunks[snapshot] == nil {
		s.log.chunks[snapshot] = make(map[int][]byte)
	}
	s.log.chunks[snapshot][number] = bytes.Clone(data)
	return nil
}

// LoadChunk implements [eventstore.SnapshotStore].
func (s *Store) LoadChunk(ctx context.Context, snapshot uuid.UUID, number int) ([]byte, error) {
	const op = "load chunk"
	if err := s.usable(ctx, op); err != nil {
		return nil, err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	data, found := s.log.chunks[snapshot][number]
	if !found {
		return nil, eventstore.NewError(op, eventstore.KindMissing, fmt.Errorf("there is no chunk %d of snapshot %s", number, snapshot))
	}
	return bytes.Clone(data), nil
}

// SaveManifest implements [eventstore.SnapshotStore].
func (s *Store) SaveManifest(ctx context.Context, m eventstore.Manifest) error {
	if err := s.usable(ctx, "save manifest"); err != nil {
		return err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.manifests[m.ID] = m
	return nil
}

// Manifests implements [eventstore.SnapshotStore].
func (s *Store) Manifests(ctx context.Context) ([]eventstore.Manifest, error) {
	if err := s.usable(ctx, "list snapshots"); err != nil {
		return nil, err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.log.manifests), eventstore.NewestFirst), nil
}

// Unfinished implements [eventstore.SnapshotStore].
func (s *Store) Unfinished(ctx context.Context) ([]uuid.UUID, error) {
	if err := s.usable(ctx, "list unfinished snapshots"); err != nil {
		return nil, err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	var ids []uuid.UUID
	for id := range s.log.chunks {
		if _, finished := s.log.manifests[id]; !finished {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids, nil
}

// DropSnapshot implements [eventstore.SnapshotStore].
func (s *Store) DropSnapshot(ctx context.Context, snapshot uuid.UUID) error {
	if err := s.usable(ctx, "drop snapshot"); err != nil {
		return err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	delete(s.log.manifests, snapshot)
	delete(s.log.chunks, snapshot)
	return nil
}
