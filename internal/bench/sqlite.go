package bench

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	sqlitedriver "modernc.org/sqlite"

	"openpayment/eventstore"
	"openpayment/eventstore/sqlite"
)

// folderPrefix begins the name of every folder that a run makes.
const folderPrefix = "openpayment-bench-"

// markerFile, in such a folder, is a database with the table of that name. As long as its
// run lives it is locked: the operating system sees to that, whatever becomes of the run.
const (
	markerFile  = "marker.db"
	markerTable = "openpayment_bench"
)

// beside is a folder with files of its own.
type beside struct {
	folder string
	marker *sql.DB
	lock   *sql.Conn

	mu    sync.Mutex         // guards files
	files map[string]*sql.DB // that the driver alone works on, by their logs
}

// BesideFile makes a place for a run in the folder of a SQLite file, which itself is not
// looked at: it is on the same disk, and need not be there.
func BesideFile(ctx context.Context, path string) (Place, error) {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder: the path of a file is expected, which need not be there", path)
	}
	b := &beside{folder: filepath.Join(dir, folderPrefix+suffix()), files: make(map[string]*sql.DB)}
	if err := os.Mkdir(b.folder, 0o700); err != nil {
		return nil, err
	}
	if err := b.mark(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("marking %s: %w", b.folder, err), b.Remove(context.WithoutCancel(ctx)))
	}
	return b, nil
}

// suffix makes names that no other run has.
func suffix() string {
	random := make([]byte, 6)
	_, _ = rand.Read(random) // it never fails
	return hex.EncodeToString(random)
}

// mark writes the marker, and locks it.
func (b *beside) mark(ctx context.Context) (err error) {
	if b.marker, b.lock, err = openMarker(ctx, filepath.Join(b.folder, markerFile), "rwc"); err != nil {
		return err
	}
	for _, text := range []string{
		"BEGIN EXCLUSIVE",
		"CREATE TABLE " + markerTable + " (what TEXT NOT NULL, begun TEXT NOT NULL) STRICT",
		"COMMIT",
		"BEGIN EXCLUSIVE",
	} {
		if _, err := b.lock.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// openMarker opens a marker, without waiting for whoever has it locked.
func openMarker(ctx context.Context, path, mode string) (*sql.DB, *sql.Conn, error) {
	db, err := openFile(path, url.Values{"mode": {mode}, "_busy_timeout": {"0"}})
	if err != nil {
		return nil, nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, conn, nil
}

// openFile opens a database with one connection.
func openFile(path string, options url.Values) (*sql.DB, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	connector, err := sqlitedriver.NewConnector(u.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, nil
}

// Kind implements [Place].
func (*beside) Kind() string { return SQLite }

// About implements [Place].
func (b *beside) About() []string {
	about := []string{"SQLite files in " + b.folder + ", WAL, synchronous=FULL"}
	var version string
	if db, err := openFile(filepath.Join(b.folder, "version.db"), url.Values{"mode": {"memory"}}); err == nil {
		if db.QueryRow("SELECT sqlite_version()").Scan(&version) == nil {
			about = append(about, "SQLite "+version)
		}
		_ = db.Close()
	}
	return about
}

func (b *beside) path(log string) string { return filepath.Join(b.folder, log+".db") }

// Open implements [Place].
func (b *beside) Open(ctx context.Context, log string) (eventstore.Store, error) {
	store, err := sqlite.Open(ctx, sqlite.Config{Path: b.path(log), Migrate: true})
	if err != nil {
		return nil, err
	}
	return store, nil
}

// Remove implements [Place].
func (b *beside) Remove(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, db := range b.files {
		_ = db.Close()
	}
	clear(b.files)
	if b.lock != nil {
		_ = b.lock.Close()
	}
	if b.marker != nil {
		_ = b.marker.Close()
	}
	return removeFolder(b.folder)
}

// removeFolder removes what a run makes in its folder, the marker last. If anybody has put
// something else there, that and the folder stay.
func removeFolder(folder string) error {
	files, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	slices.SortStableFunc(files, func(a, b os.DirEntry) int {
		return markerLast(a.Name()) - markerLast(b.Name())
	})
	failed := err
	for _, f := range files {
		_, rest, ok := strings.Cut(f.Name(), ".db")
		if ok && f.Type().IsRegular() && slices.Contains([]string{"", "-wal", "-shm", "-journal"}, rest) {
			failed = errors.Join(failed, os.Remove(filepath.Join(folder, f.Name())))
		}
	}
	return errors.Join(failed, os.Remove(folder))
}

func markerLast(name string) int {
	if name == markerFile {
		return 1
	}
	return 0
}

// CleanFolder removes what killed runs have left in the folder of a file.
func CleanFolder(ctx context.Context, path string, told func(string)) error {
	folders, err := filepath.Glob(filepath.Join(filepath.Dir(path), folderPrefix+"*"))
	if err != nil {
		return err
	}
	var failed error
	for _, folder := range folders {
		switch abandoned, why := abandonedFolder(ctx, folder); {
		case !abandoned:
			told(folder + " stays: " + why)
		default:
			if err := removeFolder(folder); err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			told(folder + " removed")
		}
	}
	return failed
}

// abandonedFolder tells whether a folder is that of a run that lives no more; otherwise
// why it can't be said to be.
func abandonedFolder(ctx context.Context, folder string) (abandoned bool, why string) {
	marker := filepath.Join(folder, markerFile)
	if info, err := os.Lstat(marker); err != nil || !info.Mode().IsRegular() {
		return false, "it has no marker"
	}
	db, conn, err := openMarker(ctx, marker, "rw")
	if err != nil {
		return false, "its marker can't be opened: " + err.Error()
	}
	defer db.Close()
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		return false, "its run lives (" + err.Error() + ")"
	}
	var n int
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM "+markerTable).Scan(&n); err != nil {
		return false, "its marker is not one: " + err.Error()
	}
	_, _ = conn.ExecContext(ctx, "ROLLBACK")
	return true, ""
}
