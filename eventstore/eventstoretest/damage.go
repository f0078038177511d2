package eventstoretest

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// The cases that damage rows work on a log of damagedLen events, in two batches,
// the second of them across a bucket boundary.
const damagedLen = 9

var damageCases = []testCase{
	{"the first event removed is reported missing", bucket, func(r *rig) { removed(r, 1) }},
	{"an event removed from the middle is reported missing", bucket, func(r *rig) { removed(r, 5) }},
	{"an event removed after a boundary is reported missing", bucket, func(r *rig) { removed(r, 6) }},
	{"the last event removed is an end or missing, never another event", bucket, lastRemoved},
	{"several events removed are reported missing from the first on", bucket, severalRemoved},
	{"the first event garbled is reported damaged", bucket, func(r *rig) { garbled(r, 1) }},
	{"an event garbled in the middle is reported damaged", bucket, func(r *rig) { garbled(r, 5) }},
	{"the last event garbled is reported damaged", bucket, func(r *rig) { garbled(r, damagedLen) }},
	{"the first event changed in any field does not follow", bucket, func(r *rig) { changed(r, 1) }},
	{"an event changed in the middle, in any field, does not follow", bucket, func(r *rig) { changed(r, 5) }},
	{"the last event changed in any field does not follow", bucket, func(r *rig) { changed(r, damagedLen) }},
	{"an event changed and hashed anew is given away by the next", bucket, rehashed},
}

// damage opens a store with a log to damage.
func (r *rig) damage() (eventstore.Store, []eventstore.Event) {
	r.damaged = true
	b := r.open()
	return b, r.write(b, 4, 5)
}

// verified reads the whole log as [eventstore.Log] does, up to what does not
// follow.
func (r *rig) verified(b eventstore.Backend) (good []eventstore.Event, err error) {
	var head eventstore.Head
	for ev, err := range b.Read(r.Context(), 0, 0) {
		if err != nil {
			return good, err
		}
		if err := ev.Follows(head); err != nil {
			return good, err
		}
		good = append(good, ev)
		head = ev.Head()
	}
	return good, nil
}

func removed(r *rig, seq eventstore.Position) {
	b, all := r.damage()
	r.storage.Remove(r, seq)
	for _, b := range []eventstore.Backend{b, r.open()} {
		good, err := r.verified(b)
		r.wantKind(err, eventstore.KindMissing)
		r.wantPrefix(good, all, int(seq)-1)
		_, err = collect(b.Read(r.Context(), seq-1, 0))
		r.wantKind(err, eventstore.KindMissing)
		r.wantRead(b, seq, 0, all[seq:])
	}
}

// lastRemoved only asks for what all have in common: with the head kept in the
// row itself there is nothing left to notice it by.
func lastRemoved(r *rig) {
	b, all := r.damage()
	r.storage.Remove(r, damagedLen)
	for _, b := range []eventstore.Backend{b, r.open()} {
		good, err := r.verified(b)
		if err != nil {
			r.wantKind(err, eventstore.KindMissing)
		}
		r.wantPrefix(good, all, damagedLen-1)
	}
}

func severalRemoved(r *rig) {
	b, all := r.damage()
	for _, seq := range []eventstore.Position{3, 4, 7} {
		r.storage.Remove(r, seq)
	}
	for _, b := range []eventstore.Backend{b, r.open()} {
		for after, n := range map[eventstore.Position]int{0: 2, 2: 0, 3: 0, 4: 2, 5: 1} {
			good, err := collect(b.Read(r.Context(), after, 0))
			r.wantKind(err, eventstore.KindMissing)
			r.wantPrefix(good, all[after:], n)
			hole := after + eventstore.Position(n) + 1
			next := map[eventstore.Position]eventstore.Position{3: 5, 4: 5, 7: 8}[hole]
			if got := eventstore.AfterGap(err, hole); got != next {
				r.Fatalf("behind the hole at %d, %d comes next, want %d: %v", hole, got, next, err)
			}
		}
		r.wantRead(b, 7, 0, all[7:])
	}
}

