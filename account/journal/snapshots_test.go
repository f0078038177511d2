package journal_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
	"openpayment/internal/pause"
)

// notes is what an observer of snapshots was told.
type notes struct {
	mu    sync.Mutex // guards all below
	tried []error    // newest snapshot first, nil for the one loaded
	from  eventstore.Position
	taken []eventstore.Manifest
	fails []error
	drops []string
}

func (n *notes) observer() journal.SnapshotObserver {
	locked := func(f func()) {
		n.mu.Lock()
		defer n.mu.Unlock()
		f()
	}
	return journal.SnapshotObserver{
		Tried: func(_ eventstore.Manifest, _ time.Duration, err error) {
			locked(func() { n.tried = append(n.tried, err) })
		},
		Rebuilding: func(from eventstore.Position) { locked(func() { n.from = from }) },
		Taken:      func(m eventstore.Manifest, _, _ time.Duration) { locked(func() { n.taken = append(n.taken, m) }) },
		Failed:     func(_ time.Duration, err error) { locked(func() { n.fails = append(n.fails, err) }) },
		Dropped:    func(id uuid.UUID, why string) { locked(func() { n.drops = append(n.drops, id.String()+": "+why) }) },
	}
}

// withSnapshots is a configuration that keeps them beside the log.
func withSnapshots(log *memory.Log, n *notes) journal.Config {
	return journal.Config{Snapshots: journal.SnapshotConfig{Store: log.Open(), Observer: n.observer()}}
}

// startWith starts a node with a configuration and waits until it has read the log.
func startWith(t tb, log *memory.Log, cfg journal.Config) *node {
	t.Helper()
	caughtUp := untilCaughtUp(&cfg)
	n := launch(t, log, cfg)
	<-caughtUp
	return n
}

func (n *node) snapshot(t tb) eventstore.Manifest {
	t.Helper()
	m, err := n.TakeSnapshot(context.Background())
	if err != nil {
		t.Fatalf("take snapshot: %v", err)
	}
	return m
}

func manifests(t tb, log *memory.Log) []eventstore.Manifest {
	t.Helper()
	all, err := log.Open().Manifests(context.Background())
	if err != nil {
		t.Fatalf("manifests: %v", err)
	}
	return all
}

// twoSnapshots is a log of nine events, three of them foreign, with snapshots at 4
// and at 8.
func twoSnapshots(t *testing.T) (log *memory.Log, older, newer eventstore.Manifest) {
	t.Helper()
	log = newLog(t)
	n := startWith(t, log, withSnapshots(log, &notes{}))
	n.must(t, open("000001"))
	foreign(t, log, 3, func(_ int, ev *eventstore.Event) { ev.Type = "customer.renamed" })
	n.catchUp(t)
	older = n.snapshot(t)
	n.must(t, open("000002"))
	n.must(t, patch("000001", "405060"))
	n.must(t, patch("000002", "405060"))
	n.must(t, open("000003"))
	newer = n.snapshot(t)
	n.must(t, patch("000003", "405060"))
	n.stop()
	if older.At.Head.Position != 4 || newer.At.Head.Position != 8 {
		t.Fatalf("snapshots at %d and %d", older.At.Head.Position, newer.At.Head.Position)
	}
	return log, older, newer
}

func TestAStartGoesOnFromTheNewestSnapshot(t *testing.T) {
	log, _, newer := twoSnapshots(t)
	whole := start(t, log)
	var told notes
	n := startWith(t, log, withSnapshots(log, &told))
	if told.from != 8 || len(told.tried) != 1 || told.tried[0] != nil {
		t.Errorf("begun behind %d, tried %v", told.from, told.tried)
	}
	a, b := whole.Status(), n.Status()
	if a.Digest != b.Digest || a.Accounts != b.Accounts || a.Foreign != 3 || b.Foreign != 3 || b.Applied != 9 {
		t.Errorf("by replay %+v\nby snapshot %+v", a, b)
	}
	if b.Snapshot.ID != newer.ID {
		t.Errorf("the newest snapshot known is %s", b.Snapshot.ID)
	}
	// Time goes on where it stood, and so do histories.
	out := n.must(t, patch("000001", "102030"))
	events, _, err := n.History(t.Context(), "000001", 0, false, 10)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the history", seqsOf(events), []eventstore.Position{1, 6, out.Position})
}

