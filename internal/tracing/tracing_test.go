package tracing_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/internal/tracing"
)

const (
	clientTrace = "0af7651916cd43dd8448eb211c80319c"
	clientSpan  = "b7ad6b7169203331"
	traceparent = "traceparent: 00-" + clientTrace + "-" + clientSpan + "-01"
	openBody    = `{"accountNumber":"000001","sortCode":"10-20-30"}`
)

func TestACommandIsARequestWithItsStagesBelow(t *testing.T) {
	c := newCollector(t)
	s := newTraced(t, tracing.Config{Endpoint: c.url, Version: "1.2.3"})
	s.store.OnAppend(eventstoretest.ScriptAppends(rival))
	if status, body := s.send(t, "POST", "/v1/accounts", openBody, traceparent, "X-Request-Id: mine"); status != 201 {
		t.Fatal(body)
	}
	s.flush()
	request := c.only(t, "POST /v1/accounts")
	if id(request.GetTraceId()) != clientTrace || id(request.GetParentSpanId()) != clientSpan || request.GetKind() != spans.Span_SPAN_KIND_SERVER {
		t.Errorf("the request's span is %v", request)
	}
	wantAttributes(t, request, map[string]string{
		"http.request.method": "POST", "http.route": "/v1/accounts", "url.path": "/v1/accounts", "url.scheme": "http",
		"network.protocol.version": "1.1", "http.response.status_code": "201", "openpayment.request.id": "mine",
	})
	end := request.GetStartTimeUnixNano()
	for _, name := range []string{"queue", "decide", "append", "apply"} {
		stage := c.only(t, name)
		if id(stage.GetTraceId()) != clientTrace || id(stage.GetParentSpanId()) != id(request.GetSpanId()) {
			t.Errorf("%s is no child of the request: %v", name, stage)
		}
		if stage.GetStartTimeUnixNano() < end || stage.GetEndTimeUnixNano() > request.GetEndTimeUnixNano() {
			t.Errorf("%s does not follow upon the stage before, within the request: %v", name, stage)
		}
		end = stage.GetEndTimeUnixNano()
	}
	wantAttributes(t, c.only(t, "decide"), map[string]string{"openpayment.command": "open", "openpayment.conflicts": "1"})
	wantAttributes(t, c.only(t, "append"), map[string]string{"openpayment.batch.first_seq": "2", "openpayment.batch.events": "1"})
	for name, want := range map[string]string{"service.name": "openpayment", "service.version": "1.2.3", "telemetry.sdk.language": "go"} {
		if c.resource[name] != want {
			t.Errorf("%s is %q, want %q", name, c.resource[name], want)
		}
	}
	if _, ev := s.send(t, "GET", "/v1/events/2", ""); !strings.Contains(ev, `"traceparent":"00-`+clientTrace+"-"+id(request.GetSpanId())+`-01"`) {
		t.Errorf("the event does not name the request's span: %s", ev)
	}
}

// rival appends an event of another service first.
func rival(ctx context.Context, h eventstore.Head, b []eventstore.Event, next eventstoretest.AppendFunc) error {
	other := b[0]
	other.ID, other.Type, other.Subject = uuid.New(), "customer.renamed", "customers/1"
	other.Hash = other.ChainHash(h.Hash)
	if err := next(ctx, h, []eventstore.Event{other}); err != nil {
		return err
	}
	return next(ctx, h, b)
}

func wantAttributes(t *testing.T, s *spans.Span, want map[string]string) {
	t.Helper()
	got := attributes(s.GetAttributes())
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: %s is %q, want %q", s.GetName(), name, got[name], value)
		}
	}
}

func TestARefusalAndAFailureAreToldApart(t *testing.T) {
	c := newCollector(t)
	s := newTraced(t, tracing.Config{Endpoint: c.url})
	s.send(t, "GET", "/v1/accounts/000001", "")
	s.store.OnAppend(eventstoretest.FailAppend)
	s.send(t, "POST", "/v1/accounts", openBody)
	s.send(t, "GET", "/nowhere/000001", "")
	s.flush()
	refused := c.only(t, "GET /v1/accounts/{number}")
	wantAttributes(t, refused, map[string]string{"http.response.status_code": "404", "openpayment.problem": "account-not-found", "error.type": ""})
	failed := c.only(t, "POST /v1/accounts")
	wantAttributes(t, failed, map[string]string{"http.response.status_code": "503", "openpayment.problem": "store-unavailable", "error.type": "store-unavailable"})
	if refused.GetStatus().GetCode() != spans.Status_STATUS_CODE_UNSET || failed.GetStatus().GetCode() != spans.Status_STATUS_CODE_ERROR {
		t.Errorf("refused: %v, failed: %v", refused.GetStatus(), failed.GetStatus())
	}
	if len(refused.GetParentSpanId()) != 0 {
		t.Error("a request without a trace has a parent")
	}
	if len(c.named("append")) != 0 {
		t.Error("there is a span of an append that there was not")
	}
	wantAttributes(t, c.only(t, "GET"), map[string]string{"http.response.status_code": "404", "http.route": ""})
}

