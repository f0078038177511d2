package bench

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/eventstore/sqlite"
)

// filesIn lists a folder.
func filesIn(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

// fileOf makes a file that is no database, which a run must not look at.
func fileOf(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "openpayment.db")
	if err := os.WriteFile(path, []byte("the user's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestARunBesideAFileLeavesTheFileAndNothingElse(t *testing.T) {
	path := fileOf(t)
	p, err := BesideFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), p, tiny(), []string{"append/8", "replay"}, func(Progress) {}); err != nil {
		t.Fatal(err)
	}
	if err := p.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); string(text) != "the user's own" || err != nil {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if left := filesIn(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("there are %q", left)
	}
}

func TestAFolderIsNoFileToMeasureBeside(t *testing.T) {
	folder := t.TempDir()
	if _, err := BesideFile(t.Context(), folder); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("%v", err)
	}
	if _, err := BesideFile(t.Context(), filepath.Join(folder, "no", "log.db")); err == nil {
		t.Error("a folder that there is not does")
	}
	if left := filesIn(t, folder); len(left) > 0 {
		t.Errorf("there are %q", left)
	}
}

// killed is a run beside a file whose process has ended in the midst of it: the system has
// taken its locks.
func killed(t *testing.T, path string) *beside {
	t.Helper()
	p, err := BesideFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	b := p.(*beside)
	store, err := b.Open(t.Context(), "append-1")
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
	b.lock.Close()
	b.marker.Close()
	return b
}

func TestCleaningAFolderTakesOnlyWhatARunThatIsNoMoreHasMarked(t *testing.T) {
	path := fileOf(t)
	in := filepath.Dir(path)
	dead := killed(t, path)
	p, err := BesideFile(t.Context(), path)
	living := made(t, p, err).(*beside)
	unmarked, feigned, foreign := filepath.Join(in, folderPrefix+"unmarked"), filepath.Join(in, folderPrefix+"feigned"), filepath.Join(in, folderPrefix+"foreign")
	for _, folder := range []string{unmarked, feigned, foreign} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(feigned, markerFile), []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(foreign, markerFile), Migrate: true}) // a database, and no marker
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
	busy := killed(t, path)
	kept := filepath.Join(busy.folder, "notes.txt")
	if err := os.WriteFile(kept, []byte("the user's own"), 0o600); err != nil {
		t.Fatal(err)
	}

	var told strings.Builder
	err = CleanFolder(t.Context(), path, func(line string) { told.WriteString(line + "\n") })
	if err == nil || !strings.Contains(err.Error(), busy.folder) {
		t.Errorf("of a folder that holds a file of somebody else's: %v", err)
	}
	for _, line := range []string{
		dead.folder + " removed", living.folder + " stays: its run lives", unmarked + " stays: it has no marker",
		feigned + " stays: ", foreign + " stays: its marker is not one",
	} {
		if !strings.Contains(told.String(), line) {
			t.Errorf("no %q is told:\n%s", line, told.String())
		}
	}
	if _, err := os.Stat(dead.folder); err == nil {
		t.Error("the folder of the killed run is still there")
	}
	for _, path := range []string{path, filepath.Join(living.folder, markerFile), unmarked, filepath.Join(feigned, markerFile), filepath.Join(foreign, markerFile), kept} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := Run(t.Context(), living, tiny(), []string{"append/8"}, func(Progress) {}); err != nil {
		t.Errorf("the run that lives: %v", err)
	}
}

// rows counts those of a query.
func rowsOf(t *testing.T, session *gocql.Session, cql string) int {
	t.Helper()
	rows, err := session.Query(cql).Iter().SliceMap()
	if err != nil {
		t.Fatal(err)
	}
	return len(rows)
}