// flipped stores a chunk anew with one bit changed.
func flipped(t *testing.T, store eventstore.SnapshotStore, m eventstore.Manifest, number int) {
	t.Helper()
	data, err := store.LoadChunk(t.Context(), m.ID, number)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	save(t, store, m, number, data)
}

func save(t *testing.T, store eventstore.SnapshotStore, m eventstore.Manifest, number int, data []byte) {
	t.Helper()
	if err := store.SaveChunk(t.Context(), m.ID, number, data); err != nil {
		t.Fatal(err)
	}
}

// harm is what can happen to a snapshot. What gets by the checksums was written
// wrong in the first place.
var harm = map[string]func(t *testing.T, store eventstore.Store, m *eventstore.Manifest){
	"a bit of a chunk is flipped": func(t *testing.T, store eventstore.Store, m *eventstore.Manifest) { flipped(t, store, *m, 0) },
	"the last chunk is changed": func(t *testing.T, store eventstore.Store, m *eventstore.Manifest) {
		flipped(t, store, *m, len(m.Chunks)-1)
	},
	"a chunk is missing": func(t *testing.T, store eventstore.Store, m *eventstore.Manifest) {
		m.Chunks = append(m.Chunks, eventstore.Hash{1})
		*m = m.Sealed()
	},
	"the manifest is changed": func(_ *testing.T, _ eventstore.Store, m *eventstore.Manifest) { m.Records++ },
	"the digest is another":   func(_ *testing.T, _ eventstore.Store, m *eventstore.Manifest) { m.Digest[0] ^= 1; *m = m.Sealed() },
	"the format is unknown":   func(_ *testing.T, _ eventstore.Store, m *eventstore.Manifest) { m.Format++; *m = m.Sealed() },
	"another reducer made it": func(_ *testing.T, _ eventstore.Store, m *eventstore.Manifest) { m.Reducer++; *m = m.Sealed() },
	"a chunk holds something else": func(t *testing.T, store eventstore.Store, m *eventstore.Manifest) {
		data := []byte("no chunk")
		save(t, store, *m, 0, data)
		m.Chunks[0] = sha256.Sum256(data)
		*m = m.Sealed()
	},
}

