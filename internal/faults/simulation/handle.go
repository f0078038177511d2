package simulation

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

var (
	_ eventstore.Backend       = (*process)(nil)
	_ eventstore.CursorStore   = (*process)(nil)
	_ eventstore.SnapshotStore = (*process)(nil)
	_ eventstore.Clock         = (*process)(nil)
)

// Append implements [eventstore.Backend].
func (p *process) Append(ctx context.Context, head eventstore.Head, batch []eventstore.Event) error {
	a := &attempt{p, head, slices.Clone(batch)}
	_, err := p.ask(ctx, &call{op: opAppend, batch: a, detail: fmt.Sprintf("%d after %d", len(batch), head.Position),
		perform: func() (any, error) { return nil, p.world.store.append(head, a.batch) }})
	return err
}

// Read implements [eventstore.Backend]: page by page, each of which sees the log as it
// is then.
func (p *process) Read(ctx context.Context, after eventstore.Position, limit int) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		rest := limit
		for limit == 0 || rest > 0 {
			v, err := p.ask(ctx, &call{op: opRead, detail: fmt.Sprintf("after %d", after),
				perform: func() (any, error) { return p.world.store.page(after, rest), nil }})
			if err != nil {
				yield(eventstore.Event{}, err)
				return
			}
			seen := v.(page)
			for _, ev := range seen.events {
				if !yield(ev, nil) {
					return
				}
				after, rest = ev.Seq, rest-1
			}
			if seen.err != nil && (limit == 0 || rest > 0) {
				yield(eventstore.Event{}, seen.err)
			}
			if seen.end {
				return
			}
		}
	}
}

// Head implements [eventstore.Backend].
func (p *process) Head(ctx context.Context) (eventstore.Head, error) {
	v, err := p.ask(ctx, &call{op: opHead, perform: func() (any, error) { return p.world.store.head(), nil }})
	if err != nil {
		return eventstore.Head{}, err
	}
	return v.(eventstore.Head), nil
}

// Close implements [eventstore.Backend].
func (p *process) Close() error { return nil }

// Ahead implements [eventstore.Clock]: the store's clock is always right.
func (p *process) Ahead(ctx context.Context) (ahead, within time.Duration, err error) {
	v, err := p.ask(ctx, &call{op: opClock, perform: func() (any, error) { return -p.node.skewed(), nil }})
	if err != nil {
		return 0, 0, err
	}
	return v.(time.Duration), time.Millisecond, nil
}

// LoadCursor implements [eventstore.CursorStore].
func (p *process) LoadCursor(ctx context.Context, name string) (eventstore.Head, error) {
	v, err := p.ask(ctx, &call{op: opLoad, detail: "cursor", perform: func() (any, error) { return p.world.store.cursors[name], nil }})
	if err != nil {
		return eventstore.Head{}, err
	}
	return v.(eventstore.Head), nil
}

// SaveCursor implements [eventstore.CursorStore].
func (p *process) SaveCursor(ctx context.Context, name string, at eventstore.Head) error {
	return p.save(ctx, fmt.Sprintf("cursor %d", at.Position), func() { p.world.store.cursors[name] = at })
}

// save makes a call that changes something beside the log.
func (p *process) save(ctx context.Context, detail string, do func()) error {
	_, err := p.ask(ctx, &call{op: opSave, detail: detail, perform: func() (any, error) {
		do()
		return nil, nil
	}})
	return err
}

// SaveChunk implements [eventstore.SnapshotStore].
func (p *process) SaveChunk(ctx context.Context, snapshot uuid.UUID, number int, data []byte) error {
	if err := eventstore.CheckChunk(data); err != nil {
		return err
	}
	data = slices.Clone(data)
	return p.save(ctx, fmt.Sprintf("chunk %d", number), func() { p.world.store.saveChunk(snapshot, number, data) })
}

// LoadChunk implements [eventstore.SnapshotStore].
func (p *process) LoadChunk(ctx context.Context, snapshot uuid.UUID, number int) ([]byte, error) {
	v, err := p.ask(ctx, &call{op: opLoad, detail: fmt.Sprintf("chunk %d", number),
		perform: func() (any, error) { return p.world.store.loadChunk(snapshot, number) }})
	if err != nil {
		return nil, err
	}
	return v.([]byte), nil
}

// SaveManifest implements [eventstore.SnapshotStore].
func (p *process) SaveManifest(ctx context.Context, m eventstore.Manifest) error {
	return p.save(ctx, fmt.Sprintf("manifest at %d", m.At.Head.Position), func() { p.world.store.saveManifest(m) })
}

// Manifests implements [eventstore.SnapshotStore].
func (p *process) Manifests(ctx context.Context) ([]eventstore.Manifest, error) {
	v, err := p.ask(ctx, &call{op: opLoad, detail: "manifests",
		perform: func() (any, error) { return slices.Clone(p.world.store.manifests), nil }})
	if err != nil {
		return nil, err
	}
	return v.([]eventstore.Manifest), nil
}

// Unfinished implements [eventstore.SnapshotStore].
func (p *process) Unfinished(ctx context.Context) ([]uuid.UUID, error) {
	v, err := p.ask(ctx, &call{op: opLoad, detail: "unfinished snapshots",
		perform: func() (any, error) { return p.world.store.unfinished(), nil }})
	if err != nil {
		return nil, err
	}
	return v.([]uuid.UUID), nil
}

// DropSnapshot implements [eventstore.SnapshotStore].
func (p *process) DropSnapshot(ctx context.Context, snapshot uuid.UUID) error {
	return p.save(ctx, "snapshot dropped", func() { p.world.store.drop(snapshot) })
}

// outcome is how an answer is told.
func outcome(value any, err error) string {
	if err != nil {
		return eventstore.KindOf(err).String()
	}
	switch v := value.(type) {
	case page:
		text := fmt.Sprintf("%d events", len(v.events))
		if v.err != nil {
			text += " before a hole"
		}
		return text
	case eventstore.Head:
		return fmt.Sprintf("%d", v.Position)
	case time.Duration:
		return v.String()
	case []eventstore.Manifest:
		return fmt.Sprintf("%d", len(v))
	case []uuid.UUID:
		return fmt.Sprintf("%d", len(v))
	}
	return "ok"
}
