package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"openpayment/account"
	"openpayment/account/generator"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/transfer"
)

// baseLog is the log that replays, snapshots and histories are measured on.
const baseLog = "base"

// fill makes a log of so many events on so many accounts, which are always the same, and
// gives a handle on it.
func (r *run) fill(ctx context.Context, log string, events, accounts int) (eventstore.Store, error) {
	store, err := r.place.Open(ctx, log)
	if err != nil {
		return nil, err
	}
	head, err := store.Head(ctx)
	if err == nil && head.Position == 0 {
		r.told(Progress{Case: log, Title: fmt.Sprintf("making a log of %d events", events)})
		all := generator.Events(generator.Config{Accounts: accounts, Events: events, Seed: 1})
		_, err = transfer.Load(ctx, store, head, all, nil)
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

func (r *run) base(ctx context.Context) (eventstore.Store, error) {
	return r.fill(ctx, baseLog, r.settings.Events, r.settings.Accounts)
}

// replays are starts of the service that read the whole log.
func (r *run) replays() []group {
	c := &Case{Name: "replay", Title: fmt.Sprintf("replay of %d events into %d accounts, beside a scan", r.settings.Events, r.settings.Accounts)}
	return []group{{[]*Case{c}, func(ctx context.Context) (err error) {
		store, err := r.base(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		scan := timed(func(ctx context.Context) error { return r.driver.scan(ctx, baseLog, r.settings.Events) })
		return r.compare(ctx, c, "events/s", rates,
			named{"a start that reads the whole log", r.startFrom(store, journal.Config{})}, named{r.driver.scansBy, once(r.settings.Events, scan)})
	}}}
}

// startFrom is a side that starts the service, until it is ready.
func (r *run) startFrom(store eventstore.Store, cfg journal.Config) side {
	return once(r.settings.Events, func(ctx context.Context) (time.Duration, error) {
		began := time.Now()
		service, err := startService(ctx, store, cfg)
		took := time.Since(began)
		if err != nil {
			return took, err
		}
		if at := service.Applied(); at != eventstore.Position(r.settings.Events) {
			err = fmt.Errorf("the service stands at event %d of %d", at, r.settings.Events)
		}
		return took, errors.Join(err, closeService(service))
	})
}

// snapshots are taken, and started from.
func (r *run) snapshots() []group {
	take := &Case{Name: "snapshot/take", Title: fmt.Sprintf("a snapshot of %d accounts taken, beside the replay it spares", r.settings.Accounts)}
	restore := &Case{Name: "snapshot/restore", Title: fmt.Sprintf("a start from a snapshot of %d accounts, beside a replay of %d events", r.settings.Accounts, r.settings.Events)}
	return []group{{[]*Case{take, restore}, func(ctx context.Context) (err error) {
		store, err := r.base(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		replay := named{"a start that reads the whole log", r.startFrom(store, journal.Config{})}
		if err := r.take(ctx, take, store, replay); err != nil {
			return err
		}
		return r.compare(ctx, restore, "events/s", rates,
			named{"a start from a snapshot", r.startFrom(store, journal.Config{Snapshots: journal.SnapshotConfig{Store: store}})}, replay)
	}}}
}

func (r *run) take(ctx context.Context, c *Case, store eventstore.Store, replay named) (err error) {
	var manifest eventstore.Manifest
	var stall time.Duration
	service, err := startService(ctx, store, journal.Config{Snapshots: journal.SnapshotConfig{
		Store: store, Keep: 1,
		Observer: journal.SnapshotObserver{Taken: func(_ eventstore.Manifest, _, held time.Duration) { stall = max(stall, held) }},
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeService(service)) }()
	snapshot := timed(func(ctx context.Context) (err error) {
		manifest, err = service.TakeSnapshot(ctx)
		return err
	})
	err = r.compare(ctx, c, "events/s", rates, named{"a snapshot taken", once(r.settings.Events, snapshot)}, replay)
	c.add(
		Figure{Name: "accounts", Value: float64(manifest.Records)},
		Figure{Name: "stored for an account", Value: float64(manifest.Bytes) / float64(max(manifest.Records, 1)), Unit: "B"},
		Figure{Name: "commands held up, at most", Value: float64(stall.Microseconds()) / 1000, Unit: "ms"},
	)
	return err
}

// past is an account of the log, and where its events stand.
type past struct {
	number account.Number
	at     []eventstore.Position
}

// longest is how many events of an account are read at once, at most.
const longest = 100

// pasts are some accounts, with their histories.
func pasts(ctx context.Context, service *journal.Service, most int) ([]past, error) {
	var all []past
	for _, a := range service.List("", most, account.Filter{}) {
		events, _, err := service.History(ctx, a.Number, 0, false, longest)
		if err != nil {
			return nil, err
		}
		p := past{number: a.Number}
		for _, ev := range events {
			p.at = append(p.at, ev.Seq)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, errors.New("the log has no open account")
	}
	return all, nil
}

// reads are of what was: histories, and accounts as they were.
func (r *run) reads() []group {
	history := &Case{Name: "reads/history", Title: fmt.Sprintf("histories of accounts, %d readers, beside the same rows", r.settings.Readers)}
	at := &Case{Name: "reads/at", Title: fmt.Sprintf("accounts as they were, %d readers, beside the rows that it takes", r.settings.Readers)}
	return []group{{[]*Case{history, at}, func(ctx context.Context) (err error) {
		store, err := r.base(ctx)
		if err != nil {
			return err
		}
		n, err := start(ctx, store, journal.Config{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, n.stop()) }()
		all, err := pasts(ctx, n.service, 500)
		if err != nil {
			return err
		}
		if err := r.readPast(ctx, history, all, func(ctx context.Context, p past) error {
			events, _, err := n.service.History(ctx, p.number, 0, false, longest)
			return errors.Join(err, allThere(len(events), len(p.at)))
		}, func(p past) []eventstore.Position { return p.at }); err != nil {
			return err
		}
		return r.readPast(ctx, at, all, func(ctx context.Context, p past) error {
			_, err := n.service.AccountAt(ctx, p.number, journal.Moment{Position: p.at[len(p.at)/2]})
			return err
		}, func(p past) []eventstore.Position { return p.at[:len(p.at)/2+1] })
	}}}
}

// readPast measures one way to read the past of accounts, in turns, beside the driver's
// reading of the rows it rests on.
func (r *run) readPast(ctx context.Context, c *Case, all []past, read func(context.Context, past) error, rows func(past) []eventstore.Position) error {
	rowsRead := 0
	for _, p := range all {
		rowsRead += len(rows(p))
	}
	c.add(Figure{Name: "rows for each", Value: float64(rowsRead) / float64(len(all))})
	pick := func(i int64) past { return all[i%int64(len(all))] }
	a := named{"reads of the service", callers(r.settings.Readers, func(ctx context.Context, _ int, i int64) error { return read(ctx, pick(i)) })}
	if r.driver.rows == nil {
		return r.alone(ctx, c, "reads/s", a)
	}
	b := named{"a SELECT of the same rows", callers(r.settings.Readers, func(ctx context.Context, _ int, i int64) error {
		return r.driver.rows(ctx, baseLog, rows(pick(i)))
	})}
	return r.compare(ctx, c, "reads/s", rates, a, b)
}
