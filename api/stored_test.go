package api_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

var update = flag.Bool("update", false, "write the golden files of appended events anew: those that were ever stored stay in logs as they are")

// storedEvent is what a log holds of an event that somebody asked for.
type storedEvent struct {
	Type    string            `json:"type"`
	Subject string            `json:"subject"`
	Meta    map[string]string `json:"meta"`
	Data    string            `json:"data"` // the text itself, so that every byte of it is pinned
}

// What is stored of a request is a format like any other: its readers find, for ever,
// what they find today.
func TestWhatIsStoredOfAnAppendIsAsEver(t *testing.T) {
	const trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, request := range map[string]struct {
		body    string
		headers []string
	}{
		"own-form": {appendBody("customers/1", 0, `{"type":"customer.renamed","subject":"customers/1","data":{ "name":"\u00e9 <&> `+"\u2028"+`", "n":[1.0, 1E+2, -0] }}`, renamed("accounts/12345678")),
			[]string{"Idempotency-Key: k", trace}},
		"cloudevent": {cloudEventOf(wholeCloudEvent), []string{"Content-Type: " + oneCloudEvent}},
		"cloudevents": {"[" + cloudEventOf("") + "," + cloudEventOf(`"time":"2026-01-02T03:04:05Z","sequence":"9","ext":"a/b"`) + "]",
			[]string{"Content-Type: " + manyCloudEvents, "Idempotency-Key: k", trace}},
	} {
		log := memory.New()
		r := newNode(t, log, eventstoretest.NewFaulty(log.Open()))
		<-r.read
		r.append(request.body, append(request.headers, "X-Request-Id: r-1")...).is(201, "")
		var stored []storedEvent
		for ev, err := range log.Open().Read(t.Context(), 0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, storedEvent{ev.Type, ev.Subject, ev.Meta.Map(), ev.Data})
		}
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(stored); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", "appended", name+".json")
		if *update {
			if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || string(want) != text.String() {
			t.Errorf("%s is stored as\n%s\nand was\n%s (%v)", name, text.String(), want, err)
		}
	}
}
