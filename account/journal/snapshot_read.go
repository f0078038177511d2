package journal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/internal/mutant"
)

// loading builds a state of a snapshot's chunks, several at once.
type loading struct {
	manifest eventstore.Manifest
	from     eventstore.SnapshotStore
	restorer *account.Restorer

	mu sync.Mutex // guards all below
	// held are the parts with accounts whose histories go on in later chunks; pieces
	// are those, by chunk.
	held   map[int][]storedAccount
	pieces map[int][]storedHistory
}

// load gives the state that a snapshot holds, verified in every way: the
// manifest's and each chunk's checksum, the form of every record, and the digest
// made anew of all of them. Errors of KindDamaged are the snapshot's; others are
// those of [eventstore.SnapshotStore.LoadChunk].
func load(ctx context.Context, from eventstore.SnapshotStore, m eventstore.Manifest) (*account.State, error) {
	if err := m.Verify(); err != nil {
		return nil, err
	}
	l := &loading{
		manifest: m, from: from,
		restorer: account.NewRestorer(int64(m.At.Head.Position), min(m.Records, int64(len(m.Chunks))*accountsPerChunk)),
		held:     make(map[int][]storedAccount), pieces: make(map[int][]storedHistory),
	}
	if err := l.chunks(ctx); err != nil {
		return nil, err
	}
	if err := l.long(); err != nil {
		return nil, l.damaged(err)
	}
	state, err := l.restorer.Finish()
	if err != nil {
		return nil, l.damaged(err)
	}
	if _, digest := state.Digest(); eventstore.Hash(digest) != m.Digest && !mutant.On(mutant.ForgetsKeysAtSnapshot) {
		return nil, l.damaged(fmt.Errorf("its accounts, keys and subjects have the digest %s, the manifest says %s", digest, m.Digest))
	}
	return state, nil
}

func (l *loading) damaged(err error) error {
	return eventstore.NewError("load snapshot", eventstore.KindDamaged, err)
}

// chunks loads all of them, on every core.
func (l *loading) chunks(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	numbers := make(chan int)
	group.Go(func() error {
		defer close(numbers)
		for number := range l.manifest.Chunks {
			select {
			case numbers <- number:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			codec, err := newChunkCodec()
			if err != nil {
				return err
			}
			defer codec.close()
			for number := range numbers {
				if err := l.chunk(ctx, codec, number); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (l *loading) chunk(ctx context.Context, codec *chunkCodec, number int) error {
	data, err := l.manifest.Chunk(ctx, l.from, number)
	if err != nil {
		return err
	}
	plain, err := codec.decode(data)
	if err != nil {
		return l.damaged(fmt.Errorf("chunk %d: %w", number, err))
	}
	l.restorer.Pass(plain.Passed)
	if len(plain.Keys) > 0 && !mutant.On(mutant.ForgetsKeysAtSnapshot) {
		l.restorer.AddKeys(number, usesOf(plain.Keys))
	}
	if err := l.restorer.AddSubjects(subjectsOf(plain.Subjects)); err != nil {
		return l.damaged(fmt.Errorf("chunk %d: %w", number, err))
	}
	whole := true
	for i := range plain.Accounts {
		whole = whole && plain.Accounts[i].Missing == 0
	}
	if !whole || len(plain.Histories) > 0 {
		l.mu.Lock()
		l.pieces[number] = plain.Histories
		l.mu.Unlock()
	}
	if !whole {
		l.mu.Lock()
		l.held[number] = plain.Accounts
		l.mu.Unlock()
		return nil
	}
	if err := l.restorer.Add(number, recordsOf(plain.Accounts)); err != nil {
		return l.damaged(fmt.Errorf("chunk %d: %w", number, err))
	}
	return nil
}

func recordsOf(accounts []storedAccount) []account.Record {
	records := make([]account.Record, len(accounts))
	for i := range accounts {
		records[i] = accounts[i].record()
	}
	return records
}

func usesOf(keys []storedKey) []account.KeyUse {
	uses := make([]account.KeyUse, len(keys))
	for i := range keys {
		uses[i] = keys[i].use()
	}
	return uses
}

func subjectsOf(subjects []storedSubject) []account.SubjectVersion {
	versions := make([]account.SubjectVersion, len(subjects))
	for i, v := range subjects {
		versions[i] = account.SubjectVersion{Subject: v.Subject, Version: v.Version}
	}
	return versions
}

// long adds the parts that were held, with their histories made whole.
func (l *loading) long() error {
	rest := make(map[account.Number][]byte)
	for number := range l.manifest.Chunks {
		for _, piece := range l.pieces[number] {
			rest[piece.Number] = append(rest[piece.Number], piece.Deltas...)
		}
	}
	for number, accounts := range l.held {
		for i := range accounts {
			a := &accounts[i]
			if a.Missing != len(rest[a.Number]) {
				return fmt.Errorf("account %s lacks %d bytes of its history, and there are %d", a.Number, a.Missing, len(rest[a.Number]))
			}
			a.Deltas = append(a.Deltas, rest[a.Number]...)
		}
		if err := l.restorer.Add(number, recordsOf(accounts)); err != nil {
			return err
		}
	}
	return nil
}

// The reasons for passing over a whole snapshot.
var (
	errOtherFormat  = errors.New("its chunks are in another format than this program reads")
	errOtherReducer = errors.New("it was made by another version of the reducer")
)

// usable tells whether this program can read what the snapshot holds.
func usable(m eventstore.Manifest) error {
	switch {
	case m.Format != snapshotFormat:
		return fmt.Errorf("%w: format %d, not %d", errOtherFormat, m.Format, snapshotFormat)
	case m.Reducer != reducerVersion:
		return fmt.Errorf("%w: version %d, not %d", errOtherReducer, m.Reducer, reducerVersion)
	}
	return nil
}
