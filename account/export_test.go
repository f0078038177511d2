package account

// What tests outside the package look at.

var DigestOf = digestOf

// DigestOfSubject is a subject's part of a digest.
var DigestOfSubject = SubjectVersion.digest

func (d *Digest) Add(e Digest) { d.add(e) }

func (d *Digest) Subtract(e Digest) { d.subtract(e) }

// AllNumbers is the state's index, read to its end.
func (s *State) AllNumbers() []Number {
	var all []Number
	for _, leaf := range s.index.leaves {
		all = append(all, leaf...)
	}
	return all
}
