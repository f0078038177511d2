package schema

import (
	"crypto/sha1" // #nosec G505 -- what a UUID of version 5 is made of
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

//go:embed cassandra
var cassandraFiles embed.FS

// CassandraVersion is one numbered file of CQL, ready to be run.
type CassandraVersion struct {
	Number int
	Name   string // what the file is called after its number: events
	File   string // 0001_events.cql
	// Statements are to be run in order. Each may be run any number of times, by
	// any number of nodes at once. The last one records the version as done.
	Statements []string
	// Tables are those that the statements create.
	Tables []string
}

// The two kinds of statement that name a table: what stands before the name, and
// the name.
var (
	createTable = regexp.MustCompile(`(?i)^(CREATE\s+TABLE\s+IF\s+NOT\s+EXISTS\s+)(\w+)`)
	insertInto  = regexp.MustCompile(`(?i)^(INSERT\s+INTO\s+)(\w+)`)
	tableEnd    = regexp.MustCompile(`(?i)\)\s*WITH\s`)
	versionFile = regexp.MustCompile(`^(\d{4})_(\w+)\.cql$`)
)

// Cassandra gives all versions for a keyspace, oldest first, with the table names
// qualified and every table under its fixed id: see [CassandraTableID].
func Cassandra(keyspace string) ([]CassandraVersion, error) {
	entries, err := fs.ReadDir(cassandraFiles, "cassandra") // sorted by name
	if err != nil {
		return nil, err
	}
	var versions []CassandraVersion
	for _, entry := range entries {
		m := versionFile.FindStringSubmatch(entry.Name())
		if m == nil {
			continue // keyspace.cql
		}
		number, err := strconv.Atoi(m[1])
		if err != nil || number != len(versions)+1 {
			return nil, fmt.Errorf("schema file %s: version %d should come next", entry.Name(), len(versions)+1)
		}
		text, err := fs.ReadFile(cassandraFiles, path.Join("cassandra", entry.Name()))
		if err != nil {
			return nil, err
		}
		v := CassandraVersion{Number: number, Name: m[2], File: entry.Name()}
		if err := v.add(keyspace, string(text)); err != nil {
			return nil, fmt.Errorf("schema file %s: %w", entry.Name(), err)
		}
		versions = append(versions, v)
	}
	return versions, nil
}

// add takes over the statements of one file.
func (v *CassandraVersion) add(keyspace, text string) error {
	for _, statement := range SplitStatements(text) {
		switch {
		case createTable.MatchString(statement):
			table := createTable.FindStringSubmatch(statement)[2]
			end := tableEnd.FindStringIndex(statement)
			if end == nil {
				return fmt.Errorf("table %s has no WITH clause to put its id into", table)
			}
			statement = statement[:end[1]] + "id = '" + CassandraTableID(keyspace, table) + "' AND " + statement[end[1]:]
			statement = createTable.ReplaceAllString(statement, "${1}"+keyspace+".${2}")
			v.Tables = append(v.Tables, table)
		case insertInto.MatchString(statement):
			statement = insertInto.ReplaceAllString(statement, "${1}"+keyspace+".${2}")
		default:
			return fmt.Errorf("neither CREATE TABLE IF NOT EXISTS nor INSERT INTO: %.40q", statement)
		}
		v.Statements = append(v.Statements, statement)
	}
	return nil
}

// CassandraKeyspace is the statement that creates a keyspace, if there is none
// of that name. Replication is a number of copies for every data centre, as in
// "3", or one for each by name, as in "dc1:3,dc2:2".
func CassandraKeyspace(keyspace, replication string) (string, error) {
	copies := strings.Split(replication, ",")
	options := make([]string, 0, len(copies))
	for _, c := range copies {
		centre, count, named := strings.Cut(c, ":")
		if !named {
			centre, count = "replication_factor", c
		}
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 || (!named && len(copies) > 1) || !centreName.MatchString(centre) {
			return "", fmt.Errorf("replication %q is neither a number of copies, such as 3, nor one for each data centre, such as dc1:3,dc2:3", replication)
		}
		options = append(options, fmt.Sprintf("'%s': %d", centre, n))
	}
	return fmt.Sprintf("CREATE KEYSPACE IF NOT EXISTS %s WITH replication = {'class': 'NetworkTopologyStrategy', %s} AND durable_writes = true",
		keyspace, strings.Join(options, ", ")), nil
}

// centreName is what a data centre may be called here: nothing that would have
// to be quoted.
var centreName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// CassandraTableID is the id that a table gets, whoever creates it. Two nodes
// that create one table at the same moment would otherwise each invent an id,
// and what was written under the one that loses is gone. It is a UUID of
// version 5 (RFC 9562), of "keyspace.table" in the name space below.
func CassandraTableID(keyspace, table string) string {
	namespace := [16]byte{0x0b, 0x9e, 0x7c, 0x52, 0x61, 0x3d, 0x4f, 0x1a, 0x9c, 0x45, 0x2e, 0x88, 0xd7, 0x10, 0xa3, 0x6f}
	sum := sha1.Sum(append(namespace[:], keyspace+"."+table...)) // #nosec G401 -- nobody attacks the names of tables
	sum[6] = sum[6]&0x0f | 0x50                                  // version 5
	sum[8] = sum[8]&0x3f | 0x80                                  // variant of the RFC
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// SplitStatements cuts a file of CQL or SQL into its statements, without their
// semicolons and without comment lines. It knows quoted text and "--" comments;
// that is all these files contain.
func SplitStatements(text string) []string {
	var statements []string
	var current strings.Builder
	end := func() {
		if s := strings.TrimSpace(current.String()); s != "" {
			statements = append(statements, s)
		}
		current.Reset()
	}
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'':
			quoted = !quoted
			current.WriteByte(c)
		case quoted:
			current.WriteByte(c)
		case strings.HasPrefix(text[i:], "--"):
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				i += n - 1 // the line's end is kept
			} else {
				i = len(text)
			}
		case c == ';':
			end()
		default:
			current.WriteByte(c)
		}
	}
	end()
	return statements
}
