package servicetest_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"openpayment/internal/leaktest"
	"openpayment/internal/servicetest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// serves is a shell that does what a service does as it starts, and then this.
func serves(script string) *exec.Cmd {
	return exec.Command("sh", "-c", `echo '{"message":"begins"}' >&2; echo '{"message":"listening","url":"http://here"}' >&2; `+script)
}

func TestAServiceIsKnownByWhereItListens(t *testing.T) {
	p := servicetest.Start(t, serves("exec sleep 60"))
	if p.URL != "http://here" || !strings.Contains(p.Log(), "begins") {
		t.Errorf("at %q, it says %q", p.URL, p.Log())
	}
	p.Kill()
	if status, ok := p.End().Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("it ends with %v", p.End())
	}
	p.Kill() // once more does no harm
}

func TestAServiceThatIsToldToStopSaysHowItEnded(t *testing.T) {
	p := servicetest.Start(t, serves(`trap 'exit 7' TERM; echo '{"message":"waits"}' >&2; while :; do sleep 0.01; done`))
	p.Eventually("it waits", func() bool { return strings.Contains(p.Log(), "waits") })
	if code := p.Terminate(); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
}
