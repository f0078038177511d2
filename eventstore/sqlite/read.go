package sqlite

import (
	"context"
	"fmt"
	"iter"

	"openpayment/eventstore"
)

// A page ends at whichever comes first. Its rows are taken out of the database
// before the first is handed on: a consumer, however slow, never holds a read
// transaction, which would keep the WAL from being checkpointed and let it grow.
const (
	pageRows  = 1000
	pageBytes = 4 << 20
)

const (
	rowsAfter = "SELECT " + columns + " FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
	readOp    = "read"
	headOp    = "head"
)

// Read implements [eventstore.Backend].
func (s *Store) Read(ctx context.Context, after eventstore.Position, limit int) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		at := after
		var page []eventstore.Event // its memory is used again
		for left := limit; limit == 0 || left > 0; {
			rows := pageRows
			if limit > 0 {
				rows = min(rows, left)
			}
			var more bool
			var err error
			page, more, err = s.page(ctx, page[:0], at, rows)
			for _, ev := range page {
				if ctx.Err() != nil {
					err = mapError(readOp, ctx.Err())
					break
				}
				if !yield(ev, nil) {
					return
				}
			}
			if err != nil {
				yield(eventstore.Event{}, err)
				return
			}
			if !more {
				return
			}
			at += eventstore.Position(len(page))
			left -= len(page)
		}
	}
}

// page reads up to limit events into the memory of empty; what stood before an error
// comes with it. More says that there may be others after them.
func (s *Store) page(ctx context.Context, empty []eventstore.Event, after eventstore.Position, limit int) (page []eventstore.Event, more bool, err error) {
	page = empty
	ctx, leave, err := s.enter(ctx, readOp)
	if err != nil {
		return page, false, err
	}
	defer leave()
	rows, err := s.rows.QueryContext(ctx, int64(after), limit)
	if err != nil {
		return page, false, mapError(readOp, err)
	}
	defer rows.Close()
	row := newRowScanner()
	for size := 0; rows.Next(); {
		next := after + eventstore.Position(len(page)) + 1
		ev, err := row.scan(rows)
		switch {
		case err != nil && ctx.Err() != nil: // the rows were closed meanwhile
			return page, false, mapError(readOp, ctx.Err())
		case ev.Seq > next:
			return page, false, eventstore.NewGap(readOp, next, ev.Seq, fmt.Errorf("event %d is", ev.Seq))
		case err != nil:
			return page, false, eventstore.NewError(readOp, eventstore.KindDamaged, fmt.Errorf("the row of event %d: %w", next, err))
		}
		page = append(page, ev)
		if size += ev.Size(); size >= pageBytes {
			return page, true, nil
		}
	}
	return page, len(page) == limit, mapError(readOp, rows.Err())
}

// Head implements [eventstore.Backend].
func (s *Store) Head(ctx context.Context) (eventstore.Head, error) {
	ctx, leave, err := s.enter(ctx, headOp)
	if err != nil {
		return eventstore.Head{}, err
	}
	defer leave()
	head, err := scanHead(s.newest.QueryRowContext(ctx))
	return head, mapError(headOp, err)
}
