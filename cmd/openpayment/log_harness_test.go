package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/sirupsen/logrus"

	"openpayment/eventstore"
	"openpayment/eventstore/audit"
	"openpayment/eventstore/eventstoretest"
)

// result is what a command has done.
type result struct {
	code           int
	stdout, stderr string
}

// command runs the program with these arguments, in this process.
func command(t testing.TB, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// succeed runs a command that has to end well, and gives what it prints.
func succeed(t testing.TB, args ...string) string {
	t.Helper()
	r := command(t, args...)
	if r.code != exitOK {
		t.Fatalf("%s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// fail runs a command that has to end with this code, and say so.
func fail(t testing.TB, code int, says string, args ...string) result {
	t.Helper()
	r := command(t, args...)
	if r.code != code || !strings.Contains(r.stderr, says) {
		t.Errorf("%s: exit code %d, want %d and %q\n%s%s", strings.Join(args, " "), r.code, code, says, r.stdout, r.stderr)
	}
	return r
}

// openURL opens the store at url, as a service would.
func openURL(t testing.TB, url string) eventstore.Store {
	t.Helper()
	source, err := parseStore(url, mayMigrate, logrus.New())
	if err != nil {
		t.Fatal(err)
	}
	store, err := source.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// fill appends n events to the log at url, a second apart.
func fill(t testing.TB, url string, n int) []eventstore.Event {
	t.Helper()
	store := openURL(t, url)
	defer store.Close()
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []eventstore.Event
	for len(all) < n {
		begin := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC).Add(time.Duration(head.Position) * time.Second)
		batch := eventstoretest.NewBatch(head, begin, min(n-len(all), 1000), func(i int, ev *eventstore.Event) {
			ev.Time = begin.Add(time.Duration(i) * time.Second)
		})
		if err := store.Append(t.Context(), head, batch); err != nil {
			t.Fatal(err)
		}
		all, head = append(all, batch...), batch[len(batch)-1].Head()
	}
	return all
}

// tamperer changes rows behind the program's back.
type tamperer struct {
	t    testing.TB
	exec func(set, where string, args ...any) // "UPDATE events SET set WHERE where", or DELETE if set is empty
	hash func(eventstore.Hash) any
	id   func(eventstore.Event) any
	time func(eventstore.Event) any
	meta func(eventstore.Event) any
}

// tamper gives access to the rows of the log at url, all in its first bucket.
func tamper(t testing.TB, store string) tamperer {
	t.Helper()
	if path, ok := strings.CutPrefix(store, "sqlite:"); ok {
		return tamperSQLite(t, path)
	}
	u, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	cluster := gocql.NewCluster(u.Host)
	cluster.ProtoVersion, cluster.Keyspace, cluster.Timeout = 4, strings.Trim(u.Path, "/"), time.Minute
	session, err := cluster.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	return tamperer{
		t: t,
		exec: func(set, where string, args ...any) {
			cql := "UPDATE events SET " + set + " WHERE log = 'main' AND bucket = 0 AND " + where
			if set == "" {
				cql = "DELETE FROM events WHERE log = 'main' AND bucket = 0 AND " + where
			}
			if err := session.Query(cql, args...).Exec(); err != nil {
				t.Fatalf("%s: %v", cql, err)
			}
		},
		hash: func(h eventstore.Hash) any { return h[:] },
		id:   func(ev eventstore.Event) any { return gocql.UUID(ev.ID) },
		time: func(ev eventstore.Event) any { return ev.Time },
		meta: func(ev eventstore.Event) any { return ev.Meta },
	}
}

func tamperSQLite(t testing.TB, path string) tamperer {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return tamperer{
		t: t,
		exec: func(set, where string, args ...any) {
			text := "UPDATE events SET " + set + " WHERE " + where
			if set == "" {
				text = "DELETE FROM events WHERE " + where
			}
			if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		},
		hash: func(h eventstore.Hash) any { return h.String() },
		id:   func(ev eventstore.Event) any { return ev.ID.String() },
		time: func(ev eventstore.Event) any { return ev.Time.Format(timeLayout) },
		meta: func(ev eventstore.Event) any {
			text, err := json.Marshal(ev.Meta)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		},
	}
}

func (x tamperer) data(seq int, text string) { x.exec("data = ?", "seq = ?", text, int64(seq)) }
func (x tamperer) remove(seq int)            { x.exec("", "seq = ?", int64(seq)) }

// put writes ev's fields into the row at seq.
func (x tamperer) put(seq int, ev eventstore.Event) {
	x.exec("id = ?, type = ?, subject = ?, time = ?, meta = ?, data = ?, hash = ?", "seq = ?",
		x.id(ev), ev.Type, ev.Subject, x.time(ev), x.meta(ev), ev.Data, x.hash(ev.Hash), int64(seq))
}

// verified runs log verify --json and gives its report.
func verified(t testing.TB, store string, wantCode int, args ...string) verifyReport {
	t.Helper()
	r := command(t, append([]string{"log", "verify", "--json", "--store", store}, args...)...)
	var report verifyReport
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.code != wantCode {
		t.Errorf("exit code %d, want %d; %v\n%s%s", r.code, wantCode, err, r.stdout, r.stderr)
	}
	return report
}

// told is what a report names, as "5 changed, 7-9 missing".
func told(faults []audit.Fault) string {
	var words []string
	for _, f := range faults {
		words = append(words, f.String())
	}
	return strings.Join(words, ", ")
}

func content(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
