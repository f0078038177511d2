package figures

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFiguresAreAddedToTheFileOneNoteALine(t *testing.T) {
	name := filepath.Join(t.TempDir(), "figures")
	t.Setenv(Env, name)
	began := time.Now().Add(-2 * time.Second)
	Keep(t, began, map[string]int{"seeds": 5})
	Keep(t, began, struct {
		Kills int `json:"kills"`
	}{7})
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), text)
	}
	for i, want := range []string{`{"seeds":5}`, `{"kills":7}`} {
		var n Note
		if err := json.Unmarshal([]byte(lines[i]), &n); err != nil {
			t.Fatal(err)
		}
		if string(n.Figures) != want || n.Test != t.Name() || !n.Passed || n.Seconds < 2 || time.Since(n.At) > time.Minute {
			t.Errorf("note %d is %+v, figures %s, want %s", i, n, n.Figures, want)
		}
	}
}
