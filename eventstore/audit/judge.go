package audit

import (
	"cmp"
	"fmt"
	"slices"

	"openpayment/eventstore"
)

// verdict is what has become of a suspect.
type verdict uint8

const (
	open verdict = iota // the row before it can't vouch for it
	good
	bad
)

// Bounds of the closer look, which tries every suspect on every other's hash, and
// in every other's place.
const (
	maxTried = 1000
	maxMoved = 64
)

// judge finds out, from what the spans have found, which rows are to blame. A row
// that does not match on the one before may have been changed, or the one before
// it was.
type judge struct {
	report      Report
	end         eventstore.Head
	holes       []Fault
	suspects    []*suspect // that do not match, in order
	beforeHoles []eventstore.Hash
	early       []*suspect // that match, and are earlier than the one before
	bySeq       map[eventstore.Position]*suspect
	faults      []Fault
	unproven    []Fault
	headFault   string
}

func newJudge(spans []*span, r Report) *judge {
	j := &judge{report: r, bySeq: map[eventstore.Position]*suspect{}}
	for _, s := range spans {
		for _, h := range s.holes {
			j.holes = appendFault(j.holes, h)
		}
		j.beforeHoles = append(j.beforeHoles, s.beforeHoles...)
		for _, x := range s.suspects {
			if x.link {
				j.suspects, j.bySeq[x.seq] = append(j.suspects, x), x
			} else {
				j.early = append(j.early, x)
			}
		}
		j.end = s.end // the last span's counts
	}
	return j
}

func (j *judge) judge() {
	for _, s := range j.suspects {
		j.byTheRowBefore(s)
	}
	j.byTheHead()
	if len(j.suspects)+len(j.beforeHoles) <= maxTried {
		j.byOtherHashes()
	}
	if len(j.suspects)+len(j.beforeHoles) <= maxMoved {
		j.inOtherPlaces()
	}
	for _, s := range j.suspects {
		j.conclude(s)
	}
	for _, s := range j.early {
		if p := j.bySeq[s.seq-1]; p == nil || p.verdict == good {
			j.faults = append(j.faults, Fault{s.seq, s.seq, TimeBackwards, "its time is before that of the event before it"})
		}
	}
	j.faults = merged(append(j.faults, j.holes...))
	j.unproven = merged(j.unproven)
}

// byTheRowBefore settles the plain cases: the row before is good, or nothing but
// the hashes of one or more rows before was changed.
func (j *judge) byTheRowBefore(s *suspect) {
	p := j.bySeq[s.seq-1]
	if s.whole && s.before {
		s.computed, s.hasComputed = s.ev.ChainHash(s.prev), true
	}
	switch {
	case !s.before: // missing or garbled
	case p == nil || p.verdict == good:
		s.verdict, s.kind = bad, Changed
	case s.whole && p.whole && p.before && s.ev.ChainHash(p.ev.ChainHash(p.prev)) == s.ev.Hash:
		s.verdict = good
		p.verdict, p.kind = bad, HashChanged
	case s.whole && p.hasComputed:
		s.computed = s.ev.ChainHash(p.computed)
		if s.computed == s.ev.Hash {
			s.verdict = good
			j.onlyHashes(p)
		}
	default:
		s.hasComputed = false
	}
}

// onlyHashes convicts s, and the suspects directly before it, of carrying other
// hashes than later events build on.
func (j *judge) onlyHashes(s *suspect) {
	for ; s != nil && s.verdict != good; s = j.bySeq[s.seq-1] {
		s.verdict, s.kind = bad, HashChanged
	}
}

// byTheHead has the head vouch for the last row, as a row after it would.
func (j *judge) byTheHead() {
	head := j.report.Head
	if head.Position == 0 || j.report.Last != head.Position || j.end.Position != head.Position || j.end.Hash == head.Hash {
		return
	}
	s := j.bySeq[head.Position]
	switch {
	case s == nil || s.verdict == good:
		j.headFault = fmt.Sprintf("its hash is not that of %s, though the row is good", position(head.Position))
	case s.hasComputed && s.computed == head.Hash:
		j.onlyHashes(s)
	}
}

// byOtherHashes clears rows that match on the hash of another suspect: the row
// before it has only moved.
func (j *judge) byOtherHashes() {
	for _, s := range j.suspects {
		if s.verdict != open || !s.whole {
			continue
		}
		for _, h := range j.hashes() {
			if s.ev.ChainHash(h) == s.ev.Hash {
				s.verdict = good
				break
			}
		}
	}
}

// hashes are those that may have got into another row.
func (j *judge) hashes() []eventstore.Hash {
	all := slices.Clone(j.beforeHoles)
	for _, s := range j.suspects {
		if s.whole {
			all = append(all, s.ev.Hash)
		}
	}
	return all
}

// inOtherPlaces recognises rows that were moved.
func (j *judge) inOtherPlaces() {
	for _, s := range j.suspects {
		if s.verdict == good || s.kind == HashChanged || !s.whole {
			continue
		}
		if q, ok := j.placeOf(s); ok {
			s.verdict, s.kind = bad, Misplaced
			s.detail = fmt.Sprintf("the row holds what belongs to %s", position(q))
		}
	}
}

// placeOf finds the position at which the row of s would match.
func (j *judge) placeOf(s *suspect) (eventstore.Position, bool) {
	hashes := j.hashes()
	for _, q := range j.places() {
		moved := s.ev
		moved.Seq = q
		candidates := hashes
		if other := j.bySeq[q]; other != nil && other.before {
			candidates = append(slices.Clone(hashes), other.prev)
		}
		for _, h := range candidates {
			if q != s.seq && moved.ChainHash(h) == moved.Hash {
				return q, true
			}
		}
	}
	return 0, false
}

// places are the positions whose own event is not where it should be.
func (j *judge) places() []eventstore.Position {
	var all []eventstore.Position
	for _, s := range j.suspects {
		all = append(all, s.seq)
	}
	for _, h := range j.holes {
		for q := h.First; q <= h.Last && len(all) < 2*maxMoved; q++ {
			all = append(all, q)
		}
	}
	return all
}

// conclude reports a suspect. Those before it are concluded already.
func (j *judge) conclude(s *suspect) {
	p := j.bySeq[s.seq-1]
	if s.verdict == open {
		switch {
		case s.before && !s.whole, // too many to look closer
			s.before && (p == nil || p.verdict != bad):
			s.verdict, s.kind = bad, Changed
		default:
			j.unproven = append(j.unproven, Fault{s.seq, s.seq, Unproven,
				"it cannot be checked: the hash it builds on is lost with the event before it"})
			return
		}
	}
	if s.verdict == bad {
		j.faults = append(j.faults, Fault{s.seq, s.seq, s.kind, cmp.Or(s.detail, details[s.kind])})
	}
}

var details = map[Kind]string{
	Changed:     "it does not match its hash: it was changed, or the event before it was, together with its hash",
	HashChanged: "its hash was changed, and nothing else",
}

// merged sorts faults, and makes one of neighbours with the same trouble.
func merged(all []Fault) []Fault {
	slices.SortFunc(all, func(a, b Fault) int { return cmp.Compare(a.First, b.First) })
	var to []Fault
	for _, f := range all {
		if n := len(to); n > 0 && to[n-1].Last+1 == f.First && to[n-1].Kind == f.Kind && to[n-1].Detail == f.Detail {
			to[n-1].Last = f.Last
		} else {
			to = append(to, f)
		}
	}
	return to
}
