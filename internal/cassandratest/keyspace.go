package cassandratest

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"testing"
)

// maxKeyspace is Cassandra's limit for the length of a keyspace's name (48); it is part of file names.
const maxKeyspace = 48

// Keyspace returns a name for a keyspace on the server of Hosts that nobody else uses and needs no quoting. It says which test
// it belongs to, for those who look at a server with cqlsh. The test creates the keyspace, with whatever replication and tables
// it needs; the cleanup drops it, after the test's own later cleanups.
func Keyspace(t testing.TB) string {
	t.Helper()
	hosts := Hosts(t)
	name := keyspaceName(t.Name())
	t.Cleanup(func() {
		session, err := connect(hosts)
		if err != nil {
			t.Logf("cassandratest: keyspace %s stays: %v", name, err)
			return
		}
		defer session.Close()
		if err := session.Query("DROP KEYSPACE IF EXISTS " + name).Exec(); err != nil {
			t.Logf("cassandratest: keyspace %s stays: %v", name, err)
		}
	})
	return name
}

// keyspaceName makes t_<test>_<random> of a test's name.
func keyspaceName(test string) string {
	random := make([]byte, 6)
	rand.Read(random)
	suffix := "_" + hex.EncodeToString(random)

	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimPrefix(test, "Test")) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if r < 128 {
			b.WriteByte('_')
		}
	}
	name := "t_" + strings.Trim(b.String(), "_")
	return name[:min(len(name), maxKeyspace-len(suffix))] + suffix
}