func TestASnapshotThatWillNotDoIsPassedOverForTheNextOlder(t *testing.T) {
	for name, do := range harm {
		t.Run(name, func(t *testing.T) {
			log, older, newer := twoSnapshots(t)
			want := start(t, log).Status().Digest
			store := log.Open()
			for i, m := range []eventstore.Manifest{newer, older} {
				do(t, store, &m)
				if err := store.SaveManifest(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				var told notes
				n := startWith(t, log, withSnapshots(log, &told))
				if wantFrom := []eventstore.Position{4, 0}[i]; told.from != wantFrom {
					t.Errorf("begun behind %d, not behind %d", told.from, wantFrom)
				}
				failed := 0
				for _, err := range told.tried {
					if err != nil {
						failed++
					}
				}
				if failed != i+1 || n.Status().Digest != want {
					t.Errorf("tried %v, the digest is %s and not %s", told.tried, n.Status().Digest, want)
				}
				n.stop()
			}
		})
	}
}

// shortened is a log of the first n events of another, with its snapshots.
func shortened(t *testing.T, log *memory.Log, n int, snapshots ...eventstore.Manifest) *memory.Log {
	t.Helper()
	shorter, from := memory.New(), log.Open()
	to := shorter.Open()
	if events := allEvents(t, log)[:n]; n > 0 {
		if err := to.Append(t.Context(), eventstore.Head{}, events); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range snapshots {
		for number := range m.Chunks {
			data, err := from.LoadChunk(t.Context(), m.ID, number)
			if err != nil {
				t.Fatal(err)
			}
			save(t, to, m, number, data)
		}
		if err := to.SaveManifest(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	return shorter
}

func TestALogThatHasLostWhatASnapshotHoldsIsNotServed(t *testing.T) {
	log, older, newer := twoSnapshots(t)
	cut := shortened(t, log, 6, older, newer)
	other := shortened(t, log, 0, newer)
	foreign(t, other, 20, func(int, *eventstore.Event) {})
	for name, log := range map[string]*memory.Log{"its end is gone": cut, "it is another": other} {
		t.Run(name, func(t *testing.T) {
			before := headOf(t, log)
			var told notes
			s, err := journal.Start(t.Context(), log.Open(), withSnapshots(log, &told))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(t.Context())
			for _, err := range []error{s.Serving(), s.Ready(), told.tried[0]} {
				if !eventstore.IsKind(err, eventstore.KindRegressed) {
					t.Errorf("%v", err)
				}
				mustName(t, err, newer.ID.String())
			}
			_, err = s.Execute(t.Context(), open("000009"), journal.Options{})
			wantKind(t, err, eventstore.KindClosed)
			_, err = s.TakeSnapshot(t.Context())
			wantKind(t, err, eventstore.KindUnavailable)
			if after := headOf(t, log); after != before {
				t.Errorf("the log ended at %d, now at %d", before, after)
			}
		})
	}
	// Without the snapshots beyond its head it is an older log, and nothing else.
	n := startWith(t, shortened(t, log, 6, older), journal.Config{})
	if s := n.Status(); s.Applied != 6 || s.Problem != nil {
		t.Errorf("%+v", s)
	}
}

func TestSnapshotsAreTakenAfterSoManyEventsAndAfterSoMuchTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		var told notes
		cfg := withSnapshots(log, &told)
		cfg.Snapshots.Events, cfg.Snapshots.Interval, cfg.Snapshots.Keep = 5, time.Hour, 10
		cfg.Poller.MaxInterval = time.Minute // hours pass here
		n := startWith(t, log, cfg)
		positions := func() string {
			synctest.Wait()
			var all []eventstore.Position
			for _, m := range manifests(t, log) {
				all = append(all, m.At.Head.Position)
			}
			return fmt.Sprint(all)
		}
		rest := func(d time.Duration) { <-time.After(d) }
		want := func(what, want string) {
			t.Helper()
			if got := positions(); got != want {
				t.Errorf("%s: snapshots at %s, want %s", what, got, want)
			}
		}
		rest(3 * time.Hour)
		want("without an event", "[]")
		for i := range 4 {
			n.must(t, open(number(i)))
		}
		rest(30 * time.Minute)
		want("four events, half an hour", "[]")
		rest(time.Hour)
		want("an hour later", "[4]")
		for i := range 5 {
			n.must(t, open(number(10+i)))
		}
		rest(time.Minute)
		want("five more events", "[9 4]")
		rest(3 * time.Hour)
		want("without news", "[9 4]")
		n.stop()
	})
}

func TestAPolicyThatIsNeverDueTakesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		var told notes
		cfg := withSnapshots(log, &told)
		cfg.Snapshots.Events, cfg.Poller.MaxInterval = math.MaxInt64, time.Minute
		n := startWith(t, log, cfg)
		n.must(t, open("000001"))
		n.snapshot(t)
		n.stop()
		n = startWith(t, log, cfg)
		n.must(t, open("000002"))
		<-time.After(time.Hour)
		n.stop()
		if len(told.taken) != 1 {
			t.Errorf("%d snapshots", len(told.taken))
		}
	})
}

func TestALastSnapshotIsTakenAtCloseIfThereIsNews(t *testing.T) {
	log := newLog(t)
	for i, want := range []int{1, 1, 2} {
		cfg := withSnapshots(log, &notes{})
		cfg.Snapshots.AtClose = true
		n := startWith(t, log, cfg)
		if i != 1 {
			n.must(t, open(number(i)))
		}
		n.stop()
		if got := len(manifests(t, log)); got != want {
			t.Errorf("after run %d: %d snapshots, want %d", i, got, want)
		}
	}
}

func TestOfManyNodesOneTakesTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		var told [4]notes
		var nodes []*node
		for i := range told {
			cfg := withSnapshots(log, &told[i])
			cfg.Snapshots.Events, cfg.Snapshots.Keep = 10, 100
			nodes = append(nodes, startWith(t, log, cfg))
		}
		const rounds = 20
		for round := range rounds {
			for i := range 10 {
				nodes[round%len(nodes)].must(t, open(number(100*round+i)))
			}
			<-time.After(time.Minute)
		}
		if n := len(manifests(t, log)); n != rounds {
			t.Errorf("%d snapshots of %d rounds", n, rounds)
		}
		takers := 0
		for i := range told {
			if len(told[i].taken) > 0 {
				takers++
			}
			if len(told[i].fails) > 0 {
				t.Errorf("%v", told[i].fails)
			}
		}
		if takers < 2 {
			t.Errorf("%d of %d nodes took them all", takers, len(nodes))
		}
		for _, n := range nodes {
			n.stop()
		}
	})
}

