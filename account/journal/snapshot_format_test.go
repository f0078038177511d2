package journal

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/eventstore/memory"
)

var write = flag.Bool("write", false, "write the golden chunk anew: only for a new format")

// golden is a chunk with everything in it that a chunk can hold.
func golden() chunk {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC).UnixMilli()
	return chunk{
		Accounts: []storedAccount{
			{Number: "000001", SortCode: "10-20-30", CustomerURLs: []string{}, CardURLs: []string{}, Currency: "GBP",
				Version: 1, OpenedAt: at, UpdatedAt: at, Deltas: []byte{1}},
			{Number: "123456789012", SortCode: "40-50-60", CustomerURLs: []string{"https://customers.example/1?a=%20"},
				CardURLs: []string{"https://cards.example/9", "http://[::1]/"}, Currency: "JPY", Balance: 1<<53 - 1, Closed: true,
				Version: 1 << 40, OpenedAt: at, UpdatedAt: at + 1, Deltas: []byte{2, 0xff}, Missing: 5},
		},
		Histories: []storedHistory{{Number: "123456789012", Deltas: []byte{0xff, 0xff, 0xff, 0xff, 0x1f}}},
		Passed:    17,
		Keys: []storedKey{
			{Text: "k", Fingerprint: bytes.Repeat([]byte{0xab}, 32), First: 1, Time: at},
			{Text: strings.Repeat("~ ", 127), Fingerprint: make([]byte, 32), First: 1 << 40, More: 999, Time: at + 86_400_000},
		},
		Subjects: []storedSubject{{Subject: "customers/1", Version: 17}, {Subject: "accounts/000001", Version: 1 << 40}, {Subject: "Größe \u2713", Version: 1}},
	}
}

