package eventstoretest

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// NewBatch makes n small events that may be appended after head: in order,
// hashed, all of them at the given time (in whole milliseconds, UTC), with ids
// never used before. Each change, if any, is made to each event, i counting from
// 0, before it is hashed; Seq and Hash are not theirs to change.
func NewBatch(head eventstore.Head, at time.Time, n int, changes ...func(i int, ev *eventstore.Event)) []eventstore.Event {
	batch := make([]eventstore.Event, n)
	for i := range batch {
		seq := head.Position + 1
		ev := eventstore.Event{
			Seq:     seq,
			ID:      uuid.Must(uuid.NewV7()),
			Type:    "test.happened",
			Subject: fmt.Sprintf("tests/%d", seq%7),
			Time:    at.UTC().Truncate(time.Millisecond),
			Meta:    eventstore.Meta{{Name: "requestId", Value: fmt.Sprintf("r-%d", seq)}},
			Data:    fmt.Sprintf(`{"n":%d}`, seq),
		}
		for _, change := range changes {
			change(i, &ev)
		}
		ev.Seq = seq
		ev.Hash = ev.ChainHash(head.Hash)
		batch[i] = ev
		head = ev.Head()
	}
	return batch
}

// batchAfter makes n events at a time that depends on nothing but the position,
// so that time never goes backwards whoever wins a race.
func batchAfter(head eventstore.Head, n int, changes ...func(i int, ev *eventstore.Event)) []eventstore.Event {
	origin := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	return NewBatch(head, origin.Add(time.Duration(head.Position)*time.Millisecond), n, changes...)
}
