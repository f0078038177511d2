package bench

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"openpayment/internal/leaktest"
)

// TestMain leaves servers that these tests have started to those who come next.
func TestMain(m *testing.M) {
	os.Exit(leaktest.Run(m, goleak.IgnoreAnyFunction("openpayment/internal/cassandratest.(*guardian).watch")))
}