// The compressor may do better one day; what it compresses must not change.
func TestAChunkIsWrittenAsEverAndReadForEver(t *testing.T) {
	name := filepath.Join("testdata", "snapshots", fmt.Sprintf("chunk.v%d", snapshotFormat))
	plain, err := cbor.Marshal(golden())
	if err != nil {
		t.Fatal(err)
	}
	codec := mustCodec(t)
	if *write {
		data, err := codec.encode(golden())
		if err = errors.Join(err, os.WriteFile(name+".cbor", plain, 0o644), os.WriteFile(name+".zst", data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name + ".cbor")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(plain, want) {
		t.Errorf("a chunk is written as %x, and not as ever", plain)
	}
	data, err := os.ReadFile(name + ".zst")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := codec.decode(data); err != nil || !reflect.DeepEqual(got, golden()) {
		t.Errorf("read %+v, %v", got, err)
	}
}

func mustCodec(t testing.TB) *chunkCodec {
	t.Helper()
	codec, err := newChunkCodec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(codec.close)
	return codec
}

func FuzzAChunkIsReadOrRefused(f *testing.F) {
	codec := mustCodec(f)
	for _, c := range []chunk{{}, golden(), {Passed: -1}} {
		data, err := codec.encode(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, true)
		plain, _ := cbor.Marshal(c)
		f.Add(plain, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, compressed bool) {
		if !compressed { // beyond the checksum of zstd
			data = codec.enc.EncodeAll(data, nil)
		}
		c, err := codec.decode(data)
		if err != nil {
			return
		}
		r := account.NewRestorer(1<<40, int64(len(c.Accounts)))
		r.Pass(c.Passed)
		r.AddKeys(0, usesOf(c.Keys))
		if r.AddSubjects(subjectsOf(c.Subjects)) != nil || r.Add(0, recordsOf(c.Accounts)) != nil { // nothing must panic
			return
		}
		s, err := r.Finish()
		if err != nil {
			return
		}
		f := freeze(t, s)
		defer f.Thaw()
		if f.Sum() != f.Digest() {
			t.Errorf("its digest is %s, of what is in it %s", f.Digest(), f.Sum())
		}
		for r := range f.All() {
			if h := s.History(r.Account.Number); len(h) == 0 || h[len(h)-1] != r.Account.Version {
				t.Errorf("account %s of version %d has the history %v", r.Account.Number, r.Account.Version, h)
			}
		}
		s.List("", 10, account.Filter{})
	})
}

func notLost() error { return nil }

// store saves a state as a snapshot, and gives what is loaded of it.
func storeAndLoad(t *testing.T, s *account.State) (eventstore.Manifest, *account.State) {
	t.Helper()
	store := memory.New().Open()
	r := newReducer(s, eventstore.Tail{Head: eventstore.Head{Position: eventstore.Position(s.Position())}})
	m, err := newSnapshotter(SnapshotConfig{Store: store}, r, notLost, nil).take(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := load(context.Background(), store, m)
	if err != nil {
		t.Fatal(err)
	}
	return m, loaded
}

// nextStamp is that of the next event, with a key unless its text is empty.
func nextStamp(s *account.State, key string) account.Stamp {
	seq := s.Position() + 1
	k := account.Key{Text: key, Fingerprint: account.Fingerprint{byte(seq)}}
	return account.Stamp{Seq: seq, Time: time.UnixMilli(seq).UTC(), Key: k}
}

func mustApply(t *testing.T, s *account.State, ev account.Event) {
	t.Helper()
	if err := s.Apply(ev, nextStamp(s, "")); err != nil {
		t.Fatal(err)
	}
}

func freeze(t testing.TB, s *account.State) *account.Frozen {
	t.Helper()
	f, err := s.Freeze(t.Context(), func(mark func()) { mark() })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func sameRecords(t *testing.T, a, b *account.State) {
	t.Helper()
	frozen := [2]*account.Frozen{freeze(t, a), freeze(t, b)}
	defer frozen[0].Thaw()
	defer frozen[1].Thaw()
	for d := range account.Compare(frozen[0], frozen[1]) {
		t.Errorf("account %s differs in %v", d.Number, d.Fields)
	}
	if n := account.CompareKeys(frozen[0], frozen[1]); n > 0 {
		t.Errorf("%d keys differ", n)
	}
	for d := range account.CompareSubjects(frozen[0], frozen[1]) {
		t.Errorf("subject %s has version %d and %d", d.Subject, d.Left, d.Right)
	}
	if a.Position() != b.Position() || a.Passed() != b.Passed() || a.Open() != b.Open() || frozen[0].Digest() != frozen[1].Digest() {
		t.Errorf("at %d and %d, %d and %d foreign events, %d and %d open", a.Position(), b.Position(), a.Passed(), b.Passed(), a.Open(), b.Open())
	}
}

func TestAStateOfManyChunksIsLoadedAsItWas(t *testing.T) {
	s := account.NewState()
	for i := range 5000 {
		n := account.Number(fmt.Sprintf("%08d", i*7919%10_000_000))
		urls := []string{"https://customers.example/" + uuid.NewString(), "https://cards.example/" + uuid.NewString()}
		mustApply(t, s, account.Opened{Number: n, SortCode: "10-20-30", CustomerURLs: urls, CardURLs: urls, Currency: "EUR"})
		if i%3 == 0 {
			mustApply(t, s, account.Closed{Number: n})
		}
	}
	m, loaded := storeAndLoad(t, s)
	if len(m.Chunks) < 4 || m.Records != 5000 {
		t.Errorf("%d accounts in %d chunks", m.Records, len(m.Chunks))
	}
	sameRecords(t, s, loaded)
}

func TestKeysOfManyChunksAreLoadedAsTheyWere(t *testing.T) {
	s := account.NewState()
	mustApply(t, s, account.Opened{Number: "000001", SortCode: "10-20-30", CustomerURLs: []string{}, CardURLs: []string{}, Currency: "EUR"})
	const keys = 5000
	for i := range keys {
		text := fmt.Sprintf("%0*d", 1+i%account.MaxKeyChars, i)
		if err := s.Pass("customers/1", nextStamp(s, text[len(text)-min(len(text), account.MaxKeyChars):])); err != nil {
			t.Fatal(err)
		}
	}
	_, loaded := storeAndLoad(t, s)
	if loaded.Keys() != s.Keys() || s.Keys() < keys/2 {
		t.Errorf("%d keys became %d", s.Keys(), loaded.Keys())
	}
	sameRecords(t, s, loaded)

	f := freeze(t, s)
	defer f.Thaw()
	chunks := 0
	for c := range chunksOf(f) {
		plain, err := cbor.Marshal(c)
		if err != nil || len(plain) > chunkBytes {
			t.Errorf("chunk %d has %d bytes, %v", chunks, len(plain), err)
		}
		chunks++
	}
	if chunks < 5 { // one of accounts, three or more of keys, one of totals
		t.Errorf("%d chunks", chunks)
	}
}

func TestSubjectsOfManyChunksAreLoadedAsTheyWere(t *testing.T) {
	s := account.NewState()
	const events, subjects = 12_000, 10_000
	for i := range events {
		if err := s.Pass(fmt.Sprintf("customers/%0*d", 10+i%subjects%90, i%subjects), nextStamp(s, "")); err != nil {
			t.Fatal(err)
		}
	}
	m, loaded := storeAndLoad(t, s)
	if len(m.Chunks) < 3 || loaded.ForeignSubjects() != subjects || loaded.ForeignVersion("customers/0000000000") != subjects+1 {
		t.Errorf("%d subjects in %d chunks", loaded.ForeignSubjects(), len(m.Chunks))
	}
	sameRecords(t, s, loaded)
}

func TestAHistoryTooLongForItsChunkGoesOnInOthers(t *testing.T) {
	s := account.NewState()
	for _, n := range []account.Number{"000001", "000002", "000003"} {
		mustApply(t, s, account.Opened{Number: n, SortCode: "10-20-30", CustomerURLs: []string{}, CardURLs: []string{}, Currency: "GBP"})
	}
	for i := range maxDeltas * 3 / 2 { // distances of one byte, and of two now and then
		n := account.Number("000002")
		if i%1000 < 150 {
			n = "000003"
		}
		mustApply(t, s, account.Updated{Number: n, SortCode: "40-50-60", CustomerURLs: []string{}, CardURLs: []string{}})
	}
	m, loaded := storeAndLoad(t, s)
	if len(m.Chunks) < 3 { // one of accounts, one of the rest, one of totals
		t.Errorf("%d chunks", len(m.Chunks))
	}
	sameRecords(t, s, loaded)
	if h := loaded.History("000002"); len(h) <= maxDeltas {
		t.Errorf("a history of %d events", len(h))
	}
}

func TestChunksThatDoNotFitTogetherAreDamage(t *testing.T) {
	at := time.Now().UnixMilli()
	a := storedAccount{Number: "000001", SortCode: "10-20-30", CustomerURLs: []string{}, CardURLs: []string{}, Currency: "GBP",
		Version: 3, OpenedAt: at, UpdatedAt: at, Deltas: []byte{1}, Missing: 1}
	goodKey := storedKey{Text: "k", Fingerprint: make([]byte, 32), First: 1, Time: at}
	for name, chunks := range map[string][]chunk{
		"the rest of a history is not there": {{Accounts: []storedAccount{a}}},
		"it is longer":                       {{Accounts: []storedAccount{a}}, {Histories: []storedHistory{{Number: "000001", Deltas: []byte{1, 1}}}}},
		"it is another's":                    {{Accounts: []storedAccount{a}}, {Histories: []storedHistory{{Number: "000002", Deltas: []byte{2}}}}},
		"it ends elsewhere":                  {{Accounts: []storedAccount{a}}, {Histories: []storedHistory{{Number: "000001", Deltas: []byte{3}}}}},
		"a fingerprint is cut short":         {{Keys: []storedKey{{Text: "k", Fingerprint: make([]byte, 31), First: 1}}}},
		"a key is there twice":               {{Keys: []storedKey{goodKey}}, {Keys: []storedKey{goodKey}}},
		"a key is beyond the position":       {{Keys: []storedKey{{Text: "k", Fingerprint: make([]byte, 32), First: 9, More: 1}}}},
		"a key is not in the digest":         {{Keys: []storedKey{goodKey}}},
		"more events are foreign than exist": {{Passed: 10}},
		"a subject is there twice":           {{Subjects: []storedSubject{{Subject: "a", Version: 1}}, Passed: 9}, {Subjects: []storedSubject{{Subject: "a", Version: 2}}}},
		"a subject is beyond the position":   {{Subjects: []storedSubject{{Subject: "a", Version: 10}}, Passed: 9}},
		"a subject has no event":             {{Subjects: []storedSubject{{Subject: "a", Version: 1}}}},
		"a subject is not in the digest":     {{Subjects: []storedSubject{{Subject: "a", Version: 1}}, Passed: 9}},
	} {
		store, codec := memory.New().Open(), mustCodec(t)
		m := eventstore.Manifest{ID: uuid.Must(uuid.NewV7()), At: eventstore.Tail{Head: eventstore.Head{Position: 9}}, Format: snapshotFormat, Reducer: reducerVersion, Records: 1 << 40}
		for i, c := range chunks {
			data, err := codec.encode(c)
			if err == nil {
				err = store.SaveChunk(t.Context(), m.ID, i, data)
			}
			if err != nil {
				t.Fatal(err)
			}
			m.Chunks = append(m.Chunks, hashOf(data))
		}
		if _, err := load(t.Context(), store, m.Sealed()); eventstore.KindOf(err) != eventstore.KindDamaged {
			t.Errorf("%s: %v", name, err)
		}
	}
}
