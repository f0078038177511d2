package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gocql/gocql"

	"openpayment/internal/cassandratest"
)

// step is one command of a document, and the fragments its output must hold, in
// their order.
type step struct {
	command string
	prints  []string
}

var fence = regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$")

// steps reads the commands under a heading of the README.
func steps(t *testing.T, heading string) []step {
	t.Helper()
	return stepsOf(t, "README.md", heading)
}

// stepsOf reads the commands under a heading of a document.
func stepsOf(t *testing.T, document, heading string) []step {
	t.Helper()
	text, err := os.ReadFile("../../" + document)
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", document, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var all []step
	for _, block := range fence.FindAllStringSubmatch(section, -1) {
		body := strings.TrimSpace(block[2])
		if block[1] == "sh" {
			all = append(all, step{command: body})
		} else {
			all[len(all)-1].prints = strings.Split(body, "\n")
		}
	}
	return all
}

// tour runs the steps as a reader would: services are started where the README
// starts them, everything else is pasted into a shell.
type tour struct {
	*testing.T
	store   string // where the log is
	folder  string // where the shell stands
	service *process
}

func (r *tour) run(s step) {
	r.Helper()
	const serve = "go run ./cmd/openpayment"
	if s.command == serve || strings.HasPrefix(s.command, serve+" ") {
		if r.service != nil {
			r.service.Kill()
		}
		r.service = start(r, "--store", r.store)
		return
	}
	if r.service == nil {
		r.Fatalf("%s: the service does not run yet", s.command)
	}
	if name := strings.Fields(s.command)[0]; name != "openpayment" {
		if _, err := exec.LookPath(name); err != nil {
			r.Skipf("%v; the tour needs it", err)
		}
	}
	command := exec.CommandContext(r.Context(), "bash", "-c", strings.ReplaceAll(s.command, "http://127.0.0.1:8080", r.service.URL))
	command.Dir = r.folder
	command.Env = asInstalled(r, r.service.URL)
	output, err := command.CombinedOutput()
	if err != nil {
		r.Errorf("%s: %v\n%s", s.command, err, output)
	}
	r.expect(s, string(output))
}

// asInstalled is the environment of a shell that finds the program under its name, and
// in which that asks the service at url.
func asInstalled(t testing.TB, url string) []string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), envName("url")+"="+url, "PATH="+filepath.Dir(path)+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func (r *tour) expect(s step, output string) {
	r.Helper()
	rest := output
	for _, line := range s.prints {
		at := strings.Index(rest, line)
		if at < 0 {
			r.Errorf("%s\nprints no (further) %q:\n%s", s.command, line, output)
			return
		}
		rest = rest[at+len(line):]
	}
}

func TestTheTourOfTheREADMEWorksWhenPasted(t *testing.T) {
	all := steps(t, "A tour")
	if len(all) < 10 {
		t.Fatalf("the tour has %d commands", len(all))
	}
	folder := t.TempDir()
	r := &tour{T: t, store: "sqlite:" + folder + "/openpayment.db", folder: folder}
	r.run(steps(t, "Run it, test it")[0])
	for _, s := range append(all, steps(t, "At the command line, and from Go")...) {
		r.run(s)
	}
}

func TestTheTourOfTheREADMEWorksOnCassandra(t *testing.T) {
	host, keyspace := cassandratest.Hosts(t)[0], cassandratest.Keyspace(t)
	r := &tour{T: t, store: "cassandra://" + host + "/" + keyspace, folder: t.TempDir()}
	r.run(steps(t, "Run it, test it")[0])
	for _, s := range append(steps(t, "A tour"), steps(t, "On Cassandra")...) {
		switch {
		case strings.HasPrefix(s.command, "sqlite3"), strings.HasPrefix(s.command, "docker"),
			strings.HasSuffix(s.command, "cassandra-server"): // other tests, and the test's own server
		case strings.HasPrefix(s.command, "cqlsh -e "):
			query := strings.Trim(strings.TrimPrefix(s.command, "cqlsh -e "), `"`)
			r.expect(s, cqlRows(t, host, strings.ReplaceAll(query, "openpayment.events", keyspace+".events")))
		default:
			r.run(s)
		}
	}
}

// cqlRows runs a CQL query and gives its rows as text: cqlsh is not everywhere.
func cqlRows(t *testing.T, host, query string) string {
	t.Helper()
	cluster := gocql.NewCluster(host)
	cluster.ProtoVersion = 4
	session, err := cluster.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	rows, err := session.Query(query).Iter().SliceMap()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var text strings.Builder
	for _, row := range rows {
		for _, column := range []string{"seq", "type", "subject", "time", "data"} {
			value, ok := row[column]
			if !ok {
				t.Errorf("%s gives no column %s", query, column)
			}
			fmt.Fprint(&text, value, " | ")
		}
		text.WriteString("\n")
	}
	return text.String()
}

// pasted runs the commands below a heading of a document, which are so many at least,
// beside the service that the README's first command starts.
func pasted(t *testing.T, document, heading string, atLeast int) {
	t.Helper()
	all := stepsOf(t, document, heading)
	if len(all) < atLeast {
		t.Fatalf("%s of %s has %d commands", heading, document, len(all))
	}
	folder := t.TempDir()
	r := &tour{T: t, store: "sqlite:" + folder + "/openpayment.db", folder: folder}
	r.run(steps(t, "Run it, test it")[0])
	for _, s := range all {
		r.run(s)
	}
}