func TestCommandsThatShareAnAppendShareItsSpans(t *testing.T) {
	c := newCollector(t)
	s := newTraced(t, tracing.Config{Endpoint: c.url})
	if status, body := s.send(t, "POST", "/v1/commands", `{"commands":[{"kind":"open","accountNumber":"000001","sortCode":"10-20-30"},{"kind":"open","sortCode":"10-20-30"},{"kind":"close","account":"000001"}]}`); status != 200 {
		t.Fatal(body)
	}
	s.flush()
	wantAttributes(t, c.only(t, "append"), map[string]string{"openpayment.batch.first_seq": "1", "openpayment.batch.events": "3"})
}

func TestATraceThatIsNotRecordedIsHandedOnAllTheSame(t *testing.T) {
	c := newCollector(t)
	s := newTraced(t, tracing.Config{Endpoint: c.url})
	s.send(t, "POST", "/v1/accounts", openBody, strings.TrimSuffix(traceparent, "01")+"00")
	s.flush()
	if len(c.spans) != 0 {
		t.Errorf("%d spans are collected", len(c.spans))
	}
	if _, ev := s.send(t, "GET", "/v1/events/1", ""); !strings.Contains(ev, `"traceparent":"00-`+clientTrace+`-`) || strings.Contains(ev, clientSpan) {
		t.Errorf("the event has another trace: %s", ev)
	}
}

func TestTheEnvironmentNamesTheCollector(t *testing.T) {
	c := newCollector(t)
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.url, "OTEL_SERVICE_NAME": "payments", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
	} {
		t.Setenv(name, value)
	}
	s := newTraced(t, tracing.Config{})
	s.send(t, "GET", "/v1/accounts", "")
	s.flush()
	c.only(t, "GET /v1/accounts")
	if c.resource["service.name"] != "payments" || c.resource["deployment.environment.name"] != "test" {
		t.Errorf("the resource is %v", c.resource)
	}
}

func TestTheEnvironmentSaysHowManyAreRecorded(t *testing.T) {
	c := newCollector(t)
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	s := newTraced(t, tracing.Config{Endpoint: c.url})
	s.send(t, "GET", "/v1/accounts", "")
	s.flush()
	if len(c.spans) != 0 {
		t.Errorf("%d spans are collected", len(c.spans))
	}
}

func TestWithoutACollectorNothingIsTraced(t *testing.T) {
	for name, set := range map[string]string{"OTEL_SERVICE_NAME": "x", "OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "none"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, set)
			endpoint := "http://127.0.0.1:4318"
			if name == "OTEL_SERVICE_NAME" {
				endpoint = ""
			}
			tracer, err := tracing.Start(t.Context(), tracing.Config{Endpoint: endpoint})
			if tracer != nil || err != nil {
				t.Fatalf("%v, %v", tracer, err)
			}
			if o := tracer.API(); o.Began != nil || o.Ended != nil || o.Commanded != nil {
				t.Error("it observes")
			}
			tracer.Close(t.Context())
		})
	}
}

func TestAnEndpointThatIsNoneIsRefused(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:4318", "localhost", "grpc://127.0.0.1:4317", "http://", ":"} {
		if _, err := tracing.Start(t.Context(), tracing.Config{Endpoint: endpoint}); err == nil {
			t.Errorf("%q is taken", endpoint)
		}
	}
}

// TestACollectorThatCannotBeReachedHoldsUpNobody sends many more requests than wait to
// be collected, to a port that takes connections and never answers.
func TestACollectorThatCannotBeReachedHoldsUpNobody(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "16")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "100")
	var failures atomic.Int64
	s := newTraced(t, tracing.Config{Endpoint: "http://" + silent.Addr().String(), Failed: func(error) { failures.Add(1) }})
	start := time.Now()
	for range 500 {
		if status, body := s.send(t, "GET", "/v1/accounts", ""); status != 200 {
			t.Fatal(body)
		}
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("500 requests took %s", took)
	}
	start = time.Now()
	s.flush()
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("giving up took %s", took)
	}
	if failures.Load() == 0 {
		t.Error("nobody was told")
	}
}
