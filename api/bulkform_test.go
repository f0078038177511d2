package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"openpayment/api"
)

func TestAllFaultsOfABulkAreToldAtOnce(t *testing.T) {
	r := newRig(t)
	good := `{"kind":"open","sortCode":"10-20-30"}`
	for _, c := range []struct{ body, pointers string }{
		{`[]`, ""},
		{`{}`, "/commands"},
		{`{"commands":{},"atomic":"yes"}`, "/commands /atomic"},
		{`{"commands":null,"atomic":null}`, "/commands /atomic"},
		{`{"commands":[],"comands":[]}`, "/commands /comands"},
		{`{"commands":[` + good + `],"dryRun":true}`, "/dryRun"},
		{`{"commands":[1,null,{},{"kind":1},{"kind":"opened"},{"kind":""}]}`,
			"/commands/0 /commands/1 /commands/2/kind /commands/3/kind /commands/4/kind /commands/5/kind"},
		{bulkOf(false, good, `{"kind":"open","account":"111111","ifMatch":1,"sortCode":"x","customerURLs":["https://a.b/c",2,"x"],"version":1}`, good),
			"/commands/1/sortCode /commands/1/customerURLs/1 /commands/1/customerURLs/2 /commands/1/account /commands/1/ifMatch /commands/1/version"},
		{bulkOf(false, `{"kind":"deposit","account":"x","amount":0.5,"ifMatch":"1","idempotencyKey":"é"}`),
			"/commands/0/account /commands/0/amount /commands/0/currency /commands/0/ifMatch /commands/0/idempotencyKey"},
		{bulkOf(false, `{"kind":"transfer","account":"111111","from":"1","amount":1,"currency":"GBP"}`),
			"/commands/0/from /commands/0/to /commands/0/account"},
		{bulkOf(false, `{"kind":"close"}`, `{"kind":"close","account":"111111","sortCode":"10-20-30"}`), "/commands/0/account /commands/1/sortCode"},
		{bulkOf(false, `{"kind":"patch","account":"111111","accountNumber":"222222"}`), "/commands/0/accountNumber"},
		{bulkOf(false, `{"kind":"close","account":"111111","ifMatch":0}`, `{"kind":"close","account":"111111","ifMatch":1.5}`, `{"kind":"close","account":"111111","ifMatch":null}`),
			"/commands/0/ifMatch /commands/1/ifMatch /commands/2/ifMatch"},
		{bulkOf(false, `{"kind":"open","sortCode":"10-20-30","idempotencyKey":"k"}`, good, `{"kind":"open","sortCode":"1","idempotencyKey":"k"}`),
			"/commands/2/sortCode /commands/2/idempotencyKey"},
		{bulkOf(true, `{"kind":"open","sortCode":"10-20-30","idempotencyKey":"k"}`, `{"kind":"open","sortCode":"10-20-30","idempotencyKey":"k"}`),
			"/commands/0/idempotencyKey /commands/1/idempotencyKey"},
		{bulkOf(false, strings.Split(strings.Repeat(good+" ", 1001), " ")[:1001]...), "/commands"},
	} {
		for _, query := range []string{"", "?dryRun=true"} {
			if got := r.do("POST", "/v1/commands"+query, c.body).is(422, "invalid"); got.pointers() != c.pointers {
				t.Errorf("%.300s: %s, want %s", c.body, got.pointers(), c.pointers)
			}
		}
	}
	r.do("POST", "/v1/commands", `{"commands":[{"kind":"close","kind":"close"}]}`).is(400, "bad-json")
	if r.head() != 0 {
		t.Errorf("%d events", r.head())
	}
}

func TestFaultsOfABulkAreCountedWhereThereAreTooMany(t *testing.T) {
	r := newRig(t)
	unknown := make([]string, 100)
	for i := range unknown {
		unknown[i] = fmt.Sprintf(`"x%d":1`, i)
	}
	command := `{"kind":"close","account":"111111",` + strings.Join(unknown, ",") + `}`
	got := r.do("POST", "/v1/commands", bulkOf(false, strings.Split(strings.Repeat(command+" ", 300), " ")[:300]...)).is(422, "invalid")
	if p := got.problem(); len(p.Errors) != 1000 || p.Detail != "the body breaks 30000 rules: errors lists 1000 of them" {
		t.Errorf("%d faults: %s", len(p.Errors), p.Detail)
	}
}

// FuzzBulk: whatever is sent, the service does not fail, and stores what it says it
// stored: of an atomic request all or nothing.
func FuzzBulk(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `{"commands":[]}`, `{"commands":[{"kind":"open"}],"atomic":1}`, `{"commands":[{}],"atomic":true}`,
		bulkOf(true, everyKind...), bulkOf(false, everyKind...), bulkOf(false, keyed(everyKind)...),
		`{"commands":[{"kind":"close","account":"1111\u00311","ifMatch":1e0}]}`, strings.Repeat(`{"commands":[`, 40),
	} {
		f.Add([]byte(seed), "")
		f.Add([]byte(seed), "k")
	}
	r := newRig(f, func(c *api.Config) { c.Log = nil })
	f.Fuzz(func(t *testing.T, body []byte, key string) {
		r := r.in(t)
		before := r.head()
		req := httptest.NewRequest("POST", "/v1/commands", strings.NewReader(string(body)))
		req.Header.Set("Content-Type", "application/json")
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		rec := httptest.NewRecorder()
		r.handler.ServeHTTP(rec, req)
		stored := r.head() - before
		want := int64(0)
		if got := (response{t, rec.Code, rec.Header(), rec.Body.Bytes()}); rec.Code < 300 && rec.Header().Get("Idempotency-Replayed") == "" {
			for _, item := range got.items() {
				if item.Status < 300 && !item.Replayed {
					want++
				}
				if item.Status >= 500 || item.Status >= 300 && rec.Code == http.StatusCreated {
					t.Errorf("%s", rec.Body)
				}
			}
		}
		if rec.Code >= 500 || stored != want {
			t.Errorf("%d with %d events, want %d: %s", rec.Code, stored, want, rec.Body)
		}
	})
}
