package account

import (
	"maps"
	"time"
)

// Base is what a [Draft] is laid upon: a [State], or another draft.
type Base interface {
	View
	KeyView
	SubjectView
}

// Draft shows accounts, keys and subjects as they would be after some events that are not in
// the log yet. It changes nothing below it. Not for concurrent use.
//
// A draft forgets no key, whatever the times of its events: what it takes for a
// repetition is one, even if the log would have forgotten it a moment later.
type Draft struct {
	below    Base
	changed  map[Number]*Account
	used     map[string]*KeyUse // nil while there are none
	newest   *KeyUse            // of used
	versions map[string]int64   // of subjects of other services
}

var _ Base = (*Draft)(nil)

// NewDraft gives a draft without any event on top of what below shows, which
// must not change while the draft is used.
func NewDraft(below Base) *Draft {
	return &Draft{below: below, changed: make(map[Number]*Account), versions: make(map[string]int64)}
}

// Account implements [View].
func (d *Draft) Account(n Number) *Account {
	if a, ok := d.changed[n]; ok {
		return a
	}
	return d.below.Account(n)
}

// KeyUse implements [KeyView].
func (d *Draft) KeyUse(text string) (KeyUse, bool) {
	if u, ok := d.used[text]; ok {
		return *u, true
	}
	return d.below.KeyUse(text)
}

// KeysAt implements [KeyView].
func (d *Draft) KeysAt(at time.Time) int { return d.below.KeysAt(at) + len(d.used) }

// Apply makes ev part of the draft; for errors see [Evolve]. It either succeeds
// or changes nothing.
func (d *Draft) Apply(ev Event, at Stamp) error {
	var room [2]*Account
	afters := room[:0]
	for _, n := range ev.Accounts() {
		after, err := Evolve(d.Account(n), ev, at)
		if err != nil {
			return err
		}
		afters = append(afters, after)
	}
	for _, after := range afters {
		d.changed[after.Number] = after
	}
	d.take(at)
	return nil
}

// ForeignVersion implements [SubjectView].
func (d *Draft) ForeignVersion(subject string) int64 {
	if version, ok := d.versions[subject]; ok {
		return version
	}
	return d.below.ForeignVersion(subject)
}

// Pass makes an event of another service, about the given subject, part of the draft.
func (d *Draft) Pass(subject string, at Stamp) {
	d.versions[subject] = at.Seq
	d.take(at)
}

// Adopt makes everything that over shows part of d. It must have been laid upon d,
// which must not have changed since; it is of no more use then.
func (d *Draft) Adopt(over *Draft) {
	maps.Copy(d.changed, over.changed)
	maps.Copy(d.versions, over.versions)
	if over.newest == nil {
		return
	}
	if d.used == nil {
		d.used = make(map[string]*KeyUse)
	}
	maps.Copy(d.used, over.used)
	d.newest = over.newest
}

// take takes up the key of an event, as the state will.
func (d *Draft) take(at Stamp) {
	if !at.Key.Given() {
		return
	}
	if _, known := d.KeyUse(at.Key.Text); known && !d.newest.continues(at) {
		return
	}
	if d.used == nil {
		d.used = make(map[string]*KeyUse)
	}
	d.newest = nextUse(d.newest, at)
	d.used[at.Key.Text] = d.newest
}
