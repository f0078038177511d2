package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"openpayment/internal/cassandratest"
	"openpayment/internal/certtest"
	"openpayment/schema"
)

// secured is a Cassandra server with passwords, rights and TLS, whose certificate is for
// the name cassandra.example and which asks clients for theirs. For tests it speaks
// without TLS too.
type secured struct {
	*testing.T
	host   string
	ca     *certtest.CA
	client certtest.Pair
}

func startSecured(t *testing.T) *secured {
	t.Helper()
	ca := certtest.NewCA(t)
	pair := ca.Issue("cassandra.example")
	pem := ""
	for _, file := range []string{pair.Key, pair.Cert} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pem += string(text)
	}
	trusted, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	// JSON is YAML, and one line.
	options, err := json.Marshal(map[string]any{
		"enabled": true, "optional": true, "require_client_auth": true,
		"ssl_context_factory": map[string]any{
			"class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory",
			"parameters": map[string]string{"private_key": pem, "trusted_certificates": string(trusted)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	node := cassandratest.StartNode(t,
		cassandratest.Setting("authenticator", "PasswordAuthenticator"),
		cassandratest.Setting("authorizer", "CassandraAuthorizer"),
		cassandratest.Setting("permissions_validity", "0ms"), // a grant counts at once
		cassandratest.Setting("drop_truncate_table_enabled", "false"),
		cassandratest.Setting("client_encryption_options", string(options)))
	return &secured{t, node.Host(), ca, ca.Issue("a client")}
}

// store is the URL for a role, with parameters after those of TLS.
func (s *secured) store(role string, parameters ...string) string {
	all := append([]string{"tls=true", "ca=" + url.QueryEscape(s.ca.File), "server-name=cassandra.example",
		"cert=" + url.QueryEscape(s.client.Cert), "key=" + url.QueryEscape(s.client.Key)}, parameters...)
	return fmt.Sprintf("cassandra://%s:%s@%s/openpayment?%s", role, url.PathEscape(passwords[role]), s.host, strings.Join(all, "&"))
}

// passwords are those in roles.cql.
var passwords = map[string]string{
	"openpayment_migrator": "choose one", "openpayment_service": "choose another", "openpayment_auditor": "choose a third",
	cassandratest.Superuser: cassandratest.Superuser,
}

// shell is what a role could do with cqlsh.
func (s *secured) shell(role string) *gocql.Session {
	s.Helper()
	cluster := gocql.NewCluster(s.host)
	cluster.ProtoVersion = 4
	cluster.Timeout = time.Minute
	cluster.ConnectTimeout = 20 * time.Second
	cluster.Authenticator = gocql.PasswordAuthenticator{Username: role, Password: passwords[role]}
	session, err := cluster.CreateSession()
	if err != nil {
		s.Fatal(role, err)
	}
	s.Cleanup(session.Close)
	return session
}

// runFile runs a file of schema/cassandra as the superuser. Errors of statements for which
// mayFail is true do not count.
func (s *secured) runFile(session *gocql.Session, name string, mayFail func(statement string) bool) {
	s.Helper()
	text, err := os.ReadFile("../../schema/cassandra/" + name)
	if err != nil {
		s.Fatal(err)
	}
	for _, statement := range schema.SplitStatements(string(text)) {
		if err := session.Query(statement).Exec(); err != nil && !mayFail(statement) {
			s.Errorf("%s: %v", statement, err)
		}
	}
}

// TestTheServiceNeedsNoMoreThanItsRole creates roles and tables as schema/README.md says, runs
// everything a service does with the role that is meant for it, and has each role try
// what it must not be able to do.
func TestTheServiceNeedsNoMoreThanItsRole(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server of its own")
	}
	s := startSecured(t)
	super := s.shell(cassandratest.Superuser)
	s.runFile(super, "keyspace.cql", func(string) bool { return false })
	s.runFile(super, "roles.cql", func(statement string) bool { return strings.Contains(statement, " ON TABLE ") })
	t.Run("the migrator creates the tables", func(t *testing.T) {
		p := start(t, "--store", s.store("openpayment_migrator"), "--snapshot-at-shutdown=false")
		if code := p.Terminate(); code != exitOK {
			t.Errorf("exit code %d\n%s", code, p.Log())
		}
	})
	s.runFile(super, "roles.cql", func(string) bool { return false })
	t.Run("TLS", func(t *testing.T) { s.refusesWhatIsNotVerified(t) })
	t.Run("the service does all it has to", func(t *testing.T) { s.serves(t) })
	t.Run("the service's role measures in the keyspace there is, and leaves nothing", func(t *testing.T) { s.measures(t) })
	t.Run("the auditor reads everything", func(t *testing.T) {
		store := s.store("openpayment_auditor", "migrate=false")
		for _, command := range [][]string{{"log", "verify"}, {"log", "tail", "-n", "1"}, {"snapshot", "list"}} {
			if code, stdout, stderr := program(append(command, "--store", store)...); code != exitOK {
				t.Errorf("%v: exit code %d\n%s%s", command, code, stdout, stderr)
			}
		}
		// One node with fast settings has its problems; none is that something can't be read.
		_, stdout, stderr := program("doctor", "--store", store)
		if !strings.Contains(stdout, "commit log sync       periodic") || !strings.Contains(stdout, "1 problems") {
			t.Errorf("doctor:\n%s%s", stdout, stderr)
		}
	})
	t.Run("no role may do more", func(t *testing.T) { s.mayNotDoMore(t) })
}

// serves does everything with the service's role.
func (s *secured) serves(t *testing.T) {
	p := start(t, "--store", s.store("openpayment_service", "migrate=false"))
	for i := range 20 {
		p.must(http.StatusCreated, "POST", "/v1/accounts", fmt.Sprintf(`{"accountNumber":"%d","sortCode":"10-20-30"}`, 12345678+i))
		p.must(http.StatusCreated, "POST", fmt.Sprintf("/v1/accounts/%d/deposits", 12345678+i), `{"amount":100,"currency":"GBP"}`)
	}
	p.must(http.StatusCreated, "POST", "/v1/transfers", `{"from":"12345678","to":"12345679","amount":5,"currency":"GBP"}`)
	p.must(http.StatusOK, "GET", "/v1/accounts/12345678/events", "", "Consistency: strong")
	p.must(http.StatusCreated, "POST", "/v1/admin/snapshots", "")
	for _, command := range [][]string{{"replay", "--url", p.URL}, {"replay", "--from", "snapshot", "--url", p.URL}} {
		if code, stdout, stderr := program(command...); code != exitOK {
			t.Errorf("%v: exit code %d\n%s%s", command, code, stdout, stderr)
		}
	}
	if code := p.Terminate(); code != exitOK { // with another snapshot
		t.Errorf("exit code %d\n%s", code, p.Log())
	}
	if strings.Contains(p.Log(), "unauthorized") || strings.Contains(p.Log(), "permission") {
		t.Errorf("it was refused something:\n%s", p.Log())
	}
	again := start(t, "--store", s.store("openpayment_service", "migrate=false"))
	again.must(http.StatusOK, "GET", "/v1/accounts/12345679", "")
	again.Terminate()
	store := s.store("openpayment_service", "migrate=false")
	if code, stdout, stderr := program("snapshot", "delete", "--all", "--store", store); code != exitOK {
		t.Errorf("snapshot delete: exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := program("log", "verify", "--store", store); code != exitOK {
		t.Errorf("log verify: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// measures has the service's role measure, which may not make a keyspace.
func (s *secured) measures(t *testing.T) {
	hasty(t)
	super := s.shell(cassandratest.Superuser)
	rows := func() (counts []int) {
		for _, table := range []string{"events", "logs", "cursors", "snapshots", "snapshot_chunks", "subscriptions"} {
			rows, err := super.Query("SELECT * FROM openpayment." + table).Iter().SliceMap()
			if err != nil {
				t.Fatal(err)
			}
			counts = append(counts, len(rows))
		}
		return counts
	}
	before := rows()
	code, stdout, stderr := program("bench", "--cases", "append/16,snapshot", "--store", s.store("openpayment_service", "migrate=false"))
	if code != exitOK || !strings.Contains(stdout, "since its role may not make a keyspace") || !strings.Contains(stdout, "append/16 ") || strings.Contains(stdout, "FAILED") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if after := rows(); !slices.Equal(after, before) {
		t.Errorf("the tables have %d rows, not %d", after, before)
	}
}

// mayNotDoMore has roles try what is not for them.
func (s *secured) mayNotDoMore(t *testing.T) {
	always := []string{
		`DROP TABLE openpayment.events`, `DROP KEYSPACE openpayment`, `TRUNCATE openpayment.events`, `TRUNCATE openpayment.snapshots`,
		`CREATE KEYSPACE other WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}`,
		`ALTER KEYSPACE openpayment WITH durable_writes = false`,
		`CREATE ROLE another WITH LOGIN = true AND PASSWORD = 'x'`, `GRANT ALL ON ALL KEYSPACES TO openpayment_service`,
		`ALTER ROLE cassandra WITH PASSWORD = 'x'`, `SELECT * FROM system_auth.roles`, `SELECT * FROM elsewhere.secrets`,
	}
	service := []string{
		`CREATE TABLE openpayment.another (a int PRIMARY KEY)`, `ALTER TABLE openpayment.events ADD another text`,
		`CREATE INDEX ON openpayment.events (subject)`, `DROP TABLE openpayment.cursors`,
		`INSERT INTO openpayment.schema_versions (version, name) VALUES (99, 'x')`,
	}
	auditor := append(service, `INSERT INTO openpayment.cursors (log, subscriber, position) VALUES ('main', 'x', 1)`,
		`UPDATE openpayment.events SET head = 0 WHERE log = 'main' AND bucket = 0 IF head = 1`,
		`DELETE FROM openpayment.events WHERE log = 'main' AND bucket = 0`, `DELETE FROM openpayment.snapshots WHERE log = 'main'`)
	super := s.shell(cassandratest.Superuser)
	for _, statement := range []string{
		`CREATE KEYSPACE elsewhere WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}`,
		`CREATE TABLE elsewhere.secrets (a int PRIMARY KEY)`,
	} {
		if err := super.Query(statement).Exec(); err != nil {
			t.Fatal(err)
		}
	}
	for role, statements := range map[string][]string{
		"openpayment_service": append(always, service...), "openpayment_auditor": append(always, auditor...), "openpayment_migrator": always,
	} {
		session := s.shell(role)
		for _, statement := range statements {
			err := session.Query(statement).Exec()
			answer, refused := err.(gocql.RequestError)
			guarded := refused && answer.Code() == gocql.ErrCodeInvalid && strings.Contains(err.Error(), "Guardrail")
			if !refused || answer.Code() != gocql.ErrCodeUnauthorized && !guarded {
				t.Errorf("%s: %s: %v", role, statement, err)
			}
		}
	}
}

// refusesWhatIsNotVerified tries to reach the server without believing it, or without being
// believed.
func (s *secured) refusesWhatIsNotVerified(t *testing.T) {
	stranger := certtest.NewCA(t)
	theirs := stranger.Issue("a client")
	escape := url.QueryEscape
	ca, cert, key := "&ca="+escape(s.ca.File), "&cert="+escape(s.client.Cert), "&key="+escape(s.client.Key)
	const name = "&server-name=cassandra.example"
	for what, c := range map[string]struct{ parameters, says string }{
		"all is well":                     {ca + cert + key + name, ""},
		"a name the certificate has not":  {ca + cert + key, "check ca and server-name"},
		"another name":                    {ca + cert + key + "&server-name=other.example", "not other.example"},
		"an authority nobody knows":       {cert + key + name, "unknown authority"},
		"another authority":               {"&ca=" + escape(stranger.File) + cert + key + name, "unknown authority"},
		"no certificate of the client's":  {ca + name, "check cert and key"},
		"one that the server won't take":  {ca + name + "&cert=" + escape(theirs.Cert) + "&key=" + escape(theirs.Key), "check cert and key"},
		"a file that isn't there":         {"&ca=/no/such/file" + name, "no such file"},
		"a file without a certificate":    {"&ca=" + escape(s.client.Key) + name, "no certificate in"},
		"a certificate and another's key": {ca + cert + "&key=" + escape(theirs.Key) + name, "cert and key"},
	} {
		t.Run(what, func(t *testing.T) {
			store := "cassandra://openpayment_auditor:" + url.PathEscape(passwords["openpayment_auditor"]) + "@" + s.host +
				"/openpayment?migrate=false&connect-timeout=5s&tls=true" + c.parameters
			code, stdout, stderr := program("log", "tail", "--store", store)
			if c.says == "" {
				if code != exitOK {
					t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
				}
				return
			}
			if code == exitOK || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "choose a third") {
				t.Errorf("exit code %d; stderr does not say %q:\n%s", code, c.says, stderr)
			}
		})
	}
}
