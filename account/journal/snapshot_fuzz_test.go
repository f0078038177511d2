package journal

import (
	"context"
	"errors"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/eventstore"
)

// chunksOnly is a store of snapshots that has nothing but the chunks of one.
type chunksOnly struct {
	eventstore.SnapshotStore
	chunks [][]byte
}

func (c chunksOnly) LoadChunk(_ context.Context, _ uuid.UUID, number int) ([]byte, error) {
	return c.chunks[number], nil
}

// aSmallState has accounts, keys, and subjects of other services.
func aSmallState(t testing.TB) *account.State {
	t.Helper()
	s := account.NewState()
	for _, step := range []struct {
		event account.Event
		key   string
	}{
		{account.Opened{Number: "00000001", SortCode: "10-20-30", CustomerURLs: []string{"https://a.example/1"}, CardURLs: []string{}, Currency: "GBP"}, "k"},
		{account.Opened{Number: "00000002", SortCode: "10-20-30", CustomerURLs: []string{}, CardURLs: []string{}, Currency: "GBP"}, ""},
		{account.Deposited{Number: "00000001", Amount: 500, Currency: "GBP"}, "l"},
	} {
		if err := s.Apply(step.event, nextStamp(s, step.key)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Pass("customers/1", nextStamp(s, "")); err != nil {
		t.Fatal(err)
	}
	return s
}

// FuzzASnapshotIsWhatItsManifestSaysOrRefused: two chunks of whatever bytes, under checksums that
// match, give the very state that the manifest is of, or KindDamaged.
func FuzzASnapshotIsWhatItsManifestSaysOrRefused(f *testing.F) {
	codec := mustCodec(f)
	s := aSmallState(f)
	position, digest := s.Digest()
	frozen := freeze(f, s)
	var all chunk
	for c := range chunksOf(frozen) {
		all.Accounts, all.Keys, all.Subjects = append(all.Accounts, c.Accounts...), append(all.Keys, c.Keys...), append(all.Subjects, c.Subjects...)
		all.Passed += c.Passed
	}
	frozen.Thaw()
	records := int64(len(all.Accounts))
	plain := func(c chunk) []byte {
		data, err := cbor.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	cut, twice, changed := all, all, all
	cut.Accounts, cut.Keys = all.Accounts[:1], nil
	twice.Keys = append(all.Keys[:2:2], all.Keys...)
	changed.Accounts = append([]storedAccount{}, all.Accounts...)
	changed.Accounts[0].Balance++
	f.Add(plain(chunk{Accounts: all.Accounts[1:], Keys: all.Keys}), plain(cut))
	for _, c := range []chunk{all, cut, twice, changed, golden()} {
		f.Add(plain(c), plain(chunk{}))
		f.Add(plain(c), plain(all))
		f.Add(plain(chunk{Histories: golden().Histories}), plain(c))
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		chunks := [][]byte{codec.enc.EncodeAll(one, nil), codec.enc.EncodeAll(two, nil)}
		m := eventstore.Manifest{
			At:     eventstore.Tail{Head: eventstore.Head{Position: eventstore.Position(position)}},
			Digest: eventstore.Hash(digest), Format: snapshotFormat, Reducer: reducerVersion, Records: records,
			Chunks: []eventstore.Hash{hashOf(chunks[0]), hashOf(chunks[1])},
		}.Sealed()
		loaded, err := load(t.Context(), chunksOnly{chunks: chunks}, m)
		if err != nil {
			if eventstore.KindOf(err) != eventstore.KindDamaged || errors.Unwrap(err) == nil {
				t.Fatalf("not damage with a reason: %v", err)
			}
			return
		}
		got := freeze(t, loaded)
		defer got.Thaw()
		if at, told := loaded.Digest(); at != position || told != digest || got.Sum() != digest {
			t.Errorf("a state at %d of digest %s was loaded, of what is in it %s; the manifest says %d and %s", at, told, got.Sum(), position, digest)
		}
		for r := range got.All() {
			if h := loaded.History(r.Account.Number); len(h) == 0 || h[len(h)-1] != r.Account.Version {
				t.Errorf("account %s of version %d has the history %v", r.Account.Number, r.Account.Version, h)
			}
		}
	})
}
