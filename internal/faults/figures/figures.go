// Package figures keeps what the long tests have counted, for the report on reliability:
// each says it in its log, and adds it to a file if one is named.
package figures

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// Env names the file that figures are added to, one [Note] as JSON on each line.
const Env = "OPENPAYMENT_TEST_FIGURES"

// A Note is what one test has counted.
type Note struct {
	Test    string          `json:"test"`
	At      time.Time       `json:"at"` // when it was over
	Seconds float64         `json:"seconds"`
	Passed  bool            `json:"passed"`
	Figures json.RawMessage `json:"figures"` // an object; names are the test's own
}

// Keep logs figures, which must marshal to a JSON object, and adds them to the file. It is
// called once, when a test that began then is over.
func Keep(t testing.TB, began time.Time, figures any) {
	t.Helper()
	text, err := json.Marshal(figures)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("figures: %s", text)
	name := os.Getenv(Env)
	if name == "" {
		return
	}
	now := time.Now()
	line, err := json.Marshal(Note{t.Name(), now.UTC(), now.Sub(began).Seconds(), !t.Failed(), text})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}
