package cassandra

import (
	"fmt"
	"slices"
	"strings"

	"openpayment/schema"
)

// schemaState is what a keyspace holds of the schema.
type schemaState struct {
	tables []string
	done   []int // versions recorded as run
}

// flaw is what is wrong with a keyspace, and what can be done about it.
type flaw struct{ what, advice string }

func (f flaw) error() error { return invalid("%s; %s", f.what, f.advice) }

func noKeyspace(keyspace, create string) flaw {
	return flaw{
		fmt.Sprintf("keyspace %s does not exist", keyspace),
		fmt.Sprintf("create it with a statement such as: %s; or let the service do so with migrate=true", create),
	}
}

// missing gives the versions that have not been run.
func (st schemaState) missing(known []schema.CassandraVersion) []schema.CassandraVersion {
	return slices.DeleteFunc(slices.Clone(known), func(v schema.CassandraVersion) bool { return slices.Contains(st.done, v.Number) })
}

func lacking(keyspace string, missing []schema.CassandraVersion) flaw {
	var files []string
	for _, v := range missing {
		files = append(files, v.File)
	}
	return flaw{
		fmt.Sprintf("keyspace %s lacks schema %s", keyspace, strings.Join(files, ", ")),
		fmt.Sprintf("run the files of that name from schema/cassandra with cqlsh -k %s -f, or let the service do so with migrate=true", keyspace),
	}
}

// unusable is what keeps this program from using the keyspace even if it may
// create what is missing, nil if nothing does. A newer version than is known here
// is refused: what it changed, this program might break. And a version says what
// its tables are: one that was dropped since is named here and not found out by
// the first append.
func (st schemaState) unusable(keyspace string, known []schema.CassandraVersion) *flaw {
	for _, version := range st.done {
		if version > len(known) {
			return &flaw{fmt.Sprintf("keyspace %s has schema version %d; this program knows versions up to %d", keyspace, version, len(known)), "use a newer one"}
		}
	}
	for _, v := range known {
		for _, table := range v.Tables {
			if slices.Contains(st.done, v.Number) && !slices.Contains(st.tables, table) {
				return &flaw{fmt.Sprintf("keyspace %s lacks table %s though schema %s was run", keyspace, table, v.File), "restore it from a backup, or use another keyspace"}
			}
		}
	}
	return nil
}
