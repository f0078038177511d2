package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// Digest stands for a token: its SHA-256, of one length whatever the token's, so that
// comparing takes the same time for all.
type Digest [sha256.Size]byte

// DigestOf is the digest of a token.
func DigestOf(token string) Digest { return sha256.Sum256([]byte(token)) }

// String is the digest in hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Token is what a service knows of one: whose it is, and how to tell it.
type Token struct {
	Principal
	Digest Digest
}

// String is t as [Parse] reads it, an entry of a YAML list.
func (t Token) String() string {
	scopes := make([]string, len(t.Scopes))
	for i, s := range t.Scopes {
		scopes[i] = string(s)
	}
	text := fmt.Sprintf("- name: %q\n  sha256: %q\n  scopes: [%s]\n", t.Name, t.Digest, strings.Join(scopes, ", "))
	if t.Bound() {
		text += fmt.Sprintf("  subjects: %q\n", t.Subjects)
	}
	return text
}

// prefix makes tokens known for what they are, to people and to programs that look for
// secrets where none should be.
const prefix = "opt_"

// Generate makes a token of 256 random bits, that fits into headers and command lines.
func Generate() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// ValidToken tells whether a header can carry token: printable ASCII without spaces.
func ValidToken(token string) bool { return fits(token, 1<<10) }

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// ValidName tells whether a token can have this name.
func ValidName(name string) bool { return namePattern.MatchString(name) }

// ValidSubjects tells whether a token can be bound to subjects that begin so.
func ValidSubjects(prefix string) bool { return fits(prefix, 255) }

// What names and prefixes of subjects can be, in words.
const (
	NameRule     = "up to 64 letters, digits, dots, dashes and underscores are expected, the first a letter or digit"
	SubjectsRule = "up to 255 printable ASCII characters without spaces are expected, such as accounts/12, or the line is left out"
)

// fits tells whether s is 1 to limit printable ASCII characters without spaces.
func fits(s string, limit int) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= limit
}
