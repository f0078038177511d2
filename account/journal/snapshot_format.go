package journal

import (
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"openpayment/account"
	"openpayment/eventstore"
)

// snapshotFormat numbers the form of a chunk; reducerVersion numbers what the
// state makes of the same events: a change to Evolve, or to what a state keeps,
// raises it, and snapshots of the version before are of no use then. Since version 2
// of both there are the subjects of other services' events.
const (
	snapshotFormat = 2
	reducerVersion = 2
)

// chunk is what one chunk of a snapshot holds: CBOR (RFC 8949), compressed with
// zstd (RFC 8878). This is a stored format; a golden file pins it.
type chunk struct {
	Accounts []storedAccount `cbor:"1,keyasint,omitempty"`
	// Histories go on where the deltas of accounts in chunks before had to be cut.
	Histories []storedHistory `cbor:"2,keyasint,omitempty"`
	// Passed, in the last chunk, is how many events touched no account.
	Passed int64 `cbor:"3,keyasint,omitempty"`
	// Keys are the idempotency keys that are remembered, in the order of the log.
	Keys []storedKey `cbor:"4,keyasint,omitempty"`
	// Subjects are those of other services' events, in no order that matters.
	Subjects []storedSubject `cbor:"5,keyasint,omitempty"`
}

// storedAccount is an [account.Record].
type storedAccount struct {
	_            struct{} `cbor:",toarray"`
	Number       account.Number
	SortCode     string
	CustomerURLs []string
	CardURLs     []string
	Currency     account.Currency
	Balance      int64
	Closed       bool
	Version      int64
	OpenedAt     int64 // milliseconds since 1970
	UpdatedAt    int64 // likewise
	Deltas       []byte
	Missing      int // bytes of Deltas that stand in later chunks
}

// storedHistory is a piece of the deltas of one account; pieces stand in order.
type storedHistory struct {
	_      struct{} `cbor:",toarray"`
	Number account.Number
	Deltas []byte
}

// storedKey is an [account.KeyUse].
type storedKey struct {
	_           struct{} `cbor:",toarray"`
	Text        string
	Fingerprint []byte
	First       int64
	More        int64 // events behind the first
	Time        int64 // milliseconds since 1970
}

// storedSubject is an [account.SubjectVersion].
type storedSubject struct {
	_       struct{} `cbor:",toarray"`
	Subject string
	Version int64
}

// Sizes of what goes into one chunk, before compression: what can't be compressed
// must still fit into eventstore.MaxChunkBytes.
const (
	chunkBytes   = 384 << 10
	maxDeltas    = 64 << 10 // of one account, in one place
	maxPlainSize = 4 << 20  // of a chunk that is read: more is no chunk of ours
	leastAccount = 64       // that size counts for an account, whatever is in it
	// accountsPerChunk is how many accounts a chunk can hold.
	accountsPerChunk = chunkBytes / leastAccount
)

// size is about how many bytes an account takes.
func (a *storedAccount) size() int {
	n := leastAccount + len(a.Number) + len(a.SortCode) + len(a.Currency) + len(a.Deltas)
	for _, list := range [][]string{a.CustomerURLs, a.CardURLs} {
		for _, u := range list {
			n += len(u) + 3
		}
	}
	return n
}

func (k *storedKey) size() int { return 64 + len(k.Text) + len(k.Fingerprint) }

func (v *storedSubject) size() int { return 16 + len(v.Subject) }

func storedUse(u account.KeyUse) storedKey {
	return storedKey{Text: u.Text, Fingerprint: u.Fingerprint[:], First: u.First, More: u.Last - u.First, Time: u.Time.UnixMilli()}
}

func storedVersion(v account.SubjectVersion) storedSubject {
	return storedSubject{Subject: v.Subject, Version: v.Version}
}

