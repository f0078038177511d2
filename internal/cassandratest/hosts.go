package cassandratest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// knownTimeout is how long a server that is said to run may take to answer.
const knownTimeout = 30 * time.Second

// sharedHeap is the shared server's -Xmx: plenty for tests, little enough for a laptop.
const sharedHeap = "1g"

// Hosts returns the contact points ("host:port") of a running Cassandra that all packages of a test run share. The package
// comment says which one it is, and for how long.
//
// The first call of a run waits for the server to start, some 10 s once the server has been downloaded; concurrent calls wait
// with it. If no server can be had the test is skipped, or fails with REQUIRE_CASSANDRA=1. Servers named by CASSANDRA_HOSTS
// that do not answer are a failure in any case. What the test runs against goes into its log.
func Hosts(t testing.TB) []string {
	t.Helper()
	s, err := shared()
	settle(t, err)
	t.Logf("cassandratest: %s at %s%s", s.About, strings.Join(s.Hosts, ", "), s.Note)
	return slices.Clone(s.Hosts)
}

// A sharing is what the test processes of one run tell each other. It is the content of a file in the run's directory, written
// by the first of them while it holds the lock.
type sharing struct {
	Hosts   []string `json:",omitempty"`
	Cluster string   `json:",omitempty"` // the name a probe expects; "" for any
	About   string   `json:",omitempty"` // what runs there
	Note    string   `json:",omitempty"` // why a preferred provider was passed over
	Log     string   `json:",omitempty"` // the server's log
	Reasons []string `json:",omitempty"` // why there is none: the others need not find out again
}

// shared asks once per process.
var shared = sync.OnceValues(func() (sharing, error) {
	ctx := context.Background()
	if list := os.Getenv(hostsEnv); list != "" {
		return named(ctx, list)
	}
	if !supported {
		return sharing{}, &unavailable{[]string{"servers of our own are not supported on this system"}}
	}
	r := testRun{owner: runOwner(), providers: providers(), announce: announce}
	return r.shared(ctx)
})

// named uses servers that are there already.
func named(ctx context.Context, list string) (sharing, error) {
	hosts, err := parseHosts(list)
	if err != nil {
		return sharing{}, fmt.Errorf("%s=%s: %w", hostsEnv, list, err)
	}
	ctx, cancel := context.WithTimeout(ctx, knownTimeout)
	defer cancel()
	version, err := await(ctx, hosts, "", nil)
	if err != nil {
		return sharing{}, fmt.Errorf("%s=%s: %w", hostsEnv, list, err)
	}
	return sharing{Hosts: hosts, About: fmt.Sprintf("Cassandra %s (named by %s)", version, hostsEnv)}, nil
}

// parseHosts splits "host[:port],..." and adds the usual port.
func parseHosts(list string) ([]string, error) {
	var hosts []string
	for h := range strings.SplitSeq(list, ",") {
		h = strings.TrimSpace(h)
		if h == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(h); err != nil {
			h = net.JoinHostPort(strings.Trim(h, "[]"), "9042")
		}
		// A mistake is told at once; a host that is down is waited for.
		if _, port, _ := net.SplitHostPort(h); !isPort(port) {
			return nil, fmt.Errorf("%q has no port number", h)
		}
		hosts = append(hosts, h)
	}
	if len(hosts) == 0 {
		return nil, errors.New("names no host")
	}
	return hosts, nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// A testRun is one `go test ./...`, seen from one of its processes.
type testRun struct {
	owner     process
	providers []provider
	announce  func(text string)
}

// dir is the directory that the run's processes have in common. It has a user's ID because one user's temporary directory may
// be everybody's.
func (r testRun) dir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("openpayment-test-%d-%s", os.Getuid(), r.owner.name()))
}

// shared returns the run's server, which it starts if this is the first process to need it.
func (r testRun) shared(ctx context.Context) (sharing, error) {
	dir := r.dir()
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return sharing{}, err
	}
	lockFile, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return sharing{}, err
	}
	defer lockFile.Close() // and so unlock
	if err := lock(lockFile); err != nil {
		return sharing{}, fmt.Errorf("lock %s: %w", lockFile.Name(), err)
	}

	file := filepath.Join(dir, "shared.json")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r.start(ctx, file)
	}
	if err != nil {
		return sharing{}, err
	}
	var s sharing
	if err := json.Unmarshal(text, &s); err != nil {
		return sharing{}, fmt.Errorf("%s: %w", file, err)
	}
	return s, s.check(ctx)
}

// check makes sure that what another process has found still holds.
func (s sharing) check(ctx context.Context) error {
	if len(s.Reasons) > 0 {
		return &unavailable{s.Reasons}
	}
	ctx, cancel := context.WithTimeout(ctx, knownTimeout)
	defer cancel()
	if _, err := await(ctx, s.Hosts, s.Cluster, nil); err != nil {
		text, _ := os.ReadFile(s.Log)
		return fmt.Errorf("the shared server at %v has gone: %w\n%s", s.Hosts, err, lastLines(string(text), logLines))
	}
	return nil
}

// start starts the run's server and tells the other processes by the file. It is called under the lock.
func (r testRun) start(ctx context.Context, file string) (sharing, error) {
	dir := r.dir()
	// One guardian for the directory, beside the server's own: it is needed even if there is no server.
	if _, err := startGuardian(charge{Owner: r.owner, Remove: dir}); err != nil {
		return sharing{}, err
	}
	serverDir, err := os.MkdirTemp(dir, "server-")
	if err != nil {
		return sharing{}, err
	}
	c := config{owner: r.owner, dir: serverDir, remove: serverDir, address: "127.0.0.1", heap: sharedHeap}
	l, err := launch(ctx, r.providers, c)
	var s sharing
	var none *unavailable
	switch {
	case err == nil:
		s = sharing{Hosts: []string{l.hostPort()}, Cluster: l.cluster, About: l.about, Log: filepath.Join(serverDir, "cassandra.log")}
		if len(l.passedOver) > 0 {
			s.Note = "; passed over: " + strings.Join(l.passedOver, "; ")
		}
	case errors.As(err, &none):
		s = sharing{Reasons: none.reasons}
		if !isOn(os.Getenv(requireEnv)) {
			r.announce(banner(err))
		}
	default:
		return sharing{}, err
	}
	text, jsonErr := json.MarshalIndent(s, "", "\t")
	if jsonErr == nil {
		jsonErr = os.WriteFile(file, text, 0o600)
	}
	if jsonErr != nil {
		return sharing{}, jsonErr
	}
	return s, err
}
