package api

import (
	"net/http"
	"strconv"
	"strings"

	"openpayment/account"
)

// ifMatch is the command's precondition, nil for none. A tag that is no version
// of this service gives a precondition that no account meets.
func ifMatch(header http.Header) (*account.Match, error) {
	const name = "If-Match"
	value, present, err := single(header, name)
	switch {
	case err != nil || !present:
		return nil, err
	case value == "*":
		return &account.Match{Any: true}, nil
	}
	tag, rest, ok := cutTag(value)
	if !ok || rest != "" {
		return nil, badHeader(name, `takes one entity tag, as "17" with the quotes, or *`)
	}
	return &account.Match{Version: tag.version()}, nil
}

// noIfMatch refuses a precondition where there is nothing it could be about.
func noIfMatch(header http.Header) (*account.Match, error) {
	const name = "If-Match"
	if len(header.Values(name)) > 0 {
		return nil, badHeader(name, "has no meaning here, since the account does not exist yet: leave it out")
	}
	return nil, nil
}

// ifNoneMatch tells whether the client has the version that tag stands for
// already, by its header If-None-Match.
func ifNoneMatch(header http.Header, current string) (bool, error) {
	const name = "If-None-Match"
	lines := header.Values(name)
	value := strings.Join(lines, ",")
	if strings.Trim(value, " \t") == "*" {
		return true, nil
	}
	matches, tags := false, 0
	for rest := value; rest != ""; {
		if rest = strings.TrimLeft(rest, " \t,"); rest == "" {
			break
		}
		tag, behind, ok := cutTag(rest)
		behind = strings.TrimLeft(behind, " \t")
		if !ok || (behind != "" && behind[0] != ',') {
			return false, badHeader(name, `takes entity tags, as "17" with the quotes, separated by commas, or *`)
		}
		matches = matches || tag.quoted == current
		rest, tags = behind, tags+1
	}
	if len(lines) > 0 && tags == 0 {
		return false, badHeader(name, "is empty: leave it out")
	}
	return matches, nil
}

// entityTag is one tag of a header.
type entityTag struct {
	quoted string // without W/
	weak   bool
}

// cutTag takes the entity tag that s begins with.
func cutTag(s string) (tag entityTag, rest string, ok bool) {
	s, tag.weak = strings.CutPrefix(s, "W/")
	if s == "" || s[0] != '"' {
		return tag, s, false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			tag.quoted = s[:i+1]
			return tag, s[i+1:], true
		case c <= ' ' || c == 0x7f:
			return tag, s, false
		}
	}
	return tag, s, false
}

// version is what a strong tag of this service stands for, and 0, which is no
// account's version, for every other.
func (t entityTag) version() int64 {
	if t.weak {
		return 0
	}
	v, err := strconv.ParseInt(strings.Trim(t.quoted, `"`), 10, 64)
	if err != nil || v < 0 || v > maxPosition || etag(v) != t.quoted {
		return 0
	}
	return v
}

// etag is the entity tag of an account with the given version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
