package account

// Draft shows accounts as they would be after some events that are not in the
// log yet. It changes nothing below it. Not for concurrent use.
type Draft struct {
	below   View
	changed map[Number]*Account
}

var _ View = (*Draft)(nil)

// NewDraft gives a draft without any event on top of what below shows, which
// must not change while the draft is used.
func NewDraft(below View) *Draft {
	return &Draft{below: below, changed: make(map[Number]*Account)}
}

// Account implements [View].
func (d *Draft) Account(n Number) *Account {
	if a, ok := d.changed[n]; ok {
		return a
	}
	return d.below.Account(n)
}

// Apply makes ev part of the draft; for errors see [Evolve]. It either succeeds
// or changes nothing.
func (d *Draft) Apply(ev Event, at Stamp) error {
	afters, err := evolveAll(d, ev, at)
	for _, after := range afters {
		d.changed[after.Number] = after
	}
	return err
}
