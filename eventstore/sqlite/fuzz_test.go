package sqlite

import (
	"database/sql"
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
)

// FuzzDecodeMeta: whatever stands in the column is read as encoding/json reads it, or
// refused as by that; and written it reads the same.
func FuzzDecodeMeta(f *testing.F) {
	for _, seed := range []string{
		"", "null", "[]", `{}`, `{"a":"b"}`, `{"a":1}`, ` {"a" : "\u00e9\ud800"} `, `{"a":"b","a":"c"}`, `{"":""}`, `{"a":"b"} x`,
		"{\"a\":\"b\nc\"}", "{\"a\":\"\xff\"}", `{"a":null}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want map[string]string
		err := json.Unmarshal([]byte(text), &want)
		got, refused := decodeMeta(text)
		if bad := err != nil || want == nil; bad != (refused != nil) || !bad && !maps.Equal(got.Map(), want) {
			t.Fatalf("%q is read as %q, %v; encoding/json reads %q, %v", text, got, refused, want, err)
		}
		if refused != nil {
			return
		}
		written, err := new(encodedRows).meta(got)
		if again, failed := decodeMeta(written); err != nil || failed != nil || !slices.Equal(again, got) {
			t.Errorf("%q is written as %q, %v, and read as %q, %v", got, written, err, again, failed)
		}
	})
}

// selected gives what the one row of a query with these values is read as.
func selected[T any](t *testing.T, db *sql.DB, scan func(*sql.Rows) (T, error), values ...any) (T, error) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT ?"+strings.Repeat(", ?", len(values)-1), values...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	return scan(rows)
}

// FuzzARowIsReadOrRefused: whatever a shell has left in a row, what is read of it is
// written as a row that reads the same.
func FuzzARowIsReadOrRefused(f *testing.F) {
	m := aManifest()
	id, at, hash := m.ID.String(), noon.Format(timeLayout), m.Digest.String()
	f.Add("1", id, at, `{"a":"b"}`, hash)
	f.Add("x", strings.ToUpper(id), "2026-02-30T00:00:00.000Z", `{}`, hash+"00")
	f.Add("1e3", "{"+id+"}", "2026-01-02T12:00:00,006Z", `{"a":1}`, strings.ToUpper(hash))
	f.Add("9223372036854775807", "urn:uuid:"+id, "9999-12-31T23:59:59.999Z", ``, ``)
	db := other(f, filepath.Join(f.TempDir(), "empty.db"))
	f.Fuzz(func(t *testing.T, seq, id, at, meta, hash string) {
		ev, err := selected(t, db, newRowScanner().scan, seq, id, "a.b", "s", at, meta, "{}", hash)
		if err != nil {
			return
		}
		row := encoded(t, ev)
		if again, err := selected(t, db, newRowScanner().scan, row...); err != nil || !reflect.DeepEqual(again, ev) {
			t.Errorf("%+v is written as %q, which is read as %+v, %v", ev, row, again, err)
		}
	})
}

// FuzzATimeIsReadAsByTheLibrary: readTime is time.Parse, only faster.
func FuzzATimeIsReadAsByTheLibrary(f *testing.F) {
	for _, text := range []string{
		"2026-01-02T12:00:00.006Z", "2024-02-29T23:59:59.999Z", "2026-02-29T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "2026-00-10T00:00:00.000Z",
		"2026-01-00T00:00:00.000Z", "2026-01-02T24:00:00.000Z", "2026-01-02T12:60:00.000Z", "2026-01-02T12:00:60.000Z", "0000-01-01T00:00:00.000Z",
		"2026-01-02T12:00:00,006Z", "2026-01-02 12:00:00.006Z", "2026-01-02T12:00:00.006z", "2026-01-02T12:00:00.0061Z", "2026-1-02T12:00:00.006Z", "", "x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readTime(text)
		want, wrong := time.Parse(timeLayout, text)
		if got != want || (err == nil) != (wrong == nil) {
			t.Errorf("%q is %v (%v), by the library %v (%v)", text, got, err, want, wrong)
		}
	})
}

// FuzzAManifestIsReadOrDamaged: a manifest's row that was changed is one that does not
// verify, or is the very manifest.
func FuzzAManifestIsReadOrDamaged(f *testing.F) {
	want := aManifest()
	good := manifestArgs(want)
	chunks, sum := good[10].(string), want.Checksum.String()
	f.Add(want.ID.String(), "2026-01-02T12:00:00.006Z", want.Digest.String(), chunks, sum, int64(30), int64(8))
	f.Add("", "x", "", "[", "", int64(-1), int64(0))
	f.Add(strings.ToUpper(want.ID.String()), "2026-01-02T12:00:00,006Z", strings.ToUpper(want.Digest.String()), " "+chunks, sum, int64(30), int64(8))
	f.Add(want.ID.String(), "2026-01-02T12:00:00.006Z", want.Digest.String(), `["`+want.Digest.String()+`",null]`, sum, int64(30), int64(8))
	db := other(f, filepath.Join(f.TempDir(), "empty.db"))
	f.Fuzz(func(t *testing.T, id, at, digest, chunks, checksum string, position, bytes int64) {
		row := append([]any{}, good...)
		row[0], row[1], row[2], row[5], row[9], row[10], row[11] = id, position, at, digest, bytes, chunks, checksum
		m, err := selected(t, db, scanManifest, row...)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Verify(); err != nil {
			if eventstore.KindOf(err) != eventstore.KindDamaged {
				t.Error(err)
			}
			return
		}
		// Whoever can make a checksum can make a manifest: then it is one all the same.
		again, err := selected(t, db, scanManifest, manifestArgs(m)...)
		if err != nil || !reflect.DeepEqual(again, m) || checksum == sum && !reflect.DeepEqual(m, want) {
			t.Errorf("%+v verifies, and is read again as %+v, %v", m, again, err)
		}
	})
}