func garbled(r *rig, seq eventstore.Position) {
	b, all := r.damage()
	r.storage.Garble(r, seq)
	for _, b := range []eventstore.Backend{b, r.open()} {
		good, err := r.verified(b)
		r.wantKind(err, eventstore.KindDamaged)
		r.wantPrefix(good, all, int(seq)-1)
		_, err = collect(b.Read(r.Context(), seq-1, 1))
		r.wantKind(err, eventstore.KindDamaged)
		r.wantRead(b, seq, 0, all[seq:])
		// A backend that keeps the head elsewhere may still know it.
		if head, err := b.Head(r.Context()); err != nil {
			r.wantKind(err, eventstore.KindDamaged)
		} else if head != all[damagedLen-1].Head() {
			r.Fatalf("the head is %v, was %v", head, all[damagedLen-1].Head())
		}
	}
}

// changed overwrites the row with one field at a time changed.
func changed(r *rig, seq eventstore.Position) {
	b, all := r.damage()
	was := all[seq-1]
	for name, change := range map[string]func(*eventstore.Event){
		"id":           func(ev *eventstore.Event) { ev.ID = uuid.Must(uuid.NewV7()) },
		"type":         func(ev *eventstore.Event) { ev.Type += "2" },
		"subject":      func(ev *eventstore.Event) { ev.Subject = "tests/x" },
		"time":         func(ev *eventstore.Event) { ev.Time = ev.Time.Add(time.Millisecond) },
		"a meta value": func(ev *eventstore.Event) { ev.Meta = eventstore.Meta{{Name: "requestId", Value: "other"}} },
		"a meta key": func(ev *eventstore.Event) {
			ev.Meta = eventstore.Meta{{Name: "requestID", Value: was.Meta.Get("requestId")}}
		},
		"no meta":   func(ev *eventstore.Event) { ev.Meta = nil },
		"data":      func(ev *eventstore.Event) { ev.Data = `{"n": ` + ev.Data[5:] },
		"hash":      func(ev *eventstore.Event) { ev.Hash[31] ^= 1 },
		"its place": func(ev *eventstore.Event) { *ev = all[seq%damagedLen]; ev.Seq = seq },
	} {
		ev := was
		change(&ev)
		r.storage.Replace(r, ev)
		for _, b := range []eventstore.Backend{b, r.open()} {
			good, err := r.verified(b)
			if eventstore.KindOf(err) != eventstore.KindDamaged {
				r.Fatalf("with %s changed: %v, want it damaged", name, err)
			}
			r.wantPrefix(good, all, int(seq)-1)
		}
	}
	r.storage.Replace(r, was) // the tool itself does no harm
	r.wantRead(b, 0, 0, all)
}

// rehashed changes an event and makes its hash fit, as someone who knows the
// format would: then the one after it does not.
func rehashed(r *rig) {
	b, all := r.damage()
	for _, seq := range []eventstore.Position{1, 5, damagedLen - 1} {
		ev := all[seq-1]
		ev.Data = `{"n":1000000}`
		ev.Hash = ev.ChainHash(headAt(all, seq-1).Hash)
		r.storage.Replace(r, ev)
		forged := slices.Clone(all)
		forged[seq-1] = ev
		for _, b := range []eventstore.Backend{b, r.open()} {
			good, err := r.verified(b)
			r.wantKind(err, eventstore.KindDamaged)
			r.wantPrefix(good, forged, int(seq))
		}
		r.storage.Replace(r, all[seq-1])
	}
}

// wantPrefix requires exactly the first n events of all.
func (r *rig) wantPrefix(got, all []eventstore.Event, n int) {
	r.Helper()
	if err := diffAll(got, all[:n]); err != nil {
		r.Fatalf("before the damage: %v", err)
	}
}
