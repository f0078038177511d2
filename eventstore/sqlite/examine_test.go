package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// levels is findings as "head ok, schema problem".
func levels(t *testing.T, findings []eventstore.Finding) string {
	t.Helper()
	var words []string
	for _, f := range findings {
		words = append(words, f.Check+" "+f.Level.String())
		if (f.Level == eventstore.LevelOK) != (f.Fix == "") {
			t.Errorf("%+v: a fix is wanted, unless nothing is wrong", f)
		}
	}
	return strings.Join(words, ", ")
}

func TestReadingsAreJudged(t *testing.T) {
	broken := errors.New("broken")
	known := versions(t)
	one := func(f eventstore.Finding) []eventstore.Finding { return []eventstore.Finding{f} }
	for _, c := range []struct {
		findings []eventstore.Finding
		want     string
	}{
		{one(judgeVersions(known, nil)), "schema ok"},
		{one(judgeVersions(known, known[1:])), "schema problem"},
		{one(judgeJournal("wal", nil)), "journal mode ok"},
		{one(judgeJournal("delete", nil)), "journal mode warning"},
		{one(judgeJournal("", broken)), "journal mode problem"},
		{one(judgeSynchronous("2", nil)), "synchronous ok"},
		{one(judgeSynchronous("3", nil)), "synchronous ok"},
		{one(judgeSynchronous("1", nil)), "synchronous problem"},
		{one(judgeSynchronous("", broken)), "synchronous problem"},
		{one(judgeIntegrity(nil, nil)), "integrity ok"},
		{one(judgeIntegrity([]string{"row 5 missing"}, nil)), "integrity problem"},
		{one(judgeIntegrity(nil, broken)), "integrity problem"},
		{one(judgeSize(10<<30, 4<<20)), "size ok"},
		{one(judgeSize(1<<20, 300<<20)), "size warning"},
		{judgeDisk(disk{free: 2 << 30}, nil), "disk space ok"},
		{judgeDisk(disk{free: 500 << 20}, nil), "disk space warning"},
		{judgeDisk(disk{free: 50 << 20}, nil), "disk space problem"},
		{judgeDisk(disk{free: 2 << 30, network: "nfs"}, nil), "disk space ok, file system problem"},
		{judgeDisk(disk{}, errDiskUnknown), "disk space ok"},
	} {
		if got := levels(t, c.findings); got != c.want {
			t.Errorf("%s, want %s: %+v", got, c.want, c.findings)
		}
	}
}

func TestAGoodFileIsFoundGoodAlsoWhileItIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	const want = "file ok, schema ok, journal mode ok, synchronous ok, integrity ok, size ok, disk space ok, head ok"
	if got := levels(t, Examine(t.Context(), Config{Path: path})); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if err := s.Append(t.Context(), eventstore.Head{}, eventstoretest.NewBatch(eventstore.Head{}, noon, 2)); err != nil {
		t.Fatal(err)
	}
	if got := levels(t, Examine(t.Context(), Config{Path: path})); got != want+", newest event ok" {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestNothingIsCreatedOrMigratedByAnExamination(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	if got := levels(t, Examine(t.Context(), Config{Path: path, Migrate: true})); got != "file problem" {
		t.Error(got)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was created")
	}
	shell(t, path, versions(t)[0].Script)
	for range 2 {
		if got := levels(t, Examine(t.Context(), Config{Path: path, Migrate: true})); !strings.HasPrefix(got, "file ok, schema problem, journal mode warning") || strings.Contains(got, "head") {
			t.Error(got)
		}
	}
}

func TestWhatIsNoLogIsOneClearFinding(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	writeFile(t, text, strings.Repeat("not a database\n", 1000))
	photos := filepath.Join(dir, "photos.db")
	shell(t, photos, "CREATE TABLE photos (x)")
	for path, says := range map[string]string{
		text: "not a SQLite database", photos: "another program", dir: "not a file", filepath.Join(dir, "x", "y"): "directory",
	} {
		findings := Examine(t.Context(), Config{Path: path})
		if got := levels(t, findings); got != "file problem" || !strings.Contains(findings[0].Detail, says) {
			t.Errorf("%s: %+v", path, findings)
		}
	}
}

func TestABrokenPageIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s := mustOpen(t, path)
	var head eventstore.Head
	for range 3 {
		batch := eventstoretest.NewBatch(head, noon, 1000)
		if err := s.Append(t.Context(), head, batch); err != nil {
			t.Fatal(err)
		}
		head = batch[len(batch)-1].Head()
	}
	s.Close()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(make([]byte, 4096), 20*4096); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if got := levels(t, Examine(t.Context(), Config{Path: path})); !strings.Contains(got, "integrity problem") {
		t.Error(got)
	}
}
