package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/api/access"
	"openpayment/eventstore"
	"openpayment/eventstore/memory"
)

// served is a service in this process, on a log in memory, that commands ask.
func served(t *testing.T, configure ...func(*api.Config)) *api.Handler {
	t.Helper()
	read := make(chan struct{})
	service, err := journal.Start(context.Background(), memory.New().Open(), journal.Config{
		Progress: func(_, _ eventstore.Position, done bool) {
			if done {
				close(read)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := api.Config{Service: service}
	for _, f := range configure {
		f(&cfg)
	}
	handler := api.New(cfg)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := service.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Setenv(envName("url"), server.URL)
	<-read
	return handler
}

var varying = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|[0-9a-f]{64}`)

// printed is what a command prints, without what is another each time.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	return varying.ReplaceAllStringFunc(succeed(t, args...), func(s string) string {
		return map[int]string{24: "TIME", 36: "ID", 64: "HASH"}[len(s)]
	})
}

// prints demands that.
func prints(t *testing.T, want string, args ...string) {
	t.Helper()
	if got := printed(t, args...); got != want {
		t.Errorf("openpayment %s\n%s\nwant\n%s", strings.Join(args, " "), got, want)
	}
}

func TestPeopleGetTables(t *testing.T) {
	served(t)
	t.Setenv(envName("output"), "table")
	prints(t, `account    12345678
sort code  10-20-30
status     open
balance    0 GBP, in minor units
version    1
opened     TIME
updated    TIME
customer   https://customers.example/1
`, "accounts", "open", "12345678", "--sort-code", "10-20-30", "--customer-url", "https://customers.example/1")
	succeed(t, "accounts", "open", "234567", "--sort-code", "112233", "--currency", "EUR")
	prints(t, `3  TIME  funds.deposited  accounts/12345678  {"accountNumber":"12345678","amount":1250,"currency":"GBP","reference":"till 4"}
`, "deposit", "12345678", "1250", "--reference", "till 4")
	prints(t, `ACCOUNT   SORT CODE  BALANCE  CURRENCY  VERSION  UPDATED
12345678  10-20-30   1250     GBP       3        TIME
234567    11-22-33   0        EUR       2        TIME
`, "accounts", "list")
	prints(t, `ACCOUNT  SORT CODE  BALANCE  CURRENCY  VERSION  UPDATED
234567   11-22-33   0        EUR       2        TIME
`, "accounts", "list", "--sort-code", "112233", "--limit", "1")
	prints(t, `3  TIME  funds.deposited  accounts/12345678  {"accountNumber":"12345678","amount":1250,"currency":"GBP","reference":"till 4"}
1  TIME  account.opened  accounts/12345678  {"accountNumber":"12345678","sortCode":"10-20-30","customerURLs":["https://customers.example/1"],"cardURLs":[],"currency":"GBP"}
`, "accounts", "history", "12345678", "--newest-first")
	prints(t, `account    12345678
sort code  10-20-30
status     open
balance    0 GBP, in minor units
version    1
opened     TIME
updated    TIME
customer   https://customers.example/1
`, "accounts", "get", "12345678", "--at", "2", "--strong", "--min-position", "3")
	prints(t, "account 234567 would be closed\n", "accounts", "close", "234567", "--dry-run")
	prints(t, "account 234567 is closed, at event 4\n", "accounts", "close", "234567", "--if-match", "2")
}

func TestProgramsGetTheDocumentsOfTheAPI(t *testing.T) {
	served(t)
	const account = `{"accountNumber":"12345678","sortCode":"10-20-30","customerURLs":[],"cardURLs":["https://cards.example/9"],"currency":"GBP","balance":0,"status":"open","version":1,"openedAt":"TIME","updatedAt":"TIME"}` + "\n"
	prints(t, account, "accounts", "open", "12345678", "--sort-code", "10-20-30", "--card-url", "https://cards.example/9")
	prints(t, account, "accounts", "get", "12345678")
	prints(t, account, "accounts", "list")
	prints(t, `{"seq":2,"id":"ID","type":"funds.deposited","subject":"accounts/12345678","time":"TIME","meta":{"idempotencyFingerprint":"HASH","idempotencyKey":"k","requestId":"ID"},"data":{"accountNumber":"12345678","amount":1250,"currency":"GBP"},"hash":"HASH"}
`, "deposit", "12345678", "1250", "--idempotency-key", "k")
	prints(t, `{"seq":3,"type":"funds.withdrawn","subject":"accounts/12345678","time":"TIME","meta":{"requestId":"ID"},"data":{"accountNumber":"12345678","amount":50,"currency":"GBP"}}
`, "withdraw", "12345678", "50", "--dry-run")
	succeed(t, "withdraw", "12345678", "1250", "--if-match", "2")
	succeed(t, "accounts", "update", "12345678", "--no-card-urls", "--customer-url", "https://c.example/1", "--customer-url", "https://c.example/2", "--sort-code", "112233")
	prints(t, `{"accountNumber":"12345678","status":"closed","version":5}`+"\n", "accounts", "close", "12345678")
	prints(t, `{"accountNumber":"12345678","sortCode":"11-22-33","customerURLs":["https://c.example/1","https://c.example/2"],"cardURLs":[],"currency":"GBP","balance":0,"status":"open","version":4,"openedAt":"TIME","updatedAt":"TIME"}
`, "accounts", "get", "12345678", "--at", "4")
	if got := printed(t, "accounts", "get", "12345678", "--at", "2999-01-02T03:04:05Z"); !strings.Contains(got, `"status":"closed"`) {
		t.Error(got)
	}
	prints(t, "", "accounts", "list")
	if got := strings.Count(printed(t, "accounts", "history", "12345678", "--limit", "4"), "\n"); got != 4 {
		t.Errorf("%d lines", got)
	}
	// The very bytes of the API, as far as they are one document.
	raw := httpGet(t, os.Getenv(envName("url"))+"/v1/events/2")
	line, _, _ := strings.Cut(succeed(t, "events", "tail", "--after", "1"), "\n")
	if line != raw {
		t.Errorf("%s\nthe API gives %s", line, raw)
	}
}

func httpGet(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheSameCommandWithTheSameKeyIsDoneOnce(t *testing.T) {
	served(t)
	succeed(t, "accounts", "open", "12345678", "--sort-code", "10-20-30", "--idempotency-key", "o")
	succeed(t, "accounts", "open", "23456789", "--sort-code", "10-20-30")
	deposit := []string{"deposit", "12345678", "1250", "--idempotency-key", "k", "--output", "table"}
	first := command(t, deposit...)
	again := command(t, deposit...)
	if again.stdout != first.stdout || first.stderr != "" || !strings.Contains(again.stderr, "done before") {
		t.Errorf("%+v\n%+v", first, again)
	}
	fail(t, exitFailed, "idempotency-key-reused", "deposit", "12345678", "1251", "--idempotency-key", "k")
	succeed(t, "transfer", "12345678", "23456789", "1250", "--reference", "rent")
	if r := command(t, "transfer", "23456789", "12345678", "1250", "--dry-run", "--output", "table"); !strings.Contains(r.stderr, "nothing was done") {
		t.Errorf("%+v", r)
	}
	if got := succeed(t, "accounts", "get", "23456789"); !strings.Contains(got, `"balance":1250`) {
		t.Error(got)
	}
}

func TestWhatIsRefusedSaysWhyAndWhatIsMisspeltIsNotSent(t *testing.T) {
	served(t)
	succeed(t, "accounts", "open", "12345678", "--sort-code", "10-20-30")
	for _, c := range []struct{ args, says string }{
		{"withdraw 12345678 1", "account 12345678 has a balance of 0, which is less than 1 (insufficient-funds)"},
		{"deposit 99999999 1", "(account-not-found)"},
		{"deposit 12345678 1 --currency EUR", "(currency-mismatch)"},
		{"accounts open 1 --sort-code x", "; /accountNumber must be 6 to 12 digits, 0 to 9; /sortCode must be six digits"},
		{"accounts open 12345678 --sort-code 10-20-30", "(account-exists)"},
		{"accounts update 12345678 --no-card-urls --if-match 7", "(version-mismatch)"},
		{"accounts update 12345678 --no-card-urls --if-match 0", "(version-mismatch)"},
		{"accounts get 12345678 --at 99", "(bad-parameter)"},
		{"accounts history 999999", "(account-not-found)"},
	} {
		fail(t, exitFailed, c.says, strings.Fields(c.args)...)
	}
	for _, c := range []struct{ args, says string }{
		{"deposit 12345678 12.50", "1250 for 12.50"}, {"deposit 12345678 0", "1 or more"}, {"deposit 12345678", "AMOUNT is missing"}, {"transfer 1 2 3 4", `nothing is expected at "4"`},
		{"accounts open", "--sort-code"}, {"accounts open 1 2 --sort-code 10-20-30", `nothing is expected at "2"`}, {"accounts update 12345678", "nothing is to be changed"},
		{"accounts update 12345678 --card-url x --no-card-urls", "one of them"}, {"accounts list --limit -1", "--limit -1"}, {"accounts get 12345678 --at soon", `--at "soon"`},
		{"accounts get 12345678 --output xml", "table or json is expected"}, {"accounts get 12345678 --url x", "--url"}, {"accounts get 12345678 --url http://127.0.0.1:1,x", "--url"},
		{"accounts get 12345678 --retry-for -1s", "--retry-for"}, {"accounts get 12345678 --ca-cert /nowhere", "--ca-cert"}, {"accounts get 12345678 --ca-cert remote_test.go", "PEM"},
		{"accounts gte", `unknown command "gte"`}, {"events", ""}, {"events tail --after 1 -n 1", "one of them"}, {"events tail -n -1", "0 or more"},
		{"events append {", "no event can be read"}, {`events append [{"typ":"x"}]`, `"typ"`}, {"events append []", "EOF"}, {"events append {} --if-version 3", "--if-subject"},
	} {
		if c.says == "" {
			succeed(t, c.args)
			continue
		}
		fail(t, exitUsage, c.says, strings.Fields(c.args)...)
	}
	for _, args := range []string{"accounts open", "accounts get", "accounts list", "accounts history", "accounts update", "accounts close", "deposit", "withdraw", "transfer", "events tail", "events append"} {
		if help := succeed(t, append(strings.Fields(args), "--help")...); !strings.Contains(help, "Examples:\n  openpayment "+args) {
			t.Errorf("the help of %s has no examples", args)
		}
	}
	if got := strings.Count(succeed(t, "events", "tail"), "\n"); got != 1 {
		t.Errorf("%d events", got)
	}
}

func TestATokenComesFromTheEnvironment(t *testing.T) {
	token := func(name string, scopes ...access.Scope) access.Token {
		return access.Token{Principal: access.Principal{Name: name, Scopes: scopes}, Digest: access.DigestOf(name)}
	}
	served(t, func(cfg *api.Config) {
		cfg.Guard = access.NewGuard(token("reader", access.Read), token("all", access.Scopes()...))
	})
	fail(t, exitFailed, clientTokenVariable, "accounts", "list")
	t.Setenv(tokenVariable, "all")
	succeed(t, "accounts", "open", "12345678", "--sort-code", "10-20-30")
	t.Setenv(clientTokenVariable, "reader")
	succeed(t, "accounts", "list")
	fail(t, exitFailed, "(forbidden)", "deposit", "12345678", "1")
	t.Setenv(clientTokenVariable, "two words")
	fail(t, exitUsage, clientTokenVariable, "accounts", "list")
}

func TestAServiceWithACertificateIsAskedIfItsAuthorityIsTrusted(t *testing.T) {
	handler := served(t)
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	succeed(t, "accounts", "list", "--url", server.URL, "--ca-cert", file)
	fail(t, exitFailed, "--ca-cert names the authority", "accounts", "list", "--url", server.URL)
}

func TestAnotherNodeIsAskedWhereOneCannotBe(t *testing.T) {
	served(t)
	succeed(t, "accounts", "list", "--url", "http://127.0.0.1:1,"+os.Getenv(envName("url")))
}

func TestWhatMayHaveBeenDoneIsSaidWithTheKeyThatSettlesIt(t *testing.T) {
	t.Setenv(envName("retry-for"), "0s")
	url := answering(t, 503, "application/problem+json", `{"status":503,"code":"outcome-unknown","detail":"made up"}`)
	r := fail(t, exitFailed, "it may have been done; the same again with --idempotency-key '", "deposit", "12345678", "1", "--url", url)
	if !regexp.MustCompile(`'[0-9a-f-]{36}' settles it`).MatchString(r.stderr) || !strings.Contains(r.stderr, "made up (outcome-unknown)") {
		t.Error(r.stderr)
	}
	fail(t, exitFailed, "made up (outcome-unknown)", "accounts", "get", "12345678", "--url", url)
	url = answering(t, 500, "application/problem+json", `{"status":500,"code":"internal","detail":"made up","requestId":"r17"}`)
	fail(t, exitFailed, "r17", "accounts", "get", "12345678", "--url", url)
	for _, args := range []string{"accounts list", "events tail", "deposit 1 1"} {
		fail(t, exitFailed, "does it run? --url says where it is", append(strings.Fields(args), "--url", "http://127.0.0.1:1")...)
		fail(t, exitFailed, "(--url says where it is)", append(strings.Fields(args), "--url", answering(t, 200, "text/html", "<html>"))...)
	}
}

func TestAShellIsToldWhatThereIs(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := succeed(t, "completion", shell); !strings.Contains(got, "openpayment") {
			t.Errorf("%s: %s", shell, got)
		}
	}
	for args, want := range map[string]string{
		"accounts  ": "close history list open update get", "events tail --type ": "account.opened funds.transferred", "accounts list --output ": "table json",
		"": "accounts deposit events transfer withdraw serve completion",
	} {
		got := succeed(t, append([]string{"__completeNoDesc"}, strings.Split(args, " ")...)...)
		if args == "accounts  " {
			got = succeed(t, "__completeNoDesc", "accounts", "")
		}
		for _, word := range strings.Fields(want) {
			if !strings.Contains("\n"+got, "\n"+word+"\n") {
				t.Errorf("%q: no %s in\n%s", args, word, got)
			}
		}
	}
}

func TestTheNewestEventsAreShown(t *testing.T) {
	served(t)
	succeed(t, "accounts", "open", "12345678", "--sort-code", "10-20-30")
	for range 5 {
		succeed(t, "deposit", "12345678", "1")
	}
	for args, want := range map[string]string{
		"": "1 2 3 4 5 6", "-n 2": "5 6", "-n 0": "", "-n 2 --type funds.deposited": "5 6", "--type account.opened": "1", "--after 4": "5 6", "--after 0 --type account.opened": "1",
		"--after 9": "", "-n 3 --subject accounts/12345678": "4 5 6", "--subject x": "",
	} {
		var seqs []string
		for dec := json.NewDecoder(strings.NewReader(succeed(t, append([]string{"events", "tail"}, strings.Fields(args)...)...))); ; {
			var ev struct{ Seq json.Number }
			if dec.Decode(&ev) != nil {
				break
			}
			seqs = append(seqs, ev.Seq.String())
		}
		if got := strings.Join(seqs, " "); got != want {
			t.Errorf("%q: %s, want %s", args, got, want)
		}
	}
}

func TestEventsAreAppendedFromAnArgumentOrStandardInput(t *testing.T) {
	served(t)
	prints(t, `{"seq":1,"id":"ID","type":"customer.added","subject":"customers/1","time":"TIME","meta":{"idempotencyFingerprint":"HASH","idempotencyKey":"k","requestId":"ID"},"data":{"a":1.0,"b":"<&>"},"hash":"HASH"}
`, "events", "append", `{"type":"customer.added","subject":"customers/1","data":{"a":1.0,"b":"<&>"}}`, "--if-subject", "customers/1", "--idempotency-key", "k")
	fail(t, exitFailed, "(version-mismatch)", "events", "append", `[{"type":"customer.added","subject":"customers/1","data":{}}]`, "--if-subject", "customers/1")
	fail(t, exitFailed, "(type-reserved)", "events", "append", `{"type":"funds.deposited","subject":"accounts/1","data":{}}`)
	for i, args := range [][]string{{"events", "append", "--if-subject", "customers/1", "--if-version", "1"}, {"events", "append", "-", "--output", "table"}} {
		root := rootCommand()
		root.SetArgs(args)
		root.SetIn(strings.NewReader(`{"type":"customer.renamed","subject":"customers/1","data":{"n":1}}` + "\n" + `[{"type":"customer.renamed","subject":"customers/1","data":{"n":2}}]`))
		var out strings.Builder
		root.SetOut(&out)
		if err := root.ExecuteContext(t.Context()); err != nil || strings.Count(out.String(), "\n") != 2 || strings.HasPrefix(out.String(), "{") != (i == 0) {
			t.Errorf("%v %s", err, out.String())
		}
	}
}