// shellOn connects to the cluster of cfg.
func shellOn(t *testing.T, cfg cassandra.Config, keyspace string) *gocql.Session {
	t.Helper()
	session, err := cassandra.Driver(t.Context(), cfg, keyspace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	return session
}

func TestARunOnAClusterLeavesNothingInEitherKeyspace(t *testing.T) {
	cfg := clusterConfig(t)
	own := append(cassandraLog(t, cfg), "events", "logs", "cursors")
	shell := shellOn(t, cfg, cfg.Keyspace)
	before := make(map[string]int)
	for _, table := range own[1:] {
		before[table] = rowsOf(t, shell, "SELECT * FROM "+table)
	}
	for _, guest := range []bool{false, true} {
		p, err := OnCluster(t.Context(), cfg, guest)
		if err != nil {
			t.Fatal(err)
		}
		o := p.(*onCluster)
		if guest == o.own || guest != (o.cfg.Keyspace == cfg.Keyspace) || !strings.Contains(p.About()[0], o.cfg.Keyspace) {
			t.Errorf("a guest is %t: it works in %s: %s", guest, o.cfg.Keyspace, p.About()[0])
		}
		if _, err := Run(t.Context(), p, tiny(), []string{"append/8", "snapshot"}, func(Progress) {}); err != nil {
			t.Fatal(err)
		}
		if err := p.Remove(t.Context()); err != nil {
			t.Error(err)
		}
		if err := p.Remove(t.Context()); err != nil {
			t.Errorf("a second time: %v", err)
		}
		if n := rowsOf(t, shell, "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = '"+keyspacePrefix+o.run+"'"); n > 0 {
			t.Error("its keyspace is still there")
		}
		for table, want := range before {
			if n := rowsOf(t, shell, "SELECT * FROM "+table); n != want {
				t.Errorf("a guest is %t: table %s has %d rows, not %d", guest, table, n, want)
			}
		}
		for _, table := range []string{"snapshots", "snapshot_chunks", "subscriptions"} {
			if n := rowsOf(t, shell, "SELECT * FROM "+table); n > 0 {
				t.Errorf("a guest is %t: table %s has %d rows", guest, table, n)
			}
		}
	}
}

// cassandraLog writes a user's log with a snapshot's cursor, which no run may touch.
func cassandraLog(t *testing.T, cfg cassandra.Config) []string {
	t.Helper()
	store, err := cassandra.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ev := row(1)
	ev.Hash = ev.ChainHash(eventstore.Hash{})
	if err := store.Append(t.Context(), eventstore.Head{}, []eventstore.Event{ev}); err != nil {
		t.Fatal(err)
	}
	if err := store.SaveCursor(t.Context(), "reports", ev.Head()); err != nil {
		t.Fatal(err)
	}
	return []string{cfg.LogName}
}

// killedOn is a run on a cluster whose process has ended in the midst of it, and has not
// said for a while that it lives.
func killedOn(t *testing.T, cfg cassandra.Config, guest bool) *onCluster {
	t.Helper()
	p, err := OnCluster(t.Context(), cfg, guest)
	if err != nil {
		t.Fatal(err)
	}
	o := p.(*onCluster)
	if _, err := Run(t.Context(), p, tiny(), []string{"append/1", "snapshot/take"}, func(Progress) {}); err != nil {
		t.Fatal(err)
	}
	forget := `DELETE alive FROM ` + markerTable + ` WHERE id = 'run'`
	if guest {
		forget = `DELETE FROM cursors WHERE log = '` + guestPrefix + o.run + `' AND subscriber = '` + guestAlive + `'`
	}
	o.stop()
	o.alive.Wait()
	if err := o.session.Query(forget).Exec(); err != nil {
		t.Fatal(err)
	}
	o.session.Close()
	return o
}

func TestCleaningAClusterTakesOnlyWhatARunThatIsNoMoreHasMarked(t *testing.T) {
	cfg := clusterConfig(t)
	cassandraLog(t, cfg)
	shell := shellOn(t, cfg, cfg.Keyspace)
	like := cfg
	like.LogName = guestPrefix + "0123456789ab-mine" // named as a run's, and a user's all the same
	cassandraLog(t, like)
	unmarked := keyspacePrefix + suffix()
	if err := shell.Query("CREATE KEYSPACE " + unmarked + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}").Exec(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shell.Query("DROP KEYSPACE " + unmarked).Exec() })
	dead, deadGuest := killedOn(t, cfg, false), killedOn(t, cfg, true)
	p, err := OnCluster(t.Context(), cfg, false)
	living := made(t, p, err).(*onCluster)
	p, err = OnCluster(t.Context(), cfg, true)
	livingGuest := made(t, p, err).(*onCluster)

	var told strings.Builder
	if err := CleanCluster(t.Context(), cfg, func(line string) { told.WriteString(line + "\n") }); err != nil {
		t.Error(err)
	}
	for _, line := range []string{
		"keyspace " + living.cfg.Keyspace + " stays: its run lives",
		"keyspace " + unmarked + " stays: it has no marker",
		"logs named " + guestPrefix + deadGuest.run + "-… removed", "logs named " + guestPrefix + livingGuest.run + "-… stay: their run lives",
		"log " + like.LogName + " stays: it has no marker",
	} {
		if !strings.Contains(told.String(), line) {
			t.Errorf("no %q is told:\n%s", line, told.String())
		}
	}
	keyspaces, err := names(context.Background(), shell, `SELECT keyspace_name FROM system_schema.keyspaces`)
	if err != nil {
		t.Fatal(err)
	}
	// Tests of another package may have cleaned it away before.
	if slices.Contains(keyspaces, dead.cfg.Keyspace) || !slices.Contains(keyspaces, living.cfg.Keyspace) || !slices.Contains(keyspaces, unmarked) {
		t.Errorf("there are the keyspaces %q", keyspaces)
	}
	for _, table := range []string{"events", "logs", "cursors", "snapshots", "snapshot_chunks"} {
		logs, err := names(t.Context(), shell, "SELECT log FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(logs, func(log string) bool { return strings.HasPrefix(log, guestPrefix+deadGuest.run) }) {
			t.Errorf("%s holds what the killed run has left: %q", table, logs)
		}
		if strings.HasPrefix(table, "snapshot") {
			continue
		}
		if !slices.Contains(logs, cfg.LogName) || !slices.Contains(logs, like.LogName) {
			t.Errorf("%s lacks a log of the user's: %q", table, logs)
		}
	}
	if _, err := Run(t.Context(), livingGuest, tiny(), []string{"append/8"}, func(Progress) {}); err != nil {
		t.Errorf("the run that lives: %v", err)
	}
}

func TestAKeyspaceOfTheRunsOwnHasAsManyCopiesAsTheOneThatIsNamed(t *testing.T) {
	cfg := clusterConfig(t)
	shell := shellOn(t, cfg, "")
	if err := shell.Query("CREATE KEYSPACE " + cfg.Keyspace + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}").Exec(); err != nil {
		t.Fatal(err)
	}
	own := keyspacePrefix + suffix()
	if err := createKeyspace(t.Context(), shell, own, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shell.Query("DROP KEYSPACE " + own).Exec() })
	var copies map[string]string
	if err := shell.Query(`SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?`, own).Scan(&copies); err != nil {
		t.Fatal(err)
	}
	if copies["replication_factor"] != "2" || !strings.HasSuffix(copies["class"], "SimpleStrategy") {
		t.Errorf("copies are %v", copies)
	}
}