// idBegun is the id of a snapshot begun so long ago, by the clock of who began it.
func idBegun(ago time.Duration) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	ms := time.Now().Add(-ago).UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id
}

func TestASnapshotLeftUnfinishedByANodeWithAFastClockIsInTheWayForMinutesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		dead, store := idBegun(-1000*time.Hour), log.Open()
		if err := store.SaveChunk(t.Context(), dead, 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
		var told notes
		cfg := withSnapshots(log, &told)
		cfg.Snapshots.Events, cfg.Poller.MaxInterval = 2, time.Minute
		n := startWith(t, log, cfg)
		for i, want := range []int{0, 2, 3} { // at once, in half an hour, in an hour
			n.must(t, open(number(2*i)))
			n.must(t, open(number(2*i+1)))
			<-time.After(time.Minute)
			if got := len(manifests(t, log)); got != want {
				t.Errorf("%d snapshots, want %d", got, want)
			}
			<-time.After(30 * time.Minute)
		}
		left, err := store.Unfinished(t.Context())
		if err != nil || len(left) > 0 {
			t.Errorf("unfinished: %v, %v", left, err)
		}
		n.stop()
	})
}

func TestANodeLeavesTheSnapshotToOneThatIsAtWork(t *testing.T) {
	log := newLog(t)
	var told notes
	n := startWith(t, log, withSnapshots(log, &told))
	n.must(t, open("000001"))
	// Long dead, dead for some time, at work.
	store, all := log.Open(), []uuid.UUID{idBegun(2 * time.Hour), idBegun(30 * time.Minute), idBegun(time.Minute)}
	for _, id := range all {
		if err := store.SaveChunk(t.Context(), id, 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.RetakeSnapshot(t.Context()); err == nil || len(manifests(t, log)) != 0 {
		t.Errorf("took one all the same: %v", err)
	}
	if err := store.DropSnapshot(t.Context(), all[2]); err != nil {
		t.Fatal(err)
	}
	if err := n.RetakeSnapshot(t.Context()); err != nil || len(manifests(t, log)) != 1 {
		t.Errorf("took none: %v", err)
	}
	left, err := store.Unfinished(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "unfinished", left, all[1:2])
}

func TestOnlyTheNewestSnapshotsAreKept(t *testing.T) {
	log := newLog(t)
	var told notes
	cfg := withSnapshots(log, &told)
	cfg.Snapshots.Keep = 2
	n := startWith(t, log, cfg)
	for i := range 5 {
		n.must(t, open(number(i)))
		n.snapshot(t)
	}
	all := manifests(t, log)
	if len(all) != 2 || all[0].At.Head.Position != 5 || all[1].At.Head.Position != 4 || len(told.drops) != 3 {
		t.Errorf("%d are kept, dropped %v", len(all), told.drops)
	}
	left, err := log.Open().Unfinished(t.Context())
	if err != nil || len(left) > 0 {
		t.Errorf("chunks of %v are left, %v", left, err)
	}
}

func TestASnapshotThatCannotBeStoredLeavesNothingBehind(t *testing.T) {
	log := newLog(t)
	faulty := eventstoretest.NewFaultySnapshots(log.Open())
	var told notes
	cfg := withSnapshots(log, &told)
	cfg.Snapshots.Store = faulty
	n := startWith(t, log, cfg)
	n.must(t, open("000001"))
	down := eventstore.NewError("save", eventstore.KindUnavailable, nil)
	faulty.OnSaveManifest(func(context.Context, eventstore.Manifest, eventstoretest.SaveManifestFunc) error { return down })
	_, err := n.TakeSnapshot(t.Context())
	wantKind(t, err, eventstore.KindUnavailable)
	left, err := log.Open().Unfinished(t.Context())
	if err != nil || len(left) > 0 || len(manifests(t, log)) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	faulty.OnSaveManifest(nil)
	if m := n.snapshot(t); m.At.Head.Position != 1 {
		t.Errorf("taken at %d", m.At.Head.Position)
	}
}

func TestASnapshotIsOfOnePositionThoughEventsGoOn(t *testing.T) {
	log := newLog(t)
	faulty, gate := eventstoretest.NewFaultySnapshots(log.Open()), eventstoretest.NewGate()
	cfg := withSnapshots(log, &notes{})
	cfg.Snapshots.Store = faulty
	n := startWith(t, log, cfg)
	for i := range 10 {
		n.must(t, open(number(i)))
	}
	faulty.OnSaveChunk(gate.SaveChunk)
	taken := make(chan eventstore.Manifest, 1)
	go func() { // ends with the gate's opening
		m, _ := n.TakeSnapshot(t.Context())
		taken <- m
	}()
	<-gate.Arrived()
	for i := range 10 { // commands go on
		n.must(t, patch(number(i), "405060"))
		n.must(t, open(number(100+i)))
	}
	gate.Open()
	if m := <-taken; m.At.Head.Position != 10 || m.Records != 10 {
		t.Fatalf("taken at %d with %d accounts", m.At.Head.Position, m.Records)
	}
	var told notes
	again := startWith(t, log, withSnapshots(log, &told))
	if told.from != 10 || again.Status().Digest != n.Status().Digest {
		t.Errorf("begun behind %d: %v", told.from, told.tried)
	}
}

func TestAStartThatIsCalledOffBlamesNoSnapshot(t *testing.T) {
	log, _, _ := twoSnapshots(t)
	store := eventstoretest.NewFaultySnapshots(log.Open())
	ctx, cancel := context.WithCancel(t.Context())
	store.OnLoadChunk(func(ctx context.Context, id uuid.UUID, number int, next eventstoretest.LoadChunkFunc) ([]byte, error) {
		cancel()
		return next(ctx, id, number)
	})
	var told notes
	cfg := withSnapshots(log, &told)
	cfg.Snapshots.Store = store
	s, err := journal.Start(ctx, log.Open(), cfg)
	wantKind(t, err, eventstore.KindUnavailable)
	if err == nil {
		_ = s.Close(context.Background())
	}
	if len(told.tried) > 0 {
		t.Errorf("passed over: %v", told.tried)
	}
}

func TestASnapshotThatIsRemovedWhileItIsRestoredIsPassedOver(t *testing.T) {
	log, _, newer := twoSnapshots(t)
	store := eventstoretest.NewFaultySnapshots(log.Open())
	store.OnLoadChunk(func(ctx context.Context, id uuid.UUID, number int, next eventstoretest.LoadChunkFunc) ([]byte, error) {
		if number == 1 { // by another node, in the middle
			if err := store.DropSnapshot(ctx, newer.ID); err != nil {
				t.Error(err)
			}
		}
		return next(ctx, id, number)
	})
	var told notes
	cfg := withSnapshots(log, &told)
	cfg.Snapshots.Store = store
	n := startWith(t, log, cfg)
	if told.from != 4 || len(told.tried) != 2 || n.Applied() != 9 {
		t.Errorf("from %d to %d, tried %v", told.from, n.Applied(), told.tried)
	}
}

// A process that stood still for an hour, in the middle of a snapshot: another node has
// cleared away what was there of it. Its manifest would be that of a heap of rubble.
func TestASnapshotThatTookTooLongIsGivenUp(t *testing.T) {
	for name, still := range map[string]func(*eventstoretest.FaultySnapshots){
		"at a chunk": func(f *eventstoretest.FaultySnapshots) {
			f.OnSaveChunk(func(ctx context.Context, id uuid.UUID, n int, data []byte, next eventstoretest.SaveChunkFunc) error {
				pause.For(ctx, time.Hour)
				return next(ctx, id, n, data)
			})
		},
		"at the manifest": func(f *eventstoretest.FaultySnapshots) {
			f.OnSaveManifest(func(ctx context.Context, m eventstore.Manifest, next eventstoretest.SaveManifestFunc) error {
				pause.For(ctx, time.Hour)
				return next(ctx, m)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, store := startBeside(t, journal.SnapshotConfig{})
				still(store)
				_, err := n.TakeSnapshot(t.Context())
				wantKind(t, err, eventstore.KindUnavailable)
				if all, unfinished := manifests(t, n.log), listed(t, n.log); len(all) > 0 || len(unfinished) > 0 {
					t.Errorf("left over: %v, %v", all, unfinished)
				}
			})
		})
	}
}

func listed(t tb, log *memory.Log) []uuid.UUID {
	t.Helper()
	ids, err := log.Open().Unfinished(context.Background())
	if err != nil {
		t.Fatalf("unfinished: %v", err)
	}
	return ids
}
