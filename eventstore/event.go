package eventstore

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits every backend supports and every [Writer] keeps to.
const (
	// MaxBatchEvents is the largest number of events in one append.
	MaxBatchEvents = 1000
	// MaxBatchBytes bounds the sum of [Event.Size] over one append: far below
	// Cassandra's max_mutation_size of 16 MiB, which a conditional batch must
	// stay under.
	MaxBatchBytes = 1 << 20
	// MaxDataBytes bounds [Event.Data].
	MaxDataBytes = 64 << 10
	// MaxMetaBytes bounds the sum of all keys and values of [Event.Meta].
	MaxMetaBytes = 8 << 10
	// MaxNameBytes bounds [Event.Type] and [Event.Subject], each.
	MaxNameBytes = 512
)

// Position is the place of an event in the log. The first event stands at 1;
// 0 is the place before it.
type Position int64

// Event is one fact, as it stands in the log. Events are shared between
// goroutines and are never changed, Meta included.
type Event struct {
	Seq     Position
	ID      uuid.UUID // version 7, made by the Writer
	Type    string    // past tense, dotted: account.opened
	Subject string    // what it is about: accounts/12345678
	Time    time.Time // UTC, whole milliseconds, never goes backwards along the log
	Meta    Meta      // about the event, not of it: request id, actor, …; may be empty
	Data    string    // the facts: a JSON object
	Hash    Hash      // links the event to the one before: see [Event.ChainHash]
}

// Proposal is an event that has not got its place in the log yet.
type Proposal struct {
	Type    string
	Subject string
	Meta    Meta
	Data    string

	checked int // its size, if Checked has made it
}

// Head names the newest event of a log: its position and its hash. Because of
// the hash chain it stands for the whole history up to there. The zero Head is
// that of the empty log.
type Head struct {
	Position Position
	Hash     Hash
}

// Head is the log's head just after e.
func (e Event) Head() Head { return Head{Position: e.Seq, Hash: e.Hash} }

// Size is about how many bytes e takes in a batch.
func (e Event) Size() int {
	const fixed = 8 + 16 + 8 + 32 // seq, id, time, hash
	return fixed + len(e.Type) + len(e.Subject) + len(e.Data) + e.Meta.size()
}

// Size is about how many bytes the event that p becomes takes in a batch.
func (p Proposal) Size() int {
	return Event{Type: p.Type, Subject: p.Subject, Meta: p.Meta, Data: p.Data}.Size()
}

// Validate reports as [KindInvalid] what keeps p from being stored on any
// backend: a name that is empty or too long, too much data, invalid UTF-8, or a
// NUL, which not every store keeps. It does not parse Data.
func (p Proposal) Validate() error {
	const op = "propose"
	for _, f := range []struct {
		name, value string
		min, max    int
	}{
		{"type", p.Type, 1, MaxNameBytes},
		{"subject", p.Subject, 1, MaxNameBytes},
		{"data", p.Data, 2, MaxDataBytes},
	} {
		if n := len(f.value); n < f.min || n > f.max {
			return newError(op, KindInvalid, fmt.Errorf("%s has %d bytes; %d to %d are allowed", f.name, n, f.min, f.max))
		}
		if !storable(f.value) {
			return newError(op, KindInvalid, fmt.Errorf("%s is not UTF-8 text without NUL", f.name))
		}
	}
	if n := p.Meta.size(); n > MaxMetaBytes {
		return newError(op, KindInvalid, fmt.Errorf("meta has %d bytes; %d are allowed", n, MaxMetaBytes))
	}
	for i, e := range p.Meta {
		if !storable(e.Name) || !storable(e.Value) {
			return newError(op, KindInvalid, fmt.Errorf("meta %q is not UTF-8 text without NUL", e.Name))
		}
		if i > 0 && p.Meta[i-1].Name >= e.Name {
			return newError(op, KindInvalid, fmt.Errorf("meta %q is not in order", e.Name))
		}
	}
	return nil
}

// Checked is p, known to be valid: a [Writer], whose one goroutine all commands share,
// does not look at it again. Nothing of it may be changed any more.
func (p Proposal) Checked() (Proposal, error) {
	if p.checked > 0 {
		return p, nil
	}
	if err := p.Validate(); err != nil {
		return Proposal{}, err
	}
	p.checked = p.Size()
	return p, nil
}

// WithMeta is p with another meta, and has to be checked anew.
func (p Proposal) WithMeta(m Meta) Proposal {
	return Proposal{Type: p.Type, Subject: p.Subject, Meta: m, Data: p.Data}
}

func storable(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return false
		}
	}
	return utf8.ValidString(s)
}
