package eventstoretest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// CheckInvariants fails the test unless the whole log is what every log must be:
// gap-free from 1, the hash chain intact, ids unique and of version 7, times
// never going backwards, and its head that of its last event. Nobody may be
// writing meanwhile. It suits a cleanup: it does not use the test's context.
func CheckInvariants(t testing.TB, backend eventstore.Backend) {
	t.Helper()
	if err := checkInvariants(context.Background(), backend); err != nil {
		t.Errorf("after the test: %v", err)
	}
}

func checkInvariants(ctx context.Context, backend eventstore.Backend) error {
	var (
		head eventstore.Head
		last time.Time
		ids  = make(map[uuid.UUID]eventstore.Position)
	)
	for ev, err := range backend.Read(ctx, 0, 0) {
		if err != nil {
			return fmt.Errorf("reading after %d: %w", head.Position, err)
		}
		if err := ev.Follows(head); err != nil {
			return err
		}
		if first, ok := ids[ev.ID]; ok {
			return fmt.Errorf("events %d and %d have the same id %s", first, ev.Seq, ev.ID)
		}
		if ev.ID.Version() != 7 {
			return fmt.Errorf("event %d has an id of version %d", ev.Seq, ev.ID.Version())
		}
		if ev.Time.Before(last) {
			return fmt.Errorf("event %d is of %s, the one before of %s", ev.Seq, ev.Time, last)
		}
		ids[ev.ID], last, head = ev.Seq, ev.Time, ev.Head()
	}
	at, err := backend.Head(ctx)
	if err != nil {
		return err
	}
	if at != head {
		return fmt.Errorf("the head is %v, the last event's is %v", at, head)
	}
	return nil
}

// collect drains a read: what came before the error that ended it, if one did.
func collect(events iter.Seq2[eventstore.Event, error]) ([]eventstore.Event, error) {
	var got []eventstore.Event
	for ev, err := range events {
		if err != nil {
			return got, err
		}
		got = append(got, ev)
	}
	return got, nil
}

// diffAll says how what was read differs from what was appended.
func diffAll(got, want []eventstore.Event) error {
	for i := range min(len(got), len(want)) {
		if err := diff(got[i], want[i]); err != nil {
			return err
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("read %d events, want %d", len(got), len(want))
	}
	return nil
}

// diff says in which field got, as read, differs from want, as appended. A read
// gives times in UTC and an empty Meta as an empty map.
func diff(got, want eventstore.Event) error {
	field := ""
	switch {
	case got.Seq != want.Seq:
		return fmt.Errorf("read event %d where %d was appended", got.Seq, want.Seq)
	case got.ID != want.ID:
		field = "id"
	case got.Type != want.Type:
		field = "type"
	case got.Subject != want.Subject:
		field = "subject"
	case !got.Time.Equal(want.Time) || got.Time.Location() != time.UTC:
		field = "time"
	case !slices.Equal(got.Meta, want.Meta):
		field = "meta"
	case got.Data != want.Data:
		field = "data"
	case got.Hash != want.Hash:
		field = "hash"
	default:
		return nil
	}
	return fmt.Errorf("event %d differs in its %s:\nread     %.300s\nappended %.300s", want.Seq, field, fmt.Sprint(got), fmt.Sprint(want))
}
