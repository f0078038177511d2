package account

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// SubjectView tells where events of other services stand.
type SubjectView interface {
	// ForeignVersion is the position of the last event of another service about a
	// subject, 0 if there is none. See [VersionOf].
	ForeignVersion(subject string) int64
}

// subjects are what events of other services are about, and where the last one about
// each stands. None is ever forgotten. It is safe for concurrent use, with one goroutine
// at a time that applies events.
type subjects struct {
	shards [shardCount]subjectShard
	count  atomic.Int64
}

type subjectShard struct {
	mu   sync.RWMutex     // guards all below; held for one look-up, one change, or one copy
	last map[string]int64 // nil while there are none
	// frozen, while the state is: then before has what each subject was at that has
	// moved since, 0 if it was not there.
	frozen bool
	before map[string]int64 // nil while there are none
}

func (s *subjects) shard(subject string) *subjectShard { return &s.shards[shardOf(subject)] }

func (s *subjects) version(subject string) int64 {
	sh := s.shard(subject)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.last[subject]
}

// move notes an event about a subject, and gives the difference for the digest.
func (s *subjects) move(subject string, to int64) (change Digest) {
	subject = strings.Clone(subject) // which may be a piece of something large
	sh := s.shard(subject)
	sh.mu.Lock()
	from := sh.set(subject, to)
	sh.mu.Unlock()
	if from == 0 {
		s.count.Add(1)
	} else {
		change.subtract(SubjectVersion{subject, from}.digest())
	}
	change.add(SubjectVersion{subject, to}.digest())
	return change
}

// set gives a subject its version, and tells the one before; with mu held.
func (sh *subjectShard) set(subject string, to int64) (from int64) {
	from = sh.last[subject]
	if sh.frozen {
		if sh.before == nil {
			sh.before = make(map[string]int64)
		}
		if _, kept := sh.before[subject]; !kept {
			sh.before[subject] = from
		}
	}
	if sh.last == nil {
		sh.last = make(map[string]int64)
	}
	sh.last[subject] = to
	return from
}

// setFrozen begins to keep what the subjects are now, or ends it.
func (s *subjects) setFrozen(frozen bool) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sh.frozen, sh.before = frozen, nil
		sh.mu.Unlock()
	}
}

// SubjectVersion is a subject of other services' events, and the position of the last of
// them.
type SubjectVersion struct {
	Subject string
	Version int64
}

// digest is its part of a state's [Digest]. What it hashes is a stored format; that it
// begins with words of its own keeps it from being that of an account or a key.
func (v SubjectVersion) digest() Digest {
	h := newHashed()
	h.text("subject of other services")
	h.text(v.Subject)
	h.number(v.Version)
	return h.sum()
}

// Subjects yields all subjects of other services' events, each once, in an order that
// is the same for all states. It looks at some of them at a time, and holds nothing in
// between.
func (f *Frozen) Subjects() iter.Seq[SubjectVersion] {
	return func(yield func(SubjectVersion) bool) {
		var some []SubjectVersion
		for i := range f.state.subjects.shards {
			some = f.state.subjects.shards[i].frozenNow(some[:0])
			slices.SortFunc(some, func(a, b SubjectVersion) int { return cmp.Compare(a.Subject, b.Subject) })
			for _, v := range some {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// frozenNow appends the shard's subjects, as they were when it was frozen.
func (sh *subjectShard) frozenNow(all []SubjectVersion) []SubjectVersion {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for subject, version := range sh.last {
		if before, moved := sh.before[subject]; moved {
			version = before
		}
		if version > 0 {
			all = append(all, SubjectVersion{subject, version})
		}
	}
	return all
}

// SubjectDifference is a subject of other services' events on which two states at one
// position do not agree.
type SubjectDifference struct {
	Subject     string
	Left, Right int64 // its version in the one state and in the other, 0 where it is not
}

// CompareSubjects yields the subjects on which two frozen states differ, in the order of
// [Frozen.Subjects].
func CompareSubjects(left, right *Frozen) iter.Seq[SubjectDifference] {
	before := func(a, b SubjectVersion) bool {
		return cmp.Or(cmp.Compare(shardOf(a.Subject), shardOf(b.Subject)), cmp.Compare(a.Subject, b.Subject)) < 0
	}
	return func(yield func(SubjectDifference) bool) {
		next, stop := iter.Pull(right.Subjects())
		defer stop()
		r, more := next()
		for l := range left.Subjects() {
			for ; more && before(r, l); r, more = next() {
				if !yield(SubjectDifference{r.Subject, 0, r.Version}) {
					return
				}
			}
			d := SubjectDifference{Subject: l.Subject, Left: l.Version}
			if more && r.Subject == l.Subject {
				d.Right = r.Version
				r, more = next()
			}
			if d.Left != d.Right && !yield(d) {
				return
			}
		}
		for ; more; r, more = next() {
			if !yield(SubjectDifference{r.Subject, 0, r.Version}) {
				return
			}
		}
	}
}
