package schema

import (
	"fmt"
	"strings"
	"testing"
)

func TestEverySQLiteVersionRecordsItself(t *testing.T) {
	versions, err := SQLite()
	if err != nil || len(versions) == 0 {
		t.Fatalf("%d versions: %v", len(versions), err)
	}
	for _, v := range versions {
		if record := fmt.Sprintf("VALUES (%d, '%s',", v.Number, v.Name); !strings.Contains(v.Script, record) {
			t.Errorf("%s has no %q", v.File, record)
		}
	}
}
