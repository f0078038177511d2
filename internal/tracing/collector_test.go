package tracing_test

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
	"openpayment/internal/tracing"
)

// collected is a collector: it takes what is sent by OTLP over HTTP, as protobuf.
type collected struct {
	url string

	mu       sync.Mutex // guards what follows
	spans    []*spans.Span
	resource map[string]string
}

func newCollector(t *testing.T) *collected {
	c := &collected{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &request)
		}
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s, %s: %v", r.Method, r.URL, r.Header.Get("Content-Type"), err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, of := range request.GetResourceSpans() {
			c.resource = attributes(of.GetResource().GetAttributes())
			for _, scope := range of.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func attributes(pairs []*common.KeyValue) map[string]string {
	all := make(map[string]string)
	for _, pair := range pairs {
		_, value, _ := strings.Cut(pair.GetValue().String(), ":")
		all[pair.GetKey()] = strings.Trim(value, `"`)
	}
	return all
}

// named gives the spans of a name.
func (c *collected) named(name string) (found []*spans.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.GetName() == name {
			found = append(found, s)
		}
	}
	return found
}

// only gives the one span of a name.
func (c *collected) only(t *testing.T, name string) *spans.Span {
	t.Helper()
	found := c.named(name)
	if len(found) != 1 {
		t.Fatalf("there are %d spans %q", len(found), name)
	}
	return found[0]
}

// traced is a whole service whose spans are collected.
type traced struct {
	url   string
	store *eventstoretest.Faulty
	flush func() // ends the tracing: everything has been collected
}

func newTraced(t *testing.T, cfg tracing.Config) *traced {
	t.Helper()
	tracer, err := tracing.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := eventstoretest.NewFaulty(memory.New().Open())
	read := make(chan struct{})
	service, err := journal.Start(t.Context(), store, journal.Config{
		Progress: func(_, _ eventstore.Position, done bool) {
			if done {
				close(read)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-read
	server := httptest.NewServer(api.New(api.Config{Service: service, Observer: tracer.API()}))
	t.Cleanup(func() {
		server.Close()
		tracer.Close(context.Background())
		if err := service.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &traced{server.URL, store, func() { tracer.Close(t.Context()) }}
}

// send sends a request, with headers as "Name: value", and gives the answer's status
// and body.
func (s *traced) send(t *testing.T, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func id(b []byte) string { return hex.EncodeToString(b) }
