package cassandra

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gocql/gocql"
)

// TestEveryStatementHasANameForObservers looks for statements in the source: one that
// is not named would be counted among the others.
func TestEveryStatementHasANameForObservers(t *testing.T) {
	statement := regexp.MustCompile("(?m)^(?:const|\t)\\s*(\\w+)\\s*= `(?:SELECT|INSERT|UPDATE|DELETE) ")
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadFile("request.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range statement.FindAllStringSubmatch(string(text), -1) {
			found++
			if name := match[1]; name != "insertEvent" && !strings.Contains(string(names), "\t"+name+":") { // which is part of a batch
				t.Errorf("%s: %s has no name in statementNames", path, name)
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d statements were found", found)
	}
}

func TestErrorsOfTheDriverAreSummedUp(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "ok"},
		{gocql.ErrTimeoutNoResponse, "timeout"},
		{&gocql.RequestErrReadTimeout{}, "timeout"},
		{fmt.Errorf("wrapped: %w", &gocql.RequestErrWriteTimeout{}), "timeout"},
		{context.DeadlineExceeded, "timeout"},
		{context.Canceled, "cancelled"},
		{gocql.ErrNoConnections, "unavailable"},
		{gocql.ErrConnectionClosed, "unavailable"},
		{gocql.ErrNotFound, "failed"},
		{errors.New("?"), "failed"},
	} {
		if got := outcomeOf(c.err); got != c.want {
			t.Errorf("%v is %q, want %q", c.err, got, c.want)
		}
	}
}
