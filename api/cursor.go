package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// scope is what a cursor is for: the route, its filters and its order, in their
// one canonical form. A cursor is of no use in another.
type scope []string

// sumSize is how much of the hash a cursor carries: enough for every mistake. It
// keeps nobody from making cursors, and needn't: what they say is checked, and
// lets see nothing that a client may not see.
const sumSize = 8

// sum binds a key to the scope.
func (s scope) sum(key string) []byte {
	h := sha256.New()
	for _, part := range append(slices.Clone(s), key) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)[:sumSize]
}

// cursor is the place behind the item with the given key, in a form that can
// stand in a URL as it is.
func (s scope) cursor(key string) string {
	return base64.RawURLEncoding.EncodeToString(append(s.sum(key), key...))
}

// key is what the cursor was made of; false when it was not made in this scope.
func (s scope) key(cursor string) (string, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < sumSize {
		return "", false
	}
	key := string(raw[sumSize:])
	return key, slices.Equal(raw[:sumSize], s.sum(key))
}

// key is that of the request's cursor, empty for the first page. Keys for which
// valid is false are refused like cursors of another scope.
func (p params) key(s scope, valid func(key string) bool) (string, error) {
	cursor, given := p["cursor"]
	if !given {
		return "", nil
	}
	key, ok := s.key(cursor)
	if !ok || !valid(key) {
		return "", badParameter("cursor", "is not one that this list gave with these filters and this order: take nextCursor as it is, or begin anew without")
	}
	return key, nil
}
