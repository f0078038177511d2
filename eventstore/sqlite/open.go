package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	driver "modernc.org/sqlite"

	"openpayment/eventstore"
)

const (
	// busyTimeout is how long a connection waits for another's lock.
	busyTimeout = 5 * time.Second
	readerCount = 4
)

// Open opens the file, and checks that it is a log of a schema this program
// knows. Errors: KindInvalid when the path or the file will not do, whatever is
// tried; KindDamaged when it is no SQLite database; KindUnavailable otherwise.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	path, err := locate(cfg)
	if err != nil {
		return nil, openError(eventstore.KindInvalid, cfg.Path, err)
	}
	s := &Store{writer: make(chan *writer, 1)}
	s.closing, s.cut = context.WithCancel(context.Background())
	if err := s.open(ctx, path, cfg); err != nil {
		s.cut()
		return nil, explain(cfg.Path, err, errors.Join(closeDB(s.readers), closeDB(s.writing)))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string, cfg Config) (err error) {
	mode := "rw"
	if cfg.Migrate {
		mode = "rwc"
	}
	if s.writing, err = database(path, 1, url.Values{"mode": {mode}}); err != nil {
		return err
	}
	conn, err := s.writing.Conn(ctx)
	if err != nil {
		return err
	}
	if err := prepareFile(ctx, conn, cfg.Migrate); err != nil {
		return errors.Join(err, conn.Close())
	}
	w, err := newWriter(ctx, conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	if err := s.openReaders(ctx, path); err != nil {
		return errors.Join(err, w.close())
	}
	s.writer <- w
	return nil
}

func (s *Store) openReaders(ctx context.Context, path string) (err error) {
	if s.readers, err = database(path, readerCount, url.Values{"mode": {"rw"}, "_query_only": {"1"}}); err != nil {
		return err
	}
	for _, p := range []prepared{
		{&s.rows, rowsAfter}, {&s.newest, newestRow}, {&s.cursor, cursorRow},
		{&s.chunk, chunkRow}, {&s.manifests, manifestRows}, {&s.unfinished, unfinishedIDs},
		{&s.subscriptions, subscriptionRows}, {&s.subscription, subscriptionRow},
	} {
		if *p.stmt, err = s.readers.PrepareContext(ctx, p.text); err != nil {
			return err // the statements go with their pool
		}
	}
	return nil
}

// database makes a pool of at most n connections, each of which keeps to what
// the guarantees rest on.
func database(path string, n int, options url.Values) (*sql.DB, error) {
	options.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	options.Set("_synchronous", "FULL")
	options.Set("_dqs", "0")      // no guessing about quotes
	options.Set("_error_rc", "1") // no stale text in errors
	connector, err := driver.NewConnector(dsn(path, options))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// dsn is a URI, since only there can a path hold what means something else: it
// ends at the first '?', and '%', '?' and '#' in it are escaped.
func dsn(path string, options url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	return u.String()
}

// locate finds what is wrong with a path before SQLite does, which only says
// that it cannot open the file.
func locate(cfg Config) (string, error) {
	if cfg.Path == "" || strings.ContainsRune(cfg.Path, 0) {
		return "", errors.New("this is no path")
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("its directory %q is not there: create it first (%w)", dir, err)
	} else if !info.IsDir() {
		return "", fmt.Errorf("%q is not a directory", dir)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return "", errors.New("this is not a file")
	case errors.Is(err, os.ErrNotExist) && !cfg.Migrate:
		return "", errors.New("there is no such file; openpayment serve creates it, unless with --migrate=false")
	}
	return path, nil
}

// explain says of an error of opening what it means for this file.
func explain(path string, err, closing error) error {
	kind := eventstore.KindOf(mapError("open", err))
	switch {
	case notSQLite(err):
		err = fmt.Errorf("this is not a SQLite database (%w)", err)
	case cannotOpen(err): // waiting, as for a lock, would not help
		kind = eventstore.KindInvalid
		err = fmt.Errorf("the file cannot be opened for writing; are its permissions, and its directory's, as they should be? (%w)", err)
	}
	return openError(kind, path, errors.Join(err, closing))
}

func openError(kind eventstore.Kind, path string, err error) error {
	return eventstore.NewError("open", kind, fmt.Errorf("%s: %w", path, err))
}

func closeDB(db *sql.DB) error {
	if db == nil {
		return nil
	}
	return db.Close()
}
