package histories

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// clockEnv sets a service's clock wrong: a duration. The program is built for it: see build.
const clockEnv = "HISTORIES_CLOCK"

// build makes the service's program, in dir, with build tags. It is the one that is shipped, but
// for its clock: where it takes time.Now for that, it takes one that is wrong by what clockEnv says.
func build(t testing.TB, dir, tags string) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	const seam, file = "cfg.Writer.Now = time.Now\n", "account/journal/service.go"
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), seam) != 1 {
		t.Fatalf("%s does not set its clock by %q any more", file, seam)
	}
	changed := strings.Replace(string(text), seam, "cfg.Writer.Now = wrongClock()\n", 1)
	changed = strings.Replace(changed, "import (\n", "import (\n\t\"os\"\n", 1) + `
func wrongClock() func() time.Time {
	by, err := time.ParseDuration(os.Getenv("` + clockEnv + `"))
	if err != nil {
		panic(err)
	}
	return func() time.Time { return time.Now().Add(by) }
}
`
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	overlay := write("overlay.json", fmt.Sprintf(`{"Replace":{%q:%q}}`, filepath.Join(root, file), write("service.go.txt", changed)))
	program := filepath.Join(dir, "openpayment")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-tags", tags, "-o", program, "./cmd/openpayment")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// service is one node's place: a process runs there, or will again. One goroutine uses it.
type service struct {
	t       testing.TB
	program string
	dir     string // of its own, with its log
	listen  string // the same for all its processes
	url     string
	env     []string
	args    []string

	clock  time.Duration // by which the next process's clock is wrong
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
	killed bool          // by us
}

// start begins a process, which takes a moment to listen.
func (s *service) start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(s.program, append([]string{"serve", "--listen", s.listen}, s.args...)...)
	cmd.Dir, cmd.Stderr = s.dir, log
	cmd.Env = append(append(os.Environ(), s.env...), clockEnv+"="+s.clock.String())
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	exited := make(chan struct{})
	s.cmd, s.exited, s.killed = cmd, exited, false
	go func() { // ends with the process, which kill ends
		_ = cmd.Wait() // it is always by a signal
		close(exited)
	}()
}

// kill is kill -9. One that stands still is killed too.
func (s *service) kill() {
	if s.cmd == nil || s.killed {
		return
	}
	s.killed = true
	_ = s.cmd.Process.Kill() // it may have ended already, which check finds
	<-s.exited
}

// check demands that the process runs, unless it was killed by us.
func (s *service) check() {
	s.t.Helper()
	select {
	case <-s.exited:
		if !s.killed {
			s.t.Fatalf("the service has ended by itself: %v\n%s", s.cmd.ProcessState, s.tail())
		}
	default:
	}
}

// freeze stops the process in its tracks, or lets it go on.
func (s *service) freeze(on bool) {
	sig := syscall.SIGCONT
	if on {
		sig = syscall.SIGSTOP
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("%v: %v\n%s", sig, err, s.tail())
	}
}

// tail is the end of its log.
func (s *service) tail() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
