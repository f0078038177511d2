package cassandratest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe is what most build services run tests with. Both ways must work there: the first needs rights they may not give.
func TestAnnounceReachesAPipe(t *testing.T) {
	for name, open := range map[string]func(int) (*os.File, error){"dup": dupStderr, "reopen": reopenStderr} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			f, err := open(sleeper(t, w))
			w.Close()
			if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			f.WriteString("loud")
			f.Close()
			got := make([]byte, 10)
			if n, err := r.Read(got); string(got[:n]) != "loud" {
				t.Errorf("read %q, %v", got[:n], err)
			}
		})
	}
}

// In a file the announcement must neither overwrite what is there nor be overwritten.
func TestAnnounceKeepsALogFile(t *testing.T) {
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	log.WriteString("before,")
	pid := sleeper(t, log)
	if f, err := reopenStderr(pid); err == nil {
		f.Close()
		t.Error("a second position in the file")
	}
	f, err := dupStderr(pid)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("loud,")
	f.Close()
	log.WriteString("after")
	if got, _ := os.ReadFile(log.Name()); string(got) != "before,loud,after" {
		t.Errorf("the file has %q", got)
	}
}

// sleeper starts a process with the given stderr and returns its PID.
func sleeper(t *testing.T, stderr *os.File) int {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Skipf("needs sleep(1): %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}
