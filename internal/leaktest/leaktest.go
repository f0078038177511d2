// Package leaktest fails a package's tests when goroutines outlive them: what was started
// must have ended when whoever started it was closed. It is for TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
package leaktest

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines may take to end on a machine that is busy.
const patience = 10 * time.Second

// shared is what watches over servers that the tests of a package have started for those of
// others, too: it ends with the process.
var shared = goleak.IgnoreAnyFunction("openpayment/internal/cassandratest.(*guardian).watch")

// Run runs the tests and then waits a moment for goroutines to end. It gives the code to
// exit with, which is 1 when all tests have passed and there are still some, each of which
// is printed. Options name those that can't be helped. What fuzzing starts is not looked at.
func Run(m goleak.TestingM, options ...goleak.Option) int {
	code := m.Run()
	if fuzz := flag.Lookup("test.fuzz"); code != 0 || fuzz != nil && fuzz.Value.String() != "" {
		return code
	}
	options = append(options, shared)
	http.DefaultClient.CloseIdleConnections() // those of all tests that use it
	err := goleak.Find(options...)
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); {
		err = goleak.Find(options...) // which itself waits a moment
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: goroutines have outlived the tests:", err)
		return 1
	}
	return code
}
