package access

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxTokens is how many tokens a file may hold: each costs every request a comparison.
const maxTokens = 1000

// FileError lists everything that is wrong with a file of tokens.
type FileError struct{ Faults []string }

// Error is one line.
func (e *FileError) Error() string { return strings.Join(e.Faults, "; ") }

// Parse reads the text of a file of tokens, a YAML list of
//
//   - name: reports       # letters, digits, dots, dashes and underscores
//     sha256: 9f86d0…     # 64 hex digits: the SHA-256 of the token
//     scopes: [read]      # one or more of read, command, append and admin
//     subjects: accounts/12 # may be left out: how every subject begins that it is for
//
// It takes nothing else, and no file without a token: one that lost its content must not
// leave the service to nobody. The error is a *[FileError].
func Parse(text []byte) ([]Token, error) {
	r := &reader{names: make(map[string]int), digests: make(map[Digest]int)}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		r.fault(1, "there is no token in it")
	case err != nil:
		r.faults = append(r.faults, err.Error())
	default:
		r.document(&doc)
		if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
			r.faults = append(r.faults, "more than one YAML document is in it")
		}
	}
	if len(r.faults) > 0 {
		return nil, &FileError{r.faults}
	}
	return r.tokens, nil
}

// reader gathers tokens and faults.
type reader struct {
	tokens  []Token
	names   map[string]int // the line each was seen in first
	digests map[Digest]int // likewise
	faults  []string
}

func (r *reader) fault(line int, format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
}

func (r *reader) document(doc *yaml.Node) {
	list := doc.Content[0]
	if list.Kind != yaml.SequenceNode {
		r.fault(list.Line, "a list of tokens is expected: - name: …")
		return
	}
	if n := len(list.Content); n < 1 || n > maxTokens {
		r.fault(list.Line, "it has %d tokens; 1 to %d are expected", n, maxTokens)
		return
	}
	for _, entry := range list.Content {
		r.entry(entry)
	}
}

// entry reads one token.
func (r *reader) entry(entry *yaml.Node) {
	if entry.Kind != yaml.MappingNode {
		r.fault(entry.Line, "a token is expected, with name, sha256 and scopes")
		return
	}
	var t Token
	members := map[string]func(*yaml.Node){
		"name":     func(v *yaml.Node) { t.Name = r.name(v) },
		"sha256":   func(v *yaml.Node) { t.Digest = r.digest(v) },
		"scopes":   func(v *yaml.Node) { t.Scopes = r.scopes(v) },
		"subjects": func(v *yaml.Node) { t.Subjects = r.subjects(v) },
	}
	seen := make(map[string]bool)
	for i := 0; i < len(entry.Content); i += 2 {
		key, value := entry.Content[i], entry.Content[i+1]
		read, known := members[key.Value]
		switch {
		case !known:
			r.fault(key.Line, "there is no %q in a token: name, sha256, scopes and subjects are expected", key.Value)
		case seen[key.Value]:
			r.fault(key.Line, "%s stands twice", key.Value)
		default:
			read(value)
		}
		seen[key.Value] = true
	}
	for _, name := range []string{"name", "sha256", "scopes"} {
		if !seen[name] {
			r.fault(entry.Line, "%s is missing", name)
		}
	}
	if t.Bound() && slices.Contains(t.Scopes, Admin) {
		r.fault(entry.Line, "a token with the scope admin can't be bound to subjects: what operators do is about all of them")
	}
	r.tokens = append(r.tokens, t)
}

// name takes one that no other token has. It is shown in logs and stored with events.
func (r *reader) name(v *yaml.Node) string {
	switch first, twice := r.names[v.Value]; {
	case v.Kind != yaml.ScalarNode || !ValidName(v.Value):
		r.fault(v.Line, "name: %s", NameRule)
	case twice:
		r.fault(v.Line, "name: %s is also that of the token in line %d", v.Value, first)
	default:
		r.names[v.Value] = v.Line
	}
	return v.Value
}

func (r *reader) digest(v *yaml.Node) Digest {
	var d Digest
	bytes, err := hex.DecodeString(v.Value)
	if v.Kind != yaml.ScalarNode || err != nil || len(bytes) != len(d) {
		r.fault(v.Line, "sha256: 64 hex digits are expected, as openpayment token hash prints them")
		return d
	}
	copy(d[:], bytes)
	switch first, twice := r.digests[d]; {
	case d == DigestOf(""):
		r.fault(v.Line, "sha256: is that of no token at all")
	case twice:
		r.fault(v.Line, "sha256: is also that of the token in line %d", first)
	default:
		r.digests[d] = v.Line
	}
	return d
}

func (r *reader) scopes(v *yaml.Node) []Scope {
	if v.Kind != yaml.SequenceNode || len(v.Content) == 0 {
		r.fault(v.Line, "scopes: a list is expected, such as [read, command]")
		return nil
	}
	var all []Scope
	for _, element := range v.Content {
		switch s := Scope(element.Value); {
		case !slices.Contains(Scopes(), s):
			r.fault(element.Line, "scopes: there is no %q; there are read, command, append and admin", element.Value)
		case slices.Contains(all, s):
			r.fault(element.Line, "scopes: %s stands twice", s)
		default:
			all = append(all, s)
		}
	}
	return all
}

// subjects takes no empty prefix, which would be every subject's.
func (r *reader) subjects(v *yaml.Node) string {
	if v.Kind != yaml.ScalarNode || !ValidSubjects(v.Value) {
		r.fault(v.Line, "subjects: %s", SubjectsRule)
	}
	return v.Value
}
