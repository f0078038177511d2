package eventstoretest

import (
	"fmt"
	"strings"

	"openpayment/eventstore"
)

var limitCases = []testCase{
	{"data of the largest size comes back", 0, func(r *rig) {
		r.roundTrip(1, func(_ int, ev *eventstore.Event) {
			ev.Data = `{"x":"` + strings.Repeat("x", eventstore.MaxDataBytes-8) + `"}`
		})
	}},
	{"data of the largest size in 4-byte characters comes back", 0, func(r *rig) {
		r.roundTrip(1, func(_ int, ev *eventstore.Event) {
			ev.Data = strings.Repeat("😀", eventstore.MaxDataBytes/4)
		})
	}},
	{"names of the largest size come back", 0, func(r *rig) {
		r.roundTrip(3, func(_ int, ev *eventstore.Event) {
			ev.Type = strings.Repeat("ü", eventstore.MaxNameBytes/2)
			ev.Subject = strings.Repeat("漢", eventstore.MaxNameBytes/3)
		})
	}},
	{"one entry of meta of the largest size comes back", 0, func(r *rig) {
		r.roundTrip(2, func(i int, ev *eventstore.Event) {
			long := strings.Repeat("m", eventstore.MaxMetaBytes-1)
			ev.Meta = [...]eventstore.Meta{{{Name: "k", Value: long}}, {{Name: long, Value: "v"}}}[i]
		})
	}},
	{"meta of as many entries as fit comes back", 0, func(r *rig) {
		r.roundTrip(1, func(_ int, ev *eventstore.Event) {
			ev.Meta = nil
			for i := range eventstore.MaxMetaBytes / 4 {
				ev.Meta = append(ev.Meta, eventstore.Entry{Name: fmt.Sprintf("%03x", i), Value: "v"})
			}
		})
	}},
	{"a batch of the largest number of events is stored", 0, func(r *rig) {
		r.roundTrip(eventstore.MaxBatchEvents, nil)
	}},
	{"a batch of the largest size is stored", 0, func(r *rig) {
		const n = eventstore.MaxBatchBytes / eventstore.MaxDataBytes
		batch := r.roundTrip(n, fill(n))
		size := 0
		for _, ev := range batch {
			size += ev.Size()
		}
		if size != eventstore.MaxBatchBytes {
			r.Fatalf("the batch has %d bytes, the case wants %d", size, eventstore.MaxBatchBytes)
		}
	}},
	{"a batch of the largest number of events and the largest size is stored", 0, func(r *rig) {
		r.roundTrip(eventstore.MaxBatchEvents, fill(eventstore.MaxBatchEvents))
	}},
}

// roundTrip appends a batch of n events after a small one, and reads it through
// two handles.
func (r *rig) roundTrip(n int, change func(int, *eventstore.Event)) []eventstore.Event {
	r.Helper()
	if change == nil {
		change = func(int, *eventstore.Event) {}
	}
	b := r.open()
	all := r.write(b, 2)
	batch := batchAfter(all[1].Head(), n, change)
	r.mustAppend(b, all[1].Head(), batch)
	all = append(all, batch...)
	r.wantLog(b, all)
	r.wantLog(r.open(), all)
	r.wantRead(b, 2, 1, batch[:1])
	return batch
}

// fill makes each of n events so large that together they reach MaxBatchBytes.
func fill(n int) func(int, *eventstore.Event) {
	return func(_ int, ev *eventstore.Event) {
		ev.Data = ""
		ev.Data = strings.Repeat("7", eventstore.MaxBatchBytes/n-ev.Size())
	}
}
