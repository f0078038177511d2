package sqlite

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"openpayment/eventstore"
)

func TestMetaReadsAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		meta := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "meta")
		text, err := new(encodedRows).meta(eventstore.MetaOf(meta))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeMeta(text); err != nil || !maps.Equal(got.Map(), meta) {
			t.Fatalf("%s read as %q (%v), want %q", text, got, err, meta)
		}
	})
}

// Both ways to write meta must agree: a log says the same, byte by byte, whichever wrote it.
func TestPlainMetaIsWrittenAsByTheLibrary(t *testing.T) {
	texts := rapid.OneOf(rapid.StringMatching(`[ -~]{0,12}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		meta := rapid.MapOfN(texts, texts, 1, 12).Draw(t, "meta")
		got, err := new(encodedRows).meta(eventstore.MetaOf(meta))
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if failed := enc.Encode(meta); err != nil || failed != nil || got+"\n" != want.String() {
			t.Fatalf("%q is written as %s (%v), by the library as %s (%v)", meta, got, err, want.String(), failed)
		}
	})
}

func TestMetaIsWrittenForReading(t *testing.T) {
	text, err := new(encodedRows).meta(eventstore.MetaOf(map[string]string{"b": "<2>", "a": "ü", "c": `"`}))
	if want := `{"a":"ü","b":"<2>","c":"\""}`; err != nil || text != want {
		t.Errorf("%s (%v), want %s", text, err, want)
	}
}

// Both ways to write meta must agree: it is stored.
func TestMetaIsWrittenInOneWay(t *testing.T) {
	texts := rapid.OneOf(rapid.StringMatching(`[ -~]{0,20}`), rapid.String())
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		meta := eventstore.MetaOf(rapid.MapOf(texts, texts).Draw(t, "meta"))
		want, err := encodeAnyMeta(meta)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		if !writePlainMeta(&got, meta) {
			return
		}
		if plain++; got.String() != want {
			t.Fatalf("%s, want %s", got.String(), want)
		}
	})
	if plain == 0 {
		t.Error("nothing was plain")
	}
}

// Both ways to read meta must agree on everything a shell may have left there.
func TestMetaThatIsNoObjectOfTextsIsAnError(t *testing.T) {
	for _, text := range []string{"", "{", "}", "null", "[]", "1", `"a"`, `{"a"}`, `{"a":1}`, `{"a":"b"`, `{"a":"b",}`, `{"a":"b"}}`, `{"a":"b""c":"d"}`, `{"a","b"}`, `{,}`, `{"a":"b"} x`, `{"a:"b"}`} {
		if meta, err := decodeMeta(text); err == nil {
			t.Errorf("%q read as %q", text, meta)
		}
	}
	for _, text := range []string{`{"a":"b"}`, `{ "a" : "b" }`, `{"a":"b","a":"c"}`, `{"a":"\u00e9"}`, `{"":""}`, `{}`, ` {} `} {
		want := map[string]string{}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got, err := decodeMeta(text); err != nil || !maps.Equal(got.Map(), want) {
			t.Errorf("%q read as %q (%v), want %q", text, got, err, want)
		}
	}
}

func BenchmarkMeta(b *testing.B) {
	meta := eventstore.MetaOf(map[string]string{"requestId": "0198c3f2-7a1c-7c11-9d6e-2f1f3f6f7a11", "actor": "teller-7"})
	for name, encode := range map[string]func(eventstore.Meta) (string, error){"plain": new(encodedRows).meta, "any": encodeAnyMeta} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := encode(meta); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
