package cassandratest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// An owner is a process that does nothing but be there, until it is killed.
type owner struct {
	process
	cmd *exec.Cmd
}

func startOwner(t *testing.T) owner {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Skipf("needs sleep(1): %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	p, ok := identify(cmd.Process.Pid)
	if !ok {
		t.Fatal("a running process is not found")
	}
	return owner{p, cmd}
}

// kill leaves a zombie, as a parent that does not wait would.
func (o owner) kill() { o.cmd.Process.Kill() }

// eventually waits for something that another process does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestAProcessIsAliveUntilItEnds(t *testing.T) {
	o := startOwner(t)
	if !o.alive() {
		t.Error("dead from the start")
	}
	if (process{o.PID, "another moment"}).alive() {
		t.Error("the PID's next owner passes for this one")
	}
	o.kill()
	eventually(t, "dead, though nobody has waited for it", func() bool { return !o.alive() })
	if !self().alive() {
		t.Error("so am I")
	}
}

func TestAGuardianEndsItsChargeWithItsOwner(t *testing.T) {
	o, dir := startOwner(t), filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	g, err := startGuardian(charge{Owner: o.process, Command: []string{"sleep", "601"}, Log: filepath.Join(dir, "log"), Remove: dir})
	if err != nil {
		t.Fatal(err)
	}
	server, ok := identify(g.server)
	if !ok {
		t.Fatalf("no server with PID %d", g.server)
	}
	o.kill()
	<-g.gone
	if server.alive() {
		t.Error("the server is alive")
	}
	if err := g.cmd.Wait(); err != nil {
		t.Errorf("the guardian: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is there: %v", err)
	}
}

func TestAGuardianTellsThatTheServerEndedAndKeepsTheDirectory(t *testing.T) {
	o, dir := startOwner(t), t.TempDir()
	g, err := startGuardian(charge{Owner: o.process, Command: []string{"sleep", "601"}, Log: filepath.Join(dir, "log"), Remove: dir})
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(g.server)
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	<-g.gone
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
	g.dismiss()
}

func TestAServerThatCannotBeStarted(t *testing.T) {
	o, dir := startOwner(t), t.TempDir()
	_, err := startGuardian(charge{Owner: o.process, Command: []string{filepath.Join(dir, "java")}, Log: filepath.Join(dir, "log")})
	if err == nil {
		t.Error("no error")
	}
}

func TestAProcessStandsStillOnlyWhenItWasStopped(t *testing.T) {
	o := startOwner(t)
	if standsStill(o.PID) {
		t.Error("it stands still from the start")
	}
	if err := o.cmd.Process.Signal(sigPause); err != nil {
		t.Fatal(err)
	}
	eventually(t, "standing still", func() bool { return standsStill(o.PID) })
	if err := o.cmd.Process.Signal(sigResume); err != nil {
		t.Fatal(err)
	}
	eventually(t, "going on", func() bool { return !standsStill(o.PID) })
}
