package cassandratest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

const (
	imageName = "cassandra"
	imageTag  = "5.0"
)

const (
	// pingTimeout bounds the question whether an engine is there at all. The docker command alone does not mean one is.
	pingTimeout = 2 * time.Second
	// pullTimeout bounds the download of the image, some 150 MB.
	pullTimeout = 4 * time.Minute
	// containerLife is when a container ends itself if nothing else has ended it: this machine may have been switched off
	// and the engine be another one.
	containerLife = 2 * time.Hour
)

// entrypoint writes our cassandra.yaml over the image's and gives the server a hard limit of life. dockertest's own way to have
// one, Resource.Expire, is a request that has to stay open; the test binary that would hold it is soon gone.
const entrypoint = `printf '%s' "$OPENPAYMENT_CASSANDRA_YAML" >/etc/cassandra/cassandra.yaml &&
exec timeout -k 10 "$OPENPAYMENT_LIFE" docker-entrypoint.sh cassandra -f`

// A containerServer is a Docker container.
type containerServer struct {
	config   config
	pool     *dockertest.Pool
	name     string
	resource *dockertest.Resource // nil before the first start
	guardian *guardian
}

var _ server = (*containerServer)(nil)

// newContainer returns a server in Docker. The error says so if there is no engine or no image.
func newContainer(ctx context.Context, c config) (server, error) {
	pool, err := dockertest.NewPool("")
	if err != nil {
		return nil, err
	}
	ping, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := pool.Client.PingWithContext(ping); err != nil {
		return nil, fmt.Errorf("no engine answers: %w", err)
	}
	if err := pull(ctx, pool); err != nil {
		return nil, fmt.Errorf("an engine answers, but the image %s:%s cannot be had: %w", imageName, imageTag, err)
	}
	if c.address, err = engineAddress(pool); err != nil {
		return nil, err
	}
	return &containerServer{config: c, pool: pool, name: "openpayment-test-" + filepath.Base(c.dir)}, nil
}

func pull(ctx context.Context, pool *dockertest.Pool) error {
	if _, err := pool.Client.InspectImage(imageName + ":" + imageTag); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	return pool.Client.PullImage(docker.PullImageOptions{Repository: imageName, Tag: imageTag, Context: ctx}, docker.AuthConfiguration{})
}

// engineAddress is the IP at which published ports are reached: a remote engine's ($DOCKER_HOST), else this machine's.
func engineAddress(pool *dockertest.Pool) (string, error) {
	u, err := url.Parse(pool.Client.Endpoint())
	if err != nil || u.Hostname() == "" {
		return "127.0.0.1", nil // a socket or a pipe
	}
	ips, err := net.LookupIP(u.Hostname())
	if err != nil {
		return "", err
	}
	for _, ip := range ips {
		if ip.To4() != nil {
			return ip.String(), nil
		}
	}
	return ips[0].String(), nil
}

