package sqlite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"openpayment/eventstore"
)

// encodeAnyMeta makes a JSON object with sorted keys.
func encodeAnyMeta(meta eventstore.Meta) (string, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(meta.Map()); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(buf.Bytes(), []byte("\n"))), nil
}

// writePlainMeta is encodeAnyMeta for ASCII of which nothing has to be escaped, which it
// nearly always is; otherwise it says so, and writes nothing.
func writePlainMeta(text *strings.Builder, meta eventstore.Meta) bool {
	for i := range meta {
		if strings.ContainsFunc(meta[i].Name, escaped) || strings.ContainsFunc(meta[i].Value, escaped) {
			return false
		}
	}
	text.WriteByte('{')
	for i := range meta {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteByte('"')
		text.WriteString(meta[i].Name)
		text.WriteString(`":"`)
		text.WriteString(meta[i].Value)
		text.WriteByte('"')
	}
	text.WriteByte('}')
	return true
}

// escaped tells of what can't stand in a JSON string as it is, or may not.
func escaped(r rune) bool { return r == '"' || notPlain(r) }

func decodeMeta(text string) (eventstore.Meta, error) {
	if meta, ok := plainMeta(text); ok {
		return meta, nil
	}
	meta := map[string]string{}
	if err := json.Unmarshal([]byte(text), &meta); err != nil {
		return nil, fmt.Errorf("meta: %w", err)
	}
	if meta == nil {
		return nil, errors.New("meta is null")
	}
	return eventstore.MetaOf(meta), nil
}

// plainMeta reads what is written of ASCII when nothing had to be escaped,
// which is nearly always and takes a fraction of the time. Where it is not sure it
// says so.
func plainMeta(text string) (eventstore.Meta, bool) {
	rest, ok := strings.CutPrefix(text, "{")
	if !ok || strings.ContainsFunc(text, notPlain) {
		return nil, false
	}
	if rest == "}" {
		return nil, true
	}
	meta := make([]eventstore.Entry, 0, strings.Count(rest, `":"`))
	for {
		key, after, ok := plainString(rest)
		if !ok || !strings.HasPrefix(after, ":") {
			return nil, false
		}
		value, after, ok := plainString(after[1:])
		if !ok || after == "" {
			return nil, false
		}
		meta = append(meta, eventstore.Entry{Name: key, Value: value})
		switch {
		case after == "}":
			return eventstore.MetaInOrder(meta), true
		case after[0] != ',':
			return nil, false
		}
		rest = after[1:]
	}
}

// notPlain tells of what is escaped, has to be, or may be no UTF-8.
func notPlain(r rune) bool { return r == '\\' || r < ' ' || r > '~' }

// plainString cuts a quoted string off the front of s, which has no backslash.
func plainString(s string) (value, rest string, ok bool) {
	if s, ok = strings.CutPrefix(s, `"`); !ok {
		return "", "", false
	}
	return strings.Cut(s, `"`)
}
