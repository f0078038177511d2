package journal

import (
	"context"
	"crypto/sha256"
	"iter"
	"runtime"
	"slices"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/internal/mutant"
)

// chunksOf cuts a frozen state into chunks: the accounts in ascending order of
// their numbers, what of their histories had to be left out, the idempotency keys,
// the subjects of other services' events, and what is of all together.
func chunksOf(f *account.Frozen) iter.Seq[chunk] {
	return func(yield func(chunk) bool) {
		var now chunk
		size := 0
		flush := func() bool {
			full := now
			now, size = chunk{}, 0
			return yield(full)
		}
		var long []storedHistory // what was left out
		n := 0
		for r := range f.All() {
			a, rest := stored(r)
			if size > 0 && size+a.size() > chunkBytes && !flush() {
				return
			}
			now.Accounts, size = append(now.Accounts, a), size+a.size()
			if len(rest) > 0 {
				long = append(long, storedHistory{Number: a.Number, Deltas: rest})
			}
			if n++; n%64 == 0 {
				runtime.Gosched() // whoever serves requests goes first
			}
		}
		if size > 0 && !flush() {
			return
		}
		for _, h := range long {
			for piece := range slices.Chunk(h.Deltas, chunkBytes) {
				if !yield(chunk{Histories: []storedHistory{{Number: h.Number, Deltas: piece}}}) {
					return
				}
			}
		}
		for keys := range filled(f.Keys(), storedUse, (*storedKey).size) {
			if !yield(chunk{Keys: keys}) {
				return
			}
		}
		for subjects := range filled(f.Subjects(), storedVersion, (*storedSubject).size) {
			if !yield(chunk{Subjects: subjects}) {
				return
			}
		}
		yield(chunk{Passed: f.Passed()})
	}
}

// filled gives the stored form of all, as many at once as a chunk takes; size is about
// how many bytes one takes.
func filled[T, Stored any](all iter.Seq[T], stored func(T) Stored, size func(*Stored) int) iter.Seq[[]Stored] {
	return func(yield func([]Stored) bool) {
		var now []Stored
		sum, n := 0, 0
		for each := range all {
			one := stored(each)
			if sum > 0 && sum+size(&one) > chunkBytes {
				if !yield(now) {
					return
				}
				now, sum = nil, 0
			}
			now, sum = append(now, one), sum+size(&one)
			if n++; n%64 == 0 {
				runtime.Gosched()
			}
		}
		if sum > 0 {
			yield(now)
		}
	}
}

// hashOf is what a manifest holds of a chunk.
func hashOf(data []byte) eventstore.Hash { return sha256.Sum256(data) }

// encoders is how many chunks are encoded at once: half of the cores, for the
// service goes on meanwhile.
func encoders() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// saved is what has become of a state's chunks.
type saved struct {
	hashes   []eventstore.Hash // of the chunks, in order
	bytes    int64
	accounts int64
	late     []func(context.Context) error // chunks still to be stored, of a mutant
}

// saveChunks encodes the frozen state and stores it under id. begun is called once,
// after the first chunk is stored; an error of it ends the work.
func saveChunks(ctx context.Context, to eventstore.SnapshotStore, id uuid.UUID, f *account.Frozen, begun func(context.Context) error) (saved, error) {
	type numbered struct {
		number int
		chunk  chunk
	}
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan numbered)
	group.Go(func() error {
		defer close(queue)
		number := 0
		for c := range chunksOf(f) {
			select {
			case queue <- numbered{number, c}:
				number++
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	var mu sync.Mutex // guards result
	var result saved
	var first sync.Once
	for range encoders() {
		group.Go(func() error {
			codec, err := newChunkCodec()
			if err != nil {
				return err
			}
			defer codec.close()
			for c := range queue {
				data, err := codec.encode(c.chunk)
				if err != nil {
					return err
				}
				save := func(ctx context.Context) error { return to.SaveChunk(ctx, id, c.number, data) }
				if mutant.On(mutant.ManifestFirst) {
					mu.Lock()
					result.late = append(result.late, save)
					mu.Unlock()
				} else if err := save(ctx); err != nil {
					return err
				}
				first.Do(func() { err = begun(ctx) })
				if err != nil {
					return err
				}
				mu.Lock()
				for len(result.hashes) <= c.number {
					result.hashes = append(result.hashes, eventstore.Hash{})
				}
				result.hashes[c.number] = hashOf(data)
				result.bytes += int64(len(data))
				result.accounts += int64(len(c.chunk.Accounts))
				mu.Unlock()
			}
			return nil
		})
	}
	err := group.Wait()
	return result, err
}
