package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"openpayment/api/access"
)

// created is what token create makes: a token, and its entry.
func created(t *testing.T, args ...string) (token, entry string) {
	t.Helper()
	code, stdout, stderr := program(append([]string{"token", "create"}, args...)...)
	_, token, ok := strings.Cut(strings.TrimSpace(stderr), "shown this once: ")
	if code != exitOK || !ok {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	return token, stdout
}

// tokenFile is a file with these entries.
func tokenFile(t *testing.T, entries ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tokens.yaml")
	writeFile(t, file, strings.Join(entries, ""))
	return file
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func bearer(token string) string { return "Authorization: Bearer " + token }

func TestACreatedTokenOpensWhatItsScopesSay(t *testing.T) {
	reports, readEntry := created(t, "--name", "reports", "--scope", "read")
	branch, branchEntry := created(t, "--name", "branch-12", "--scope", "read,command", "--subjects", "accounts/12")
	if strings.Contains(readEntry, reports) || reports == branch {
		t.Errorf("%s\n%s", readEntry, branchEntry)
	}
	p := start(t, "--store", "memory:", "--tokens", tokenFile(t, readEntry, branchEntry))
	open := `{"accountNumber":"12345678","sortCode":"10-20-30"}`
	p.must(http.StatusUnauthorized, "POST", "/v1/accounts", open)
	p.must(http.StatusUnauthorized, "POST", "/v1/accounts", open, bearer("opt_wrong"))
	p.must(http.StatusForbidden, "POST", "/v1/accounts", open, bearer(reports))
	p.must(http.StatusCreated, "POST", "/v1/accounts", open, bearer(branch))
	p.must(http.StatusForbidden, "POST", "/v1/accounts", strings.ReplaceAll(open, "12345678", "34567890"), bearer(branch))
	p.must(http.StatusOK, "GET", "/v1/accounts", "", bearer(reports))
	p.must(http.StatusForbidden, "GET", "/v1/accounts", "", bearer(branch))
	p.must(http.StatusForbidden, "GET", "/v1/admin/status", "", bearer(reports))
	for range 30 {
		if status := p.tried(t, bearer("opt_wrong")); status != http.StatusUnauthorized && status != http.StatusTooManyRequests {
			t.Errorf("status %d", status)
		}
	}
	p.must(http.StatusTooManyRequests, "GET", "/v1/accounts", "", bearer("opt_wrong"))
	p.must(http.StatusOK, "GET", "/v1/accounts", "", bearer(reports))
	if strings.Contains(p.Log(), reports) || strings.Contains(p.Log(), "opt_wrong") {
		t.Error("a token is in the log")
	}
}

// tried is the status of a read.
func (p *process) tried(t *testing.T, headers ...string) int {
	t.Helper()
	a, err := p.do("GET", "/v1/accounts", "", headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a.status
}

// hangUp sends SIGHUP and waits until the service says something for it.
func (p *process) hangUp(says string) {
	p.T.Helper()
	before := strings.Count(p.Log(), says)
	p.Signal(syscall.SIGHUP)
	p.Eventually("it says "+says, func() bool { return strings.Count(p.Log(), says) > before })
}

func TestTokensAreReadAgainOnSIGHUPUnlessTheyCantBe(t *testing.T) {
	old, oldEntry := created(t, "--name", "a", "--scope", "read")
	fresh, freshEntry := created(t, "--name", "a", "--scope", "read")
	file := tokenFile(t, oldEntry)
	p := start(t, "--store", "memory:", "--tokens", file)
	p.must(http.StatusOK, "GET", "/v1/accounts", "", bearer(old))

	for _, bad := range []string{"", freshEntry + freshEntry, "- {name: a}\n"} {
		writeFile(t, file, bad)
		p.hangUp("those known before stay")
		p.must(http.StatusOK, "GET", "/v1/accounts", "", bearer(old))
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p.hangUp("those known before stay")
	p.must(http.StatusOK, "GET", "/v1/accounts", "", bearer(old))
	if log := p.Log(); !strings.Contains(log, "sha256 is missing; line 1: scopes is missing") {
		t.Errorf("not every fault is named:\n%s", log)
	}

	writeFile(t, file, freshEntry)
	p.hangUp("tokens read again")
	p.must(http.StatusUnauthorized, "GET", "/v1/accounts", "", bearer(old))
	p.must(http.StatusOK, "GET", "/v1/accounts", "", bearer(fresh))
	if code := p.Terminate(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestTheAdminTokenStandsBesideTheFile(t *testing.T) {
	reports, entry := created(t, "--name", "reports", "--scope", "read")
	file := tokenFile(t, entry)
	t.Setenv(tokenVariable, "a-token-of-some-length")
	p := start(t, "--store", "memory:", "--tokens", file)
	p.must(http.StatusOK, "GET", "/v1/admin/status", "", bearer("a-token-of-some-length"))
	p.must(http.StatusOK, "GET", "/v1/accounts", "", bearer(reports))
}

func TestTokensThatCannotBeMeantAreRefused(t *testing.T) {
	_, entry := created(t, "--name", "admin", "--scope", "read")
	good := tokenFile(t, entry)
	t.Setenv(tokenVariable, "secret-secret-secret")
	same := tokenFile(t, access.Token{
		Principal: access.Principal{Name: "x", Scopes: []access.Scope{access.Read}}, Digest: access.DigestOf("secret-secret-secret")}.String())
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"two tokens of one name":       {[]string{"--tokens", good}, "the token admin is that of OPENPAYMENT_ADMIN_TOKEN"},
		"one token with two names":     {[]string{"--tokens", same}, "the token x is that of OPENPAYMENT_ADMIN_TOKEN"},
		"a file that isn't there":      {[]string{"--tokens", good + "x"}, "no such file"},
		"a file of something else":     {[]string{"--tokens", os.Args[0]}, "--tokens"},
		"a certificate without a key":  {[]string{"--tls-cert", good}, "--tls-key"},
		"a key without a certificate":  {[]string{"--tls-key", good}, "--tls-cert"},
		"clients' certificates alone":  {[]string{"--tls-client-ca", good}, "--tls-cert and --tls-key are expected too"},
		"what is no certificate":       {[]string{"--tls-cert", good, "--tls-key", good}, "--tls-cert"},
		"no time for a header":         {[]string{"--header-timeout", "0s"}, "--header-timeout"},
		"less than no connections":     {[]string{"--max-connections", "-1"}, "--max-connections"},
		"less than no failures":        {[]string{"--token-failures", "-1"}, "--token-failures"},
		"a header of no size":          {[]string{"--max-header-bytes", "10"}, "4096 and 1024 are expected"},
		"a URL of no size":             {[]string{"--max-url-bytes", "0"}, "--max-url-bytes"},
		"a token without a name":       {[]string{"token", "create", "--scope", "read"}, "--name"},
		"a name that can't be":         {[]string{"token", "create", "--name", "a b", "--scope", "read"}, "up to 64 letters"},
		"a token without a scope":      {[]string{"token", "create", "--name", "a"}, "--scope"},
		"a scope that isn't there":     {[]string{"token", "create", "--name", "a", "--scope", "write"}, "there are read, command, append and admin"},
		"an operator of some subjects": {[]string{"token", "create", "--name", "a", "--scope", "admin", "--subjects", "accounts/1"}, "can't be bound"},
	} {
		t.Run(name, func(t *testing.T) {
			args := c.args
			if args[0] != "token" {
				args = append([]string{"--store", "memory:", "--listen", "127.0.0.1:0"}, args...)
			}
			code, stdout, stderr := program(args...)
			if code != exitUsage || !strings.Contains(stderr, c.says) || stdout != "" {
				t.Errorf("exit code %d; stderr does not say %q:\n%s%s", code, c.says, stdout, stderr)
			}
		})
	}
}

// hashed is token hash with this on its standard input.
func hashed(input string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	root := rootCommand()
	root.SetArgs([]string{"token", "hash"})
	root.SetIn(strings.NewReader(input))
	root.SetOut(&out)
	if err := root.ExecuteContext(context.Background()); err != nil {
		return exitFailed, out.String(), err.Error()
	}
	return exitOK, out.String(), errs.String()
}

func TestATokenIsHashedAsTheServiceHashesIt(t *testing.T) {
	for _, ending := range []string{"", "\n", "\r\n", "\nmore\n"} {
		if code, stdout, stderr := hashed("a-token-of-some-length" + ending); code != exitOK || stdout != access.DigestOf("a-token-of-some-length").String()+"\n" {
			t.Errorf("%q: %d %s%s", ending, code, stdout, stderr)
		}
	}
	for _, bad := range []string{"", "\n", "short", "with a space in between", " begins-with-a-space"} {
		if code, stdout, stderr := hashed(bad); code == exitOK || stdout != "" || !strings.Contains(stderr, "16 to 1024 printable") {
			t.Errorf("%q: %d %s%s", bad, code, stdout, stderr)
		}
	}
}

func TestOperatorsAreWarnedOfTokensThatAreWorthLittle(t *testing.T) {
	_, entry := created(t, "--name", "a", "--scope", "read")
	for _, c := range []struct {
		mode  os.FileMode
		token string
		warns string // empty: no warning
	}{
		{0o600, "", ""}, {0o640, "a-token-of-some-length", ""}, {0o644, "", "chmod 600"}, {0o602, "", "chmod 600"}, {0o660, "", "chmod 600"},
		{0o600, "short", "may be guessed"},
	} {
		file := tokenFile(t, entry)
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		log, err := newLogger(&out, "info", "json")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (tokenSource{admin: c.token, file: file}).guard(log); err != nil {
			t.Fatal(err)
		}
		if said := out.String(); c.warns == "" && said != "" || !strings.Contains(said, c.warns) {
			t.Errorf("%s, %q: %s", c.mode, c.token, said)
		}
	}
}
