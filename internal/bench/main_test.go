package bench

import (
	"os"
	"testing"

	"openpayment/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
