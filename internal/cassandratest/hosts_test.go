package cassandratest

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestParseHosts(t *testing.T) {
	for list, want := range map[string][]string{
		"localhost":              {"localhost:9042"},
		"10.0.0.1:9142,10.0.0.2": {"10.0.0.1:9142", "10.0.0.2:9042"},
		" a , b:1 ,":             {"a:9042", "b:1"},
		"::1":                    {"[::1]:9042"},
		"[::1]:9042":             {"[::1]:9042"},
		" , ":                    nil,
		"a:cql":                  nil,
	} {
		got, err := parseHosts(list)
		if !slices.Equal(got, want) || (err != nil) != (want == nil) {
			t.Errorf("parseHosts(%q) = %q, %v; want %q", list, got, err, want)
		}
	}
}

// The processes of one run look for a server once, and tell the user once that there is none.
func TestOnlyTheFirstOfARunSearches(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv(requireEnv, "")
	owner := startOwner(t)
	var searches, announcements atomic.Int32
	r := testRun{
		owner: owner.process,
		providers: []provider{{"nothing", func(context.Context, config) (server, error) {
			searches.Add(1)
			return nil, errors.New("is here")
		}}},
		announce: func(text string) {
			announcements.Add(1)
			if !strings.Contains(text, "nothing: is here") {
				t.Errorf("the banner does not say why:\n%s", text)
			}
		},
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := r.shared(t.Context())
			var none *unavailable
			if !errors.As(err, &none) || !slices.Equal(none.reasons, []string{"nothing: is here"}) {
				t.Errorf("shared: %v", err)
			}
		})
	}
	wg.Wait()
	if searches.Load() != 1 || announcements.Load() != 1 {
		t.Errorf("%d searches, %d announcements", searches.Load(), announcements.Load())
	}

	owner.kill()
	eventually(t, "the run's directory is removed", func() bool {
		_, err := os.Stat(r.dir())
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestHosts(t *testing.T) {
	hosts := Hosts(t)
	if again := Hosts(t); !slices.Equal(again, hosts) {
		t.Errorf("Hosts = %v, then %v", hosts, again)
	}
	version, err := probe(t.Context(), hosts, "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(version, "5.") && os.Getenv(hostsEnv) == "" {
		t.Errorf("version %s", version)
	}
}

// Another process of the same run finds what the first has started, as long as it is there.
func TestASharedServerIsChecked(t *testing.T) {
	hosts := Hosts(t)
	if err := (sharing{Hosts: hosts}).check(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := sharing{Hosts: hosts, Cluster: "somebody else's"}.check(ctx)
	if err == nil || decide("", err) != fail {
		t.Errorf("check of a foreign server: %v", err)
	}
}

func TestKeyspaceIsDropped(t *testing.T) {
	hosts := Hosts(t)
	session, err := connect(hosts)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var name string
	t.Run("user", func(t *testing.T) {
		name = Keyspace(t)
		if other := Keyspace(t); other == name {
			t.Errorf("%s twice", name)
		}
		create := "CREATE KEYSPACE " + name + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
		if err := session.Query(create).Exec(); err != nil {
			t.Fatal(err)
		}
	})
	var n int
	const count = `SELECT count(*) FROM system_schema.keyspaces WHERE keyspace_name = ?`
	if err := session.Query(count, name).Scan(&n); err != nil || n != 0 {
		t.Errorf("keyspace %s: %d left, %v", name, n, err)
	}
}

func TestKeyspaceName(t *testing.T) {
	for test, prefix := range map[string]string{
		"TestAppend":                "t_append_",
		"TestÜber/ein_Bett,3":       "t_ber_ein_bett_3_",
		"Test":                      "t__",
		strings.Repeat("TestX", 20): "t_xtestxtestx",
	} {
		name := keyspaceName(test)
		if !strings.HasPrefix(name, prefix) || len(name) > maxKeyspace {
			t.Errorf("keyspaceName(%q) = %q", test, name)
		}
	}
}