func (s *containerServer) start(ctx context.Context) (string, error) {
	if err := s.run(); err != nil {
		return "", fmt.Errorf("an engine answers, but the container does not start: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	gone := make(chan struct{})
	// Owned by start: ends with ctx at the latest.
	go func() {
		if _, err := s.pool.Client.WaitContainerWithContext(s.resource.Container.ID, ctx); err == nil {
			close(gone)
		}
	}()
	version, err := await(ctx, []string{s.config.hostPort()}, s.config.cluster(), gone)
	if err != nil {
		return "", fmt.Errorf("%w; its log ends with:\n%s", err, s.tail())
	}
	return version, nil
}

// run has the engine run the container, a new one the first time.
func (s *containerServer) run() (err error) {
	if s.resource != nil {
		var running *docker.ContainerAlreadyRunning
		if err := s.pool.Client.StartContainer(s.resource.Container.ID, nil); err != nil && !errors.As(err, &running) {
			return err
		}
		return nil
	}
	// The guardian comes first, so that there is no moment at which nobody would remove the container.
	s.guardian, err = startGuardian(charge{Owner: s.config.owner, Container: s.name, Remove: s.config.remove})
	if err != nil {
		return err
	}
	s.resource, err = s.pool.RunWithOptions(s.options(), func(h *docker.HostConfig) { h.PublishAllPorts = false })
	return err
}

func (s *containerServer) options() *dockertest.RunOptions {
	port := strconv.Itoa(s.config.port)
	const inside = "127.0.0.1" // a single node has nobody to gossip with
	yaml := s.config.yaml(addresses{
		Listen: inside, RPC: "0.0.0.0", Broadcast: s.config.address,
		Port: s.config.port, StoragePort: 7000, Data: "/var/lib/cassandra",
	})
	bind := s.config.address
	if bind != "127.0.0.1" {
		bind = "" // the engine's machine has its own idea of that address
	}
	return &dockertest.RunOptions{
		Name: s.name, Repository: imageName, Tag: imageTag,
		Entrypoint: []string{"/bin/sh", "-c", entrypoint},
		Env: []string{
			"OPENPAYMENT_CASSANDRA_YAML=" + yaml,
			"OPENPAYMENT_LIFE=" + strconv.Itoa(int(containerLife.Seconds())),
			// The image's entry point edits these into cassandra.yaml, with values of its own unless told.
			"CASSANDRA_LISTEN_ADDRESS=" + inside, "CASSANDRA_BROADCAST_ADDRESS=" + inside, "CASSANDRA_SEEDS=" + inside,
			"CASSANDRA_RPC_ADDRESS=0.0.0.0", "CASSANDRA_BROADCAST_RPC_ADDRESS=" + s.config.address,
			"MAX_HEAP_SIZE=" + s.config.heap, "HEAP_NEWSIZE=256m",
			"JVM_EXTRA_OPTS=-Dcassandra.ring_delay_ms=0 -Dcassandra.superuser_setup_delay_ms=0 -Dcassandra.skip_wait_for_gossip_to_settle=0",
		},
		// The same port inside and outside: drivers learn the inner one and use it.
		ExposedPorts: []string{port + "/tcp"},
		PortBindings: map[docker.Port][]docker.PortBinding{docker.Port(port + "/tcp"): {{HostIP: bind, HostPort: port}}},
		Labels:       map[string]string{"openpayment.test.owner": strconv.Itoa(s.config.owner.PID)},
	}
}

func (s *containerServer) end(sig syscall.Signal) error {
	if s.resource == nil {
		return nil
	}
	s.freeze(false) // a paused container takes no signals
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	id := s.resource.Container.ID
	// Killing a container that does not run is an error, and the state to reach.
	err := s.pool.Client.KillContainer(docker.KillContainerOptions{ID: id, Signal: docker.Signal(sig), Context: ctx})
	if err != nil && !isNotRunning(s.pool, id) {
		return err
	}
	if _, err = s.pool.Client.WaitContainerWithContext(id, ctx); err == nil {
		return nil
	}
	killErr := s.pool.Client.KillContainer(docker.KillContainerOptions{ID: id, Signal: docker.SIGKILL})
	return fmt.Errorf("still there %v after %v, killed: %w", endTimeout, sig, errors.Join(err, killErr))
}

func isNotRunning(pool *dockertest.Pool, id string) bool {
	c, err := pool.Client.InspectContainer(id)
	return err == nil && !c.State.Running
}

func (s *containerServer) freeze(on bool) error {
	if s.resource == nil {
		return nil
	}
	if on {
		return s.pool.Client.PauseContainer(s.resource.Container.ID)
	}
	c, err := s.pool.Client.InspectContainer(s.resource.Container.ID)
	if err != nil || !c.State.Paused {
		return err
	}
	return s.pool.Client.UnpauseContainer(c.ID)
}

func (s *containerServer) hostPort() string { return s.config.hostPort() }

func (s *containerServer) tail() string {
	if s.resource == nil {
		return "(no container)"
	}
	var out bytes.Buffer
	err := s.pool.Client.Logs(docker.LogsOptions{
		Container: s.resource.Container.ID, OutputStream: &out, ErrorStream: &out,
		Stdout: true, Stderr: true, Tail: strconv.Itoa(logLines),
	})
	if err != nil {
		return err.Error()
	}
	return out.String()
}

func (s *containerServer) discard() {
	if s.resource != nil {
		s.pool.Purge(s.resource)
	}
	if s.guardian != nil {
		s.guardian.dismiss()
	}
	if s.config.remove != "" {
		os.RemoveAll(s.config.remove)
	}
}
