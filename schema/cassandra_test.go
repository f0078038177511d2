package schema_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"openpayment/schema"
)

func TestVersionsAreNumberedWithoutAGap(t *testing.T) {
	versions := mustCassandra(t, "ks")
	if len(versions) < 2 {
		t.Fatalf("%d versions, want at least 2", len(versions))
	}
	for i, v := range versions {
		if v.Number != i+1 {
			t.Errorf("version %d has number %d", i+1, v.Number)
		}
	}
}

func TestEveryStatementCanBeRepeated(t *testing.T) {
	repeatable := regexp.MustCompile(`^(CREATE TABLE IF NOT EXISTS|INSERT INTO) ks\.`)
	for _, v := range mustCassandra(t, "ks") {
		for _, s := range v.Statements {
			if !repeatable.MatchString(s) {
				t.Errorf("%s: %.60q may not be run twice, or names no keyspace", v.File, s)
			}
			if strings.Contains(s, ";") || strings.Contains(s, "--") {
				t.Errorf("%s: %.60q is more than one statement", v.File, s)
			}
		}
	}
}

func TestAVersionIsRecordedByItsLastStatementOnly(t *testing.T) {
	for _, v := range mustCassandra(t, "ks") {
		for i, s := range v.Statements {
			records := strings.HasPrefix(s, "INSERT INTO ks.schema_versions")
			if last := i == len(v.Statements)-1; records != last {
				t.Errorf("%s: statement %d of %d records the version: %v", v.File, i+1, len(v.Statements), records)
			}
		}
	}
}

func TestEveryTableHasAFixedIDOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, keyspace := range []string{"ks", "ks2"} {
		for _, v := range mustCassandra(t, keyspace) {
			for i, table := range v.Tables {
				id := schema.CassandraTableID(keyspace, table)
				if seen[id] {
					t.Errorf("the id of %s.%s is used twice", keyspace, table)
				}
				seen[id] = true
				if !strings.Contains(v.Statements[i], "WITH id = '"+id+"' AND ") {
					t.Errorf("%s is not created with its id: %s", table, v.Statements[i])
				}
			}
		}
	}
}

// The id of a table that exists somewhere must never change.
func TestTableIDsAreForEver(t *testing.T) {
	const want = "ac0feb3d-193d-5963-bdd5-94e625d5d83b"
	if got := schema.CassandraTableID("openpayment", "events"); got != want {
		t.Errorf("the id of openpayment.events is %s, was %s", got, want)
	}
}

func TestReplicationIsANumberOrOnePerDataCentre(t *testing.T) {
	for replication, want := range map[string]string{
		"3":           "'replication_factor': 3}",
		"dc1:3":       "'dc1': 3}",
		"dc1:3,dc2:2": "'dc1': 3, 'dc2': 2}",
		"":            "",
		"0":           "",
		"-1":          "",
		"three":       "",
		"3,3":         "",
		"dc1:":        "",
		":3":          "",
		"dc1:3,":      "",
		"d'c:3":       "",
		"dc1:3:4":     "",
	} {
		got, err := schema.CassandraKeyspace("ks", replication)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q was taken: %s", replication, got)
		case want != "" && (err != nil || !strings.Contains(got, want)):
			t.Errorf("%q gave %s, %v; want %s in it", replication, got, err, want)
		}
	}
}

func TestKeyspaceFileIsOneStatement(t *testing.T) {
	text, err := os.ReadFile("cassandra/keyspace.cql")
	if err != nil {
		t.Fatal(err)
	}
	got := schema.SplitStatements(string(text))
	if len(got) != 1 || !strings.HasPrefix(got[0], "CREATE KEYSPACE IF NOT EXISTS openpayment") {
		t.Errorf("it is %q", got)
	}
}

// A table that a new version brings has to be granted, or the service does not start with
// the role that is meant for it.
func TestTheServicesRoleMayUseEveryTable(t *testing.T) {
	text, err := os.ReadFile("cassandra/roles.cql")
	if err != nil {
		t.Fatal(err)
	}
	repeatable := regexp.MustCompile(`^(CREATE ROLE IF NOT EXISTS|GRANT (SELECT|MODIFY|CREATE) ON (TABLE|KEYSPACE)) \w+`)
	statements := schema.SplitStatements(string(text))
	for _, s := range statements {
		if !repeatable.MatchString(s) {
			t.Errorf("%q may not be run twice, or grants more than there is need for", s)
		}
	}
	for _, v := range mustCassandra(t, "openpayment") {
		for _, table := range v.Tables {
			for _, right := range []string{"SELECT", "MODIFY"} {
				grant := "GRANT " + right + " ON TABLE openpayment." + table + " TO openpayment_service"
				if granted := slices.Contains(statements, grant); granted != (right == "SELECT" || table != "schema_versions") {
					t.Errorf("granted is %t: %s", granted, grant)
				}
			}
		}
	}
}

func TestStatementsAreSplitAtSemicolonsOutsideTextAndComments(t *testing.T) {
	const text = "-- one; comment\nA 'x;y' -- it's; here\nB;\n\n ;C '--' D;  E"
	want := []string{"A 'x;y' \nB", "C '--' D", "E"}
	got := schema.SplitStatements(text)
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func mustCassandra(t *testing.T, keyspace string) []schema.CassandraVersion {
	t.Helper()
	versions, err := schema.Cassandra(keyspace)
	if err != nil {
		t.Fatal(err)
	}
	return versions
}
