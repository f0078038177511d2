package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

//go:embed sqlite/*.sql
var sqliteFiles embed.FS

// SQLiteVersion is one numbered file of SQL, ready to be run, in a transaction.
type SQLiteVersion struct {
	Number int
	Name   string // what the file is called after its number, in words
	File   string // 0001_events.sql
	// Script makes the version and, last, records it as done, so that a file run
	// by hand leaves what the service leaves.
	Script string
}

var sqliteVersionFile = regexp.MustCompile(`^(\d{4})_(\w+)\.sql$`)

// SQLite gives all versions, oldest first.
func SQLite() ([]SQLiteVersion, error) {
	entries, err := fs.ReadDir(sqliteFiles, "sqlite") // sorted by name
	if err != nil {
		return nil, err
	}
	versions := make([]SQLiteVersion, 0, len(entries))
	for _, entry := range entries {
		m := sqliteVersionFile.FindStringSubmatch(entry.Name())
		if m == nil {
			return nil, fmt.Errorf("schema file %s: the name is not a number of four digits and words", entry.Name())
		}
		number, err := strconv.Atoi(m[1])
		if err != nil || number != len(versions)+1 {
			return nil, fmt.Errorf("schema file %s: version %d should come next", entry.Name(), len(versions)+1)
		}
		text, err := fs.ReadFile(sqliteFiles, path.Join("sqlite", entry.Name()))
		if err != nil {
			return nil, err
		}
		versions = append(versions, SQLiteVersion{number, strings.ReplaceAll(m[2], "_", " "), entry.Name(), string(text)})
	}
	return versions, nil
}
