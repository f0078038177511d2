package cassandra

import (
	"context"
	"errors"
	"fmt"

	"openpayment/eventstore"
)

const (
	selectCursor = `SELECT position, hash, WRITETIME(position) FROM cursors WHERE log = ? AND subscriber = ?`
	insertCursor = `INSERT INTO cursors (log, subscriber, position, hash) VALUES (?, ?, ?, ?)`
)

// LoadCursor is [eventstore.CursorStore.LoadCursor].
func (s *Store) LoadCursor(ctx context.Context, name string) (eventstore.Head, error) {
	const op = "load cursor"
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return eventstore.Head{}, err
	}
	defer done()
	session := s.link.session()
	var position, written int64
	var hash []byte
	found, err := session.row(ctx, selectCursor, []any{s.log, name}, &position, &hash, &written)
	if err != nil {
		s.link.check(session, err)
		return eventstore.Head{}, readError(op, err)
	}
	if !found {
		return eventstore.Head{}, nil
	}
	s.clock.atLeast(written)
	at := eventstore.Head{Position: eventstore.Position(position)}
	if len(hash) != len(at.Hash) || position < 0 {
		return eventstore.Head{}, eventstore.NewError(op, eventstore.KindDamaged, fmt.Errorf("cursor %q is no position with a hash", name))
	}
	copy(at.Hash[:], hash)
	return at, nil
}

// SaveCursor is [eventstore.CursorStore.SaveCursor].
//
// It is an ordinary write, cheap and without Paxos; Cassandra keeps the one with
// the later timestamp. Timestamps grow along the calls of one handle, and past
// that of every cursor it has loaded. So the last call wins also against a node
// whose clock is ahead, if this one has loaded the cursor after that node's last
// save, as a subscriber that takes over does.
func (s *Store) SaveCursor(ctx context.Context, name string, at eventstore.Head) error {
	const op = "save cursor"
	if name == "" {
		return eventstore.NewError(op, eventstore.KindInvalid, errors.New("a cursor needs a name"))
	}
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return err
	}
	defer done()
	session := s.link.session()
	if err := session.write(ctx, s.clock.next(), insertCursor, s.log, name, int64(at.Position), at.Hash[:]); err != nil {
		s.link.check(session, err)
		return writeError(op, err)
	}
	return nil
}
