package main

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// operations runs the commands of docs/operations.md in a folder with the log of
// a service that has two accounts.
type operations struct {
	*testing.T
	service *process
	folder  string
	replace *strings.Replacer // the document's stores to the test's
}

func newOperations(t *testing.T, replace ...string) *operations {
	t.Helper()
	folder := t.TempDir()
	o := &operations{T: t, folder: folder, replace: strings.NewReplacer(replace...)}
	o.service = start(t, "--store", "sqlite:"+filepath.Join(folder, "openpayment.db"))
	o.open("12345678")
	o.open("12345679")
	return o
}

func (o *operations) open(account string) {
	o.Helper()
	o.service.must(http.StatusCreated, "POST", "/v1/accounts", `{"accountNumber":"`+account+`","sortCode":"10-20-30"}`)
}

func (o *operations) run(s step) {
	o.Helper()
	line := strings.ReplaceAll(o.replace.Replace(s.command), "http://127.0.0.1:8080", o.service.URL)
	if store, ok := strings.CutPrefix(line, "openpayment serve --store "); ok {
		o.service.Terminate()
		if path, ok := strings.CutPrefix(store, "sqlite:"); ok {
			store = "sqlite:" + filepath.Join(o.folder, path)
		}
		o.service = start(o, "--store", store)
		o.service.must(http.StatusOK, "GET", "/v1/accounts/12345678", "")
		return
	}
	cmd := exec.CommandContext(o.Context(), "bash", "-c", "set -o pipefail; "+line)
	cmd.Dir = o.folder
	cmd.Env = asInstalled(o, o.service.URL)
	output, err := cmd.CombinedOutput()
	if err != nil {
		o.Errorf("%s: %v\n%s", line, err, output)
	}
	(&tour{T: o.T}).expect(s, string(output))
}

func TestTheOperationsWorkWhenPasted(t *testing.T) {
	o := newOperations(t)
	for _, heading := range []string{"Looking", "Is the store as it should be?", "Verifying", "Snapshots", "Replaying", "Tokens", "Backup", "Restore", "Subscriptions", "Trying it on a large log"} {
		all := stepsOf(t, "docs/operations.md", heading)
		if len(all) == 0 {
			t.Errorf("%s has %d commands", heading, len(all))
		}
		for _, s := range all {
			o.run(s)
		}
	}
}

func TestMovingToCassandraWorksWhenPasted(t *testing.T) {
	o := newOperations(t, "cassandra://127.0.0.1:9042/openpayment", stores["cassandra"](t))
	for i, s := range stepsOf(t, "docs/operations.md", "Moving to Cassandra") {
		o.run(s)
		if i == 0 { // the service goes on, and is stopped before the second copy
			o.open("12345680")
			o.service.Terminate()
		}
	}
	o.service.must(http.StatusOK, "GET", "/v1/accounts/12345680", "")
}
