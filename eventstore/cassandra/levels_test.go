package cassandra_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// A read at QUORUM may miss an append that is undecided, and that is decided later:
// only SERIAL rules that out. One node answers both alike, so the level is looked at.
func TestTheHeadIsReadThroughPaxos(t *testing.T) {
	s := open(t, config(t, 5))
	var mu sync.Mutex // protects heads
	var heads []gocql.Consistency
	err := s.Watched(t.Context(), func(statement string, level gocql.Consistency) {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(statement, "head_hash") && strings.HasPrefix(statement, "SELECT DISTINCT") {
			heads = append(heads, level)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	during := func(what string, do func()) {
		t.Helper()
		heads = nil
		do()
		if len(heads) == 0 || heads[0] != gocql.Consistency(gocql.Serial) {
			t.Errorf("%s reads heads at %v; the first should be SERIAL", what, heads)
		}
	}
	var head eventstore.Head
	write := func(n int) {
		batch := eventstoretest.NewBatch(head, time.Now(), n)
		if err := s.Append(t.Context(), head, batch); err != nil {
			t.Fatal(err)
		}
		head = batch[n-1].Head()
	}
	write(5)
	during("asking for the head", func() {
		if got, err := s.Head(t.Context()); err != nil || got != head {
			t.Errorf("%v, %v", got, err)
		}
	})
	during("opening a bucket", func() { write(1) })
}
