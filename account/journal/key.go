package journal

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
)

// Where an event's meta holds the key that its command came with, and in
// hexadecimal the key's fingerprint.
const (
	metaKey         = "idempotencyKey"
	metaFingerprint = "idempotencyFingerprint"
)

// defaultMaxKeys are about ten a second.
const defaultMaxKeys = 1_000_000

// ErrKeysFull is why a command with a new key is refused, as KindOverloaded, while
// as many keys are remembered as may be. Commands without one are carried out.
var ErrKeysFull = errors.New("no more idempotency keys can be remembered")

// keyOf reads the key in an event's meta. Anybody may write there: what is not
// exactly as withKey writes it is no key.
func keyOf(meta eventstore.Meta) account.Key {
	text, ok := meta.Lookup(metaKey)
	if !ok || !account.ValidKey(text) {
		return account.Key{}
	}
	written := meta.Get(metaFingerprint)
	fingerprint, err := hex.DecodeString(written)
	if err != nil || len(fingerprint) != len(account.Fingerprint{}) || hex.EncodeToString(fingerprint) != written {
		return account.Key{}
	}
	return account.Key{Text: text, Fingerprint: account.Fingerprint(fingerprint)}
}

// withKey is meta with a key in it.
func withKey(meta eventstore.Meta, k account.Key) eventstore.Meta {
	if !k.Given() {
		return meta
	}
	return meta.With(
		eventstore.Entry{Name: metaKey, Value: k.Text},
		eventstore.Entry{Name: metaFingerprint, Value: hex.EncodeToString(k.Fingerprint[:])})
}

// Replayed tells whether the command that a key names has been carried out before,
// as far as this node knows, and what it led to then. Whether a key is new is only
// known for certain at the head of the log, where [Service.Execute] looks again.
//
// Errors: an *[account.Refusal] if the key was used for another request; those of
// reading the log, as of [eventstore.Log.Event].
func (s *Service) Replayed(ctx context.Context, k account.Key) (out Outcome, found bool, err error) {
	use, found := s.reducer.state.Load().KeyUse(k.Text)
	if !found {
		return Outcome{}, false, nil
	}
	out, err = s.repeat(ctx, k, use)
	return out, err == nil, err
}

// repeat gives the outcome of the command that a key was used for once more. Its
// events are in the log, and part of the state.
func (s *Service) repeat(ctx context.Context, k account.Key, use account.KeyUse) (Outcome, error) {
	if err := use.Judge(k); err != nil {
		return Outcome{}, err
	}
	outs, err := s.recall(ctx, []done{{eventstore.Position(use.Last), use.Key}})
	if err != nil {
		return Outcome{}, err
	}
	return outs[0], nil
}

// keyed decides what the key of a command means for it: the use the key has had
// already, as far as the draft knows, or nil if it is new. An error is why it can't
// be taken.
func (s *Service) keyed(draft *account.Draft, k account.Key, at time.Time) (*account.KeyUse, error) {
	if !k.Given() {
		return nil, nil
	}
	if use, used := draft.KeyUse(k.Text); used {
		return &use, use.Judge(k)
	}
	if n := draft.KeysAt(at); n >= s.maxKeys {
		return nil, eventstore.NewError("execute", eventstore.KindOverloaded, fmt.Errorf("%w: there are %d", ErrKeysFull, n))
	}
	return nil, nil
}
