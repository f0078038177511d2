package memory

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

func TestMemoryIsABackend(t *testing.T) {
	eventstoretest.Run(t, newStorage)
}

func newStorage(testing.TB, int) eventstoretest.Storage { return storage{New()} }

// storage lets the suite damage a log, which nothing else can.
type storage struct{ log *Log }

func (s storage) Open(context.Context) (eventstore.Store, error) { return s.log.Open(), nil }

func (s storage) Replace(_ testing.TB, ev eventstore.Event) { s.set(ev.Seq, ev) }

func (s storage) Remove(_ testing.TB, seq eventstore.Position) {
	s.set(seq, eventstore.Event{})
	if events := s.log.current(); int(seq) == len(events) {
		s.log.events = events[:seq-1]
	}
}

func (s storage) Garble(_ testing.TB, seq eventstore.Position) {
	s.set(seq, eventstore.Event{Seq: -1, Hash: s.log.events[seq-1].Hash})
}

func (s storage) GarbleChunk(_ testing.TB, snapshot uuid.UUID, number int) {
	s.log.chunks[snapshot][number][0] ^= 1
}

func (s storage) RemoveChunk(_ testing.TB, snapshot uuid.UUID, number int) {
	delete(s.log.chunks[snapshot], number)
}

func (s storage) GarbleManifest(_ testing.TB, snapshot uuid.UUID) {
	m := s.log.manifests[snapshot]
	m.Digest = eventstore.Hash{}
	s.log.manifests[snapshot] = m
}

// set changes a copy, for reads under way hold the original.
func (s storage) set(seq eventstore.Position, ev eventstore.Event) {
	events := slices.Clone(s.log.current())
	events[seq-1] = ev
	s.log.events = events
}

func TestABatchThatBreaksTheContractIsInvalid(t *testing.T) {
	var none eventstore.Head
	good := eventstoretest.NewBatch(none, time.Now(), 3)
	unhashed := slices.Clone(good)
	unhashed[1].Data = "{}"
	for name, batch := range map[string][]eventstore.Event{
		"an empty batch":                nil,
		"a batch with a gap":            {good[0], good[2]},
		"a batch that starts elsewhere": good[1:],
		"a batch whose hash is not its": unhashed,
		"a batch of too many events":    eventstoretest.NewBatch(none, time.Now(), eventstore.MaxBatchEvents+1),
		"a batch of too many bytes":     eventstoretest.NewBatch(none, time.Now(), 17, large),
	} {
		b := New().Open()
		if err := b.Append(t.Context(), none, batch); eventstore.KindOf(err) != eventstore.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if head, err := b.Head(t.Context()); err != nil || head != none {
			t.Errorf("%s left head %v (%v)", name, head, err)
		}
	}
}

func large(_ int, ev *eventstore.Event) { ev.Data = strings.Repeat("7", eventstore.MaxDataBytes) }
