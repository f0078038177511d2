package api_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"openpayment/api"
	"openpayment/internal/leaktest"
)

// met holds the code of every problem that any test has got.
var met sync.Map

// TestMain checks, when all tests have run, that together they have met every
// code there is: one that can't be reached should not be there.
func TestMain(m *testing.M) {
	status := leaktest.Run(m)
	all := true
	for _, selection := range []string{"run", "skip", "list", "fuzz"} {
		all = all && flag.Lookup("test."+selection).Value.String() == ""
	}
	if all && status == 0 {
		for code := range api.Codes() {
			if _, ok := met.Load(code); !ok {
				fmt.Printf("FAIL: no test has met the problem code %s\n", code)
				status = 1
			}
		}
	}
	os.Exit(status)
}

func TestEveryProblemCodeIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for code, status := range api.Codes() {
		if !strings.Contains(string(doc), fmt.Sprintf("//\t%d  %s", status, code)) {
			t.Errorf("the package documentation lacks %d %s", status, code)
		}
	}
}
