package cassandratest

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

//go:embed conf/cassandra.yaml.tmpl
var yamlText string

//go:embed conf/logback.xml
var logbackText string

// A config is what one server is started with.
type config struct {
	name        string        // the cluster's; "" for one made of the ports
	owner       process       // whose end is the server's
	dir         string        // conf, data and log
	remove      string        // what the guardian removes afterwards: dir, something around it, or nothing
	address     string        // a loopback address to listen on
	port        int           // CQL
	storagePort int           // between nodes; never published from a container
	seeds       string        // "address:storagePort"; empty for a node that is its own
	ringDelay   time.Duration // how long a node that starts may take to hear of the others
	heap        string        // -Xmx
	jvm         []string      // more flags of Java's
	settings    []setting     // over conf/cassandra.yaml.tmpl
}

type setting struct{ key, value string }

func (c config) hostPort() string { return net.JoinHostPort(c.address, strconv.Itoa(c.port)) }

// cluster is the cluster's name. The port in it lets a probe tell this server from a foreign one that was faster to bind it.
func (c config) cluster() string {
	if c.name != "" {
		return c.name
	}
	if c.seeds == "" {
		return fmt.Sprintf("openpayment-test-%d-%d", c.port, c.storagePort)
	}
	return "openpayment-test-ring-" + c.seeds
}

// addresses are the parts of cassandra.yaml that depend on where the server runs, on this machine or in a container.
type addresses struct {
	Listen, RPC, Broadcast string
	Port, StoragePort      int
	Data                   string
}

// yaml renders cassandra.yaml.
func (c config) yaml(a addresses) string {
	seeds := c.seeds
	if seeds == "" {
		seeds = net.JoinHostPort(a.Listen, strconv.Itoa(a.StoragePort))
	}
	var text strings.Builder
	err := template.Must(template.New("yaml").Parse(yamlText)).Execute(&text, struct {
		addresses
		Cluster, Seeds string
	}{a, c.cluster(), seeds})
	if err != nil {
		panic(err) // the template is part of the program
	}
	return override(text.String(), c.settings)
}

// override replaces top-level keys of a YAML text: Cassandra refuses a key that is there twice. An empty value only drops it.
func override(text string, settings []setting) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for _, s := range settings {
		lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, s.key+":") })
		if s.value != "" {
			lines = append(lines, s.key+": "+s.value)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// write puts the configuration files into dir/conf.
func (c config) write() error {
	conf := filepath.Join(c.dir, "conf")
	for _, dir := range []string{conf, filepath.Join(c.dir, "tmp")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	text := c.yaml(addresses{
		Listen: c.address, RPC: c.address, Broadcast: c.address,
		Port: c.port, StoragePort: c.storagePort, Data: filepath.Join(c.dir, "data"),
	})
	if err := os.WriteFile(filepath.Join(conf, "cassandra.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(conf, "logback.xml"), []byte(logbackText), 0o600)
}

// command is the command line of a server run from jars.
func (c config) command(java, lib string) []string {
	conf := filepath.Join(c.dir, "conf")
	args := []string{
		java, "-Xms512m", "-Xmx" + c.heap,
		"-XX:-UsePerfData", // its file in the temporary directory would outlive a killed server
		"-Djava.io.tmpdir=" + filepath.Join(c.dir, "tmp"),
		"-Djava.net.preferIPv4Stack=true",
		"-Djava.security.manager=allow", // the default up to Java 17
		"-Djdk.attach.allowAttachSelf=true",
		"-Dcassandra.config=file://" + filepath.Join(conf, "cassandra.yaml"),
		"-Dlogback.configurationFile=file://" + filepath.Join(conf, "logback.xml"),
		"-Dcassandra.storagedir=" + filepath.Join(c.dir, "data"),
		"-Dcassandra-foreground=yes",
		"-Dcassandra.superuser_setup_delay_ms=0",       // for those with an authenticator: nobody else makes that role
		"-Dcassandra.skip_wait_for_gossip_to_settle=0", // nobody to gossip with, or few and near
		fmt.Sprintf("-Dcassandra.ring_delay_ms=%d", c.ringDelay.Milliseconds()),
	}
	args = append(append(args, c.jvm...), moduleFlags()...)
	return append(args, "-cp", conf+string(os.PathListSeparator)+filepath.Join(lib, "*"), "org.apache.cassandra.service.CassandraDaemon")
}

// moduleFlags opens what Cassandra uses of the JDK's inner parts, as its own start script does.
func moduleFlags() []string {
	var flags []string
	for _, p := range strings.Fields(`jdk.internal.misc jdk.internal.ref jdk.internal.loader jdk.internal.math jdk.internal.module
		jdk.internal.util.jar sun.nio.ch sun.nio.fs java.lang java.lang.invoke java.lang.reflect java.lang.module java.util
		java.util.concurrent java.util.concurrent.atomic java.io java.nio java.net`) {
		flags = append(flags, "--add-exports=java.base/"+p+"=ALL-UNNAMED", "--add-opens=java.base/"+p+"=ALL-UNNAMED")
	}
	for _, p := range strings.Fields(`java.rmi/sun.rmi.registry java.rmi/sun.rmi.server java.rmi/sun.rmi.transport
		java.rmi/sun.rmi.transport.tcp java.sql/java.sql jdk.attach/sun.tools.attach
		jdk.management/com.sun.management.internal java.management.rmi/com.sun.jmx.remote.internal.rmi`) {
		flags = append(flags, "--add-exports="+p+"=ALL-UNNAMED")
	}
	return append(flags, "--add-opens=java.rmi/sun.rmi.transport.tcp=ALL-UNNAMED",
		"--add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED")
}

// FreePort returns a port that is free on all the addresses at this moment. It stays clear of the range from which systems
// serve outgoing connections (Linux from 32768, macOS from 49152), so that none of those takes it while a node is down.
func FreePort(addresses ...string) (int, error) {
	var err error
	for range 100 {
		port := 20000 + rand.IntN(12000)
		if err = canListen(port, addresses); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port: %w", err)
}

func canListen(port int, addresses []string) error {
	for _, a := range addresses {
		l, err := net.Listen("tcp", net.JoinHostPort(a, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		l.Close()
	}
	return nil
}