// use is the opposite of storedUse.
func (k *storedKey) use() account.KeyUse {
	return account.KeyUse{
		Key:   account.Key{Text: k.Text, Fingerprint: account.Fingerprint(k.Fingerprint)},
		First: k.First, Last: k.First + k.More, Time: time.UnixMilli(k.Time).UTC(),
	}
}

// stored is the form of r, and what of its deltas had to be left out.
func stored(r account.Record) (s storedAccount, rest []byte) {
	a := r.Account
	head := r.Deltas[:min(len(r.Deltas), maxDeltas)]
	rest = r.Deltas[len(head):]
	return storedAccount{
		Number: a.Number, SortCode: a.SortCode, CustomerURLs: a.CustomerURLs, CardURLs: a.CardURLs,
		Currency: a.Currency, Balance: a.Balance, Closed: a.Status == account.StatusClosed, Version: a.Version,
		OpenedAt: a.OpenedAt.UnixMilli(), UpdatedAt: a.UpdatedAt.UnixMilli(),
		Deltas: head, Missing: len(rest),
	}, rest
}

// record is the opposite of stored, without what is missing.
func (a *storedAccount) record() account.Record {
	status := account.StatusOpen
	if a.Closed {
		status = account.StatusClosed
	}
	return account.Record{
		Account: &account.Account{
			Number: a.Number, SortCode: a.SortCode, CustomerURLs: a.CustomerURLs, CardURLs: a.CardURLs,
			Currency: interned(a.Currency), Balance: a.Balance, Status: status, Version: a.Version,
			OpenedAt: time.UnixMilli(a.OpenedAt).UTC(), UpdatedAt: time.UnixMilli(a.UpdatedAt).UTC(),
		},
		Deltas: a.Deltas,
	}
}

// interned spares a string for each account.
func interned(c account.Currency) account.Currency {
	if c == account.DefaultCurrency {
		return account.DefaultCurrency
	}
	return c
}

// chunkCodec encodes and decodes chunks. Not for concurrent use.
type chunkCodec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newChunkCodec() (*chunkCodec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlainSize))
	return &chunkCodec{enc, dec}, err
}

func (c *chunkCodec) close() {
	c.dec.Close()
	_ = c.enc.Close() // it has no stream
}

func (c *chunkCodec) encode(plain chunk) ([]byte, error) {
	text, err := cbor.Marshal(plain)
	if err != nil {
		return nil, err
	}
	data := c.enc.EncodeAll(text, nil)
	if len(data) > eventstore.MaxChunkBytes {
		return nil, fmt.Errorf("a chunk of %d bytes", len(data))
	}
	return data, nil
}

// strictCBOR refuses what this program does not write.
var strictCBOR = mustDecMode(cbor.DecOptions{
	DupMapKey: cbor.DupMapKeyEnforcedAPF, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
})

func mustDecMode(o cbor.DecOptions) cbor.DecMode {
	mode, err := o.DecMode()
	if err != nil {
		panic(err) // options are constants
	}
	return mode
}

var errNotAChunk = errors.New("this is no chunk of a snapshot")

func (c *chunkCodec) decode(data []byte) (chunk, error) {
	var plain chunk
	text, err := c.dec.DecodeAll(data, nil)
	if err == nil {
		err = strictCBOR.Unmarshal(text, &plain)
	}
	if err != nil {
		return chunk{}, fmt.Errorf("%w: %w", errNotAChunk, err)
	}
	for i := range plain.Accounts {
		if a := &plain.Accounts[i]; a.CustomerURLs == nil || a.CardURLs == nil || a.Missing < 0 {
			return chunk{}, fmt.Errorf("%w: account %q is not whole", errNotAChunk, a.Number)
		}
	}
	for i := range plain.Keys {
		if k := &plain.Keys[i]; len(k.Fingerprint) != len(account.Fingerprint{}) {
			return chunk{}, fmt.Errorf("%w: the key of event %d is not whole", errNotAChunk, k.First)
		}
	}
	return plain, nil
}
