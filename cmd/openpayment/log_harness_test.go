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
	"github.com/google/uuid"
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
	t         testing.TB
	cassandra bool
	run       func(statement string, args ...any)
	hash      func(eventstore.Hash) any
	id        func(uuid.UUID) any
	time      func(eventstore.Event) any
	meta      func(eventstore.Event) any
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
		t: t, cassandra: true,
		run: func(cql string, args ...any) {
			if err := session.Query(cql, args...).Exec(); err != nil {
				t.Fatalf("%s: %v", cql, err)
			}
		},
		hash: func(h eventstore.Hash) any { return h[:] },
		id:   func(id uuid.UUID) any { return gocql.UUID(id) },
		time: func(ev eventstore.Event) any { return ev.Time },
		meta: func(ev eventstore.Event) any { return ev.Meta.Map() },
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
		run: func(text string, args ...any) {
			if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		},
		hash: func(h eventstore.Hash) any { return h.String() },
		id:   func(id uuid.UUID) any { return id.String() },
		time: func(ev eventstore.Event) any { return ev.Time.Format(timeLayout) },
		meta: func(ev eventstore.Event) any {
			text, err := json.Marshal(ev.Meta.Map())
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		},
	}
}

// change is "UPDATE table SET set WHERE where", or DELETE if set is empty; partition
// is what Cassandra wants to know beside the log's name.
func (x tamperer) change(table, partition, set, where string, args ...any) {
	if x.cassandra {
		where = "log = 'main' AND " + partition + where
	}
	if set == "" {
		x.run("DELETE FROM "+table+" WHERE "+where, args...)
		return
	}
	x.run("UPDATE "+table+" SET "+set+" WHERE "+where, args...)
}

func (x tamperer) exec(set, where string, args ...any) {
	x.change("events", "bucket = 0 AND ", set, where, args...)
}

func (x tamperer) data(seq int, text string) { x.exec("data = ?", "seq = ?", text, int64(seq)) }
func (x tamperer) remove(seq int)            { x.exec("", "seq = ?", int64(seq)) }

// put writes ev's fields into the row at seq.
func (x tamperer) put(seq int, ev eventstore.Event) {
	x.exec("id = ?, type = ?, subject = ?, time = ?, meta = ?, data = ?, hash = ?", "seq = ?",
		x.id(ev.ID), ev.Type, ev.Subject, x.time(ev), x.meta(ev), ev.Data, x.hash(ev.Hash), int64(seq))
}

// undo makes the row of ev what it was, whether or not it is still there.
func (x tamperer) undo(ev eventstore.Event) {
	into, values := "INSERT OR REPLACE INTO events (", "VALUES ("
	if x.cassandra {
		into, values = "INSERT INTO events (log, bucket, ", "VALUES ('main', 0, "
	}
	x.run(into+"seq, id, type, subject, time, meta, data, hash) "+values+"?, ?, ?, ?, ?, ?, ?, ?)",
		int64(ev.Seq), x.id(ev.ID), ev.Type, ev.Subject, x.time(ev), x.meta(ev), ev.Data, x.hash(ev.Hash))
}

// cut removes all of the events behind the first n, and says that the log ends
// there.
func (x tamperer) cut(events []eventstore.Event, n int) {
	for _, ev := range events[n:] {
		x.remove(int(ev.Seq))
	}
	if x.cassandra { // in SQLite the last row is the head
		x.run("UPDATE events SET head = ?, head_hash = ? WHERE log = 'main' AND bucket = 0", int64(n), x.hash(events[n-1].Hash))
	}
}

// flip changes one byte of a chunk.
func (x tamperer) flip(store string, snapshot uuid.UUID, chunk int) {
	s := openURL(x.t, store)
	defer s.Close()
	data, err := s.LoadChunk(x.t.Context(), snapshot, chunk)
	if err != nil {
		x.t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	x.change("snapshot_chunks", "", "data = ?", "snapshot = ? AND chunk = ?", data, x.id(snapshot), chunk)
}

func (x tamperer) removeChunk(snapshot uuid.UUID, chunk int) {
	x.change("snapshot_chunks", "", "", "snapshot = ? AND chunk = ?", x.id(snapshot), chunk)
}

// garble changes the digest in a manifest.
func (x tamperer) garble(snapshot uuid.UUID) {
	x.change("snapshots", "", "digest = ?", "snapshot = ?", x.hash(eventstore.Hash{1}), x.id(snapshot))
}

// eventsIn are all events of the log at url.
func eventsIn(t testing.TB, url string) []eventstore.Event {
	t.Helper()
	store := openURL(t, url)
	defer store.Close()
	var all []eventstore.Event
	for ev, err := range store.Read(t.Context(), 0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ev)
	}
	return all
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
