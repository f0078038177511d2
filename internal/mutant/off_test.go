//go:build !mutants

package mutant_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"openpayment/internal/mutant"
)

// Nothing of any mutant is in a program for use.
func TestTheProgramHoldsNoMutant(t *testing.T) {
	names := []mutant.Name{mutant.AnswersBeforeDurable, mutant.OpensBucketBlindly, mutant.ForgetsKeysByOwnClock, mutant.ManifestFirst, "MUTANT"}
	for _, c := range []struct {
		tags string
		want bool
	}{{"", false}, {"mutants", true}} {
		program := filepath.Join(t.TempDir(), "openpayment")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", c.tags, "-o", program, "openpayment/cmd/openpayment").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		text, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if got := bytes.Contains(text, []byte(name)); got != c.want {
				t.Errorf("built with tags %q, it holds %q: %t", c.tags, name, got)
			}
		}
	}
	if mutant.On("") || mutant.On(mutant.ManifestFirst) {
		t.Error("a mutant is switched on")
	}
}
