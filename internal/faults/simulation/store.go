package simulation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/memory"
)

// store is the log that all nodes share, with cursors and snapshots beside it. It
// behaves as Cassandra may: an append is one compare-and-set, linearizable, but its
// answer may get lost, and it may be done late or never; reads need not show what
// nobody has been told is stored. Only the scheduler's goroutine uses it.
type store struct {
	world  *world
	events []eventstore.Event
	landed []time.Time         // when each was stored
	told   eventstore.Position // up to here some append was answered with success
	late   []attempt

	names     *memory.Store // of named subscriptions only
	cursors   map[string]eventstore.Head
	manifests []eventstore.Manifest
	chunks    map[uuid.UUID]map[int][]byte
}

// attempt is an append that nobody waits for any more. It may still be done.
type attempt struct {
	from  *process
	head  eventstore.Head
	batch []eventstore.Event
}

func newStore(w *world) *store {
	return &store{world: w, names: memory.New().Open(), cursors: make(map[string]eventstore.Head), chunks: make(map[uuid.UUID]map[int][]byte)}
}

func (s *store) head() eventstore.Head {
	if len(s.events) == 0 {
		return eventstore.Head{}
	}
	return s.events[len(s.events)-1].Head()
}

// had tells whether the log ever ended like that.
func (s *store) had(h eventstore.Head) bool {
	if h.Position < 1 || h.Position > s.position() {
		return h == eventstore.Head{}
	}
	return s.events[h.Position-1].Head() == h
}

func (s *store) position() eventstore.Position { return eventstore.Position(len(s.events)) }

// append is the compare-and-set.
func (s *store) append(head eventstore.Head, batch []eventstore.Event) error {
	if head != s.head() {
		return eventstore.NewError("append", eventstore.KindConflict, fmt.Errorf("the head is %d", s.position()))
	}
	for _, ev := range batch {
		s.world.oracle.lands(ev)
		s.events, s.landed = append(s.events, ev), append(s.landed, time.Now())
	}
	return nil
}

// lose cuts the last events off, as the restore of an older copy does.
func (s *store) lose(n int) {
	keep := len(s.events) - n
	lost := s.events[keep:]
	s.events, s.landed = slices.Clip(s.events[:keep]), slices.Clip(s.landed[:keep])
	s.told = min(s.told, s.position())
	s.late = nil
	s.world.oracle.loses(lost)
}

// visibleAfter is how long a row may stay unseen that nobody was told of.
const visibleAfter = 2 * time.Second

// sees is up to where a read sees the log, and whether it knows of more.
func (s *store) sees() (until eventstore.Position, knows bool) {
	w, head := s.world, s.position()
	safe := s.told
	for safe < head && time.Since(s.landed[safe]) > visibleAfter {
		safe++
	}
	if safe == head || !w.chance(w.profile.partial) {
		return head, true
	}
	return safe + eventstore.Position(w.dice.IntN(int(head-safe)+1)), w.chance(0.5)
}

// page is what one look at the log gives a read.
type page struct {
	events []eventstore.Event
	err    error // behind them
	end    bool  // there are no more
}

// pageSizes are how many events a read sees at one moment; longPages in a long log.
var (
	pageSizes = []int{1, 2, 3, 8, 64, 64}
	longPages = []int{100, 500, 2000}
)

func (s *store) page(after eventstore.Position, limit int) page {
	until, knows := s.sees()
	size := choose(s.world.dice, pageSizes...)
	if s.world.profile.history > 0 {
		size = choose(s.world.dice, longPages...)
	}
	if limit > 0 {
		size = min(size, limit)
	}
	last := min(until, after+eventstore.Position(size))
	var p page
	if after < last {
		p.events = s.events[after:last:last]
	}
	if p.end = last >= until || after >= until; p.end && knows && until < s.position() && after <= until {
		p.err = eventstore.NewGap("read", until+1, until+2, errors.New("a later one is"))
	}
	return p
}

// saveChunk stores a chunk. Nobody may write into a snapshot that is complete.
func (s *store) saveChunk(id uuid.UUID, number int, data []byte) {
	if s.manifest(id) >= 0 {
		s.world.violated("chunk %d is written into snapshot of which there is a manifest", number)
	}
	if s.chunks[id] == nil {
		s.chunks[id] = make(map[int][]byte)
	}
	s.chunks[id][number] = data
}

func (s *store) loadChunk(id uuid.UUID, number int) ([]byte, error) {
	data, ok := s.chunks[id][number]
	if !ok {
		return nil, eventstore.NewError("load chunk", eventstore.KindMissing, nil)
	}
	return slices.Clone(data), nil
}

func (s *store) manifest(id uuid.UUID) int {
	return slices.IndexFunc(s.manifests, func(m eventstore.Manifest) bool { return m.ID == id })
}

// saveManifest stores a manifest, which must be that of a whole snapshot.
func (s *store) saveManifest(m eventstore.Manifest) {
	s.world.happened["snapshot completed"]++
	s.world.oracle.completes(m, s.chunks[m.ID])
	if i := s.manifest(m.ID); i >= 0 {
		s.manifests = slices.Delete(s.manifests, i, i+1)
	}
	s.manifests = append(s.manifests, m)
	slices.SortFunc(s.manifests, eventstore.NewestFirst)
}

// unfinished gives the snapshots without a manifest, in the order of their ids.
func (s *store) unfinished() []uuid.UUID {
	var ids []uuid.UUID
	for id := range s.chunks {
		if s.manifest(id) < 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

func (s *store) drop(id uuid.UUID) {
	if i := s.manifest(id); i >= 0 {
		s.manifests = slices.Delete(s.manifests, i, i+1)
	}
	delete(s.chunks, id)
}
