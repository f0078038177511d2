package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"openpayment/eventstore"
	"openpayment/schema"
)

// Examine looks at the file that cfg names and says what is as it should be and
// what is not, in the order in which it was looked at. It writes nothing of its
// own, and creates nothing; Migrate does not count. It reads the whole file once.
//
// It goes as far as it can: what can't be opened can't be looked into.
func Examine(ctx context.Context, cfg Config) []eventstore.Finding {
	cfg.Migrate = false
	path, err := locate(cfg)
	if err != nil {
		return []eventstore.Finding{eventstore.Amiss("file", err, "correct --store; openpayment serve creates a file that is not there")}
	}
	db, err := database(path, 1, url.Values{"mode": {"rw"}, "_query_only": {"1"}})
	if err != nil {
		return []eventstore.Finding{eventstore.Amiss("file", err, fixOpen)}
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return []eventstore.Finding{eventstore.Amiss("file", explain(cfg.Path, err, nil), fixOpen)}
	}
	defer conn.Close()
	versions, missing, err := look(ctx, conn)
	if err != nil {
		return []eventstore.Finding{eventstore.Amiss("file", explain(cfg.Path, err, nil), fixOpen)}
	}
	findings := []eventstore.Finding{
		eventstore.Fine("file", "%s can be opened", path),
		judgeVersions(versions, missing),
		judgeJournal(pragma(ctx, conn, "journal_mode")),
		judgeSynchronous(pragma(ctx, conn, "synchronous")),
		judgeIntegrity(quickCheck(ctx, conn)),
		judgeSize(sizeOf(path), sizeOf(path+"-wal")),
	}
	findings = append(findings, judgeDisk(diskOf(path))...)
	if len(missing) > 0 {
		return findings // there is no log to look at
	}
	return append(findings, examineLog(ctx, cfg)...)
}

const fixOpen = "name the service's file in --store, and see to it that this user may write to it and to its directory"

// look finds out which versions of the schema there are and which the file lacks.
func look(ctx context.Context, conn *sql.Conn) (known, missing []schema.SQLiteVersion, err error) {
	if known, err = schema.SQLite(); err == nil {
		missing, err = missingVersions(ctx, conn, known)
	}
	return known, missing, err
}

// examineLog opens the log as a service does.
func examineLog(ctx context.Context, cfg Config) []eventstore.Finding {
	s, err := Open(ctx, cfg)
	if err != nil {
		return []eventstore.Finding{eventstore.Amiss("log", err, fixOpen)}
	}
	findings := eventstore.Examine(ctx, s, time.Now())
	if err := s.Close(); err != nil {
		findings = append(findings, eventstore.Amiss("log", err, fixOpen))
	}
	return findings
}

// pragma asks for the value of one.
func pragma(ctx context.Context, conn *sql.Conn, name string) (string, error) {
	var value string
	err := conn.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value)
	return value, err
}

// quickCheck has SQLite look through the file, and gives the first faults it
// names.
func quickCheck(ctx context.Context, conn *sql.Conn) (faults []string, err error) {
	rows, err := conn.QueryContext(ctx, "PRAGMA quick_check(3)")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		if !strings.EqualFold(line, "ok") {
			faults = append(faults, line)
		}
	}
	return faults, rows.Err()
}

// sizeOf is how many bytes a file has; none if it is not there.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// disk is what the operating system tells of the file system under a file.
type disk struct {
	free    int64  // bytes that this user may still write
	network string // its name, if it is known to be a network file system
}

var errDiskUnknown = errors.New("this operating system is not asked")
